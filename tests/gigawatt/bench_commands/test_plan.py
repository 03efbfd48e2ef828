"""`gigawatt bench plan`: numbers with their reasons, and nonsense refused in one line."""

import json

import pytest
from click.testing import CliRunner

from gigawatt.bench_commands.plan import command
from schema.errors import GigawattError
from tests.gigawatt.running import gigawatt


def test_a_plan_is_a_table_and_the_same_as_json(tmp_path):
    path = tmp_path / "plan.json"
    done = gigawatt("bench", "plan", "--chips", "1000000", "--chips-per-host", "8", "--sites", "4", "--json", str(path))

    assert done.returncode == 0, done.stderr
    made = json.loads(path.read_text())
    assert made["fleet"]["chips"] == 1_000_000
    assert made["measured"]["date"] in done.stderr
    for need in made["needs"]:
        assert need["what"] in done.stdout
        assert need["why"]
    assert {"brokers", "partitions", "workers", "shards", "disk of samples", "network of a site"} <= {
        need["what"] for need in made["needs"]
    }


@pytest.mark.parametrize(
    "flags",
    [
        ("--chips", "0", "--chips-per-host", "8"),
        ("--chips", "-5", "--chips-per-host", "8"),
        ("--chips", "many", "--chips-per-host", "8"),
        ("--chips", "1e99", "--chips-per-host", "8"),
        ("--chips", "100"),
        ("--chips", "4", "--chips-per-host", "8"),
        ("--chips", "100", "--chips-per-host", "0"),
        ("--chips", "100", "--chips-per-host", "8", "--period", "0"),
        ("--chips", "100", "--chips-per-host", "8", "--period", "nan"),
        ("--chips", "100", "--chips-per-host", "8", "--period", "inf"),
        ("--chips", "100", "--chips-per-host", "8", "--sites", "0"),
        ("--chips", "100", "--chips-per-host", "8", "--sites", "14"),
        ("--chips", "100", "--chips-per-host", "8", "--period", "5", "--publish-every", "1"),
        ("--chips", "100", "--chips-per-host", "8", "--cores", "0"),
        ("--chips", "100", "--chips-per-host", "8", "--measured", "/nonexistent.json"),
        ("--chips", "100", "--chips-per-host", "8", "--measured", __file__),
        ("--chips", "100", "--chips-per-host", "8", "--json", "/nonexistent/plan.json"),
    ],
    ids=" ".join,
)
def test_nonsense_is_refused_in_one_line(flags):
    done = CliRunner().invoke(command, flags)

    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    if done.exit_code == 1:
        assert isinstance(done.exception, GigawattError)
        assert "\n" not in str(done.exception)
    else:
        assert done.stderr.splitlines()[-1].startswith("Error: ")
