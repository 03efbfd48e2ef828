"""What every command has in common: no secret in its help, any terminal, completion."""

import pytest

from tests.gigawatt.running import gigawatt
from tests.test_docs import COMMANDS, SOURCES

SECRET = "hunter2"  # noqa: S105  of nobody
SECRETS = {
    "GIGAWATT_CLICKHOUSE": f"http://somebody:{SECRET}@127.0.0.1:1",
    "GIGAWATT_GRAFANA": f"http://somebody:{SECRET}@127.0.0.1:1",
    "GIGAWATT_GRAFANA_TOKEN": SECRET,
    "GIGAWATT_METER_PASSWORD": SECRET,
    "GIGAWATT_METER_URL": f"https://somebody:{SECRET}@127.0.0.1:1",
}
ALL = [[name] for name in COMMANDS]
ALL += [["produce", name] for name in SOURCES] + [["dashboards", name] for name in ("build", "check", "push")]


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_help_tells_no_secret_of_the_environment_and_needs_ascii_alone(command):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    shown = gigawatt(*command, "--help", env=SECRETS | plain)

    assert shown.returncode == 0
    assert SECRET not in shown.stdout + shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_shell_can_complete_commands_and_sources():
    """As click has it: the README says how."""
    asked = {"_GIGAWATT_COMPLETE": "bash_complete", "COMP_WORDS": "gigawatt produce nv", "COMP_CWORD": "2"}

    assert gigawatt(env=asked).stdout.split() == ["plain,nvml"]
