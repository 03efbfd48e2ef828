"""The deployment files say what exists, and ask for as little as reading takes."""

import pkgutil
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gigawatt import commands as command_files
from producers import sources
from schema import clickhouse_errors, kafka_settings, passwords
from schema.settings import Settings
from tests.gigawatt.running import gigawatt

DEPLOY = Path(__file__).parent.parent / "docs" / "deploy"
COMMANDS = {module.name for module in pkgutil.iter_modules(command_files.__path__)}
SOURCES = {module.name for module in pkgutil.iter_modules(sources.__path__)}
PRODUCER = "gigawatt-produce.service"
UNITS = sorted(file.name for file in DEPLOY.glob("*.service"))
SETTINGS = {
    *(f"GIGAWATT_{name.upper()}" for name in vars(Settings())),
    kafka_settings.VARIABLE,
    *map(kafka_settings.variable, kafka_settings.KEYS),
    clickhouse_errors.ADDRESS_VARIABLE,
    *vars(clickhouse_errors.FILES).values(),
    passwords.FILE_VARIABLE,
}


def unit(name: str = PRODUCER, *, secured: bool = False) -> dict[str, list[str]]:
    """Return the settings of a unit's [Service], each with its values in order; `secured` for a login to Kafka."""
    settings: dict[str, list[str]] = {}
    section = ""
    text = (DEPLOY / name).read_text("utf-8")
    if secured:
        text = re.sub(r"(?m)^#(LoadCredential|Environment)=", r"\1=", text)
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


def pod() -> dict:
    return yaml.safe_load((DEPLOY / "daemonset.yaml").read_text("utf-8"))["spec"]["template"]["spec"]


def test_the_unit_runs_a_source_that_exists():
    command = shlex.split(unit()["ExecStart"][0])

    assert command[0].endswith("/.venv/bin/gigawatt")
    assert command[1] in COMMANDS
    assert command[2] in SOURCES


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_has_nothing_to_say_of_a_unit_but_that_it_is_not_installed_here(name):
    verify = [shutil.which("systemd-analyze"), "verify", DEPLOY / name]
    done = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=60)

    complaints = [line for line in (done.stdout + done.stderr).splitlines() if name.partition(".")[0] in line]
    assert all("is not executable: No such file" in line for line in complaints), complaints


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_names_the_credentials_that_it_loads(name):
    """By their path, which every systemd with credentials has; the specifier for it is younger than Ubuntu 22.04."""
    settings = unit(name, secured=True)
    loaded = [value.partition(":")[0] for value in settings["LoadCredential"]]
    named = [re.search(r"=/run/credentials/%n/(.*)", value) for value in settings["Environment"]]

    assert sorted(loaded) == sorted(found[1] for found in named if found)


def test_the_unit_may_open_what_each_source_opens():
    """By the names in /proc/devices; a TPU's runtime and exporters are asked over loopback."""
    allowed = {value.split()[0] for value in unit()["DeviceAllow"]}

    assert {"char-nvidia*", "char-kfd", "char-drm", "char-neuron"} <= allowed


def commands():
    """Return what the files run, each with all of its flags."""
    for name in UNITS:
        yield shlex.split(unit(name)["ExecStart"][0])[1:]
    yield pod()["containers"][0]["args"]
    for file in DEPLOY.iterdir():
        for told in re.findall(r"\bgigawatt (produce [\w /.-]+)", file.read_text("utf-8")):
            yield shlex.split(told)


@pytest.mark.parametrize("arguments", list(commands()), ids=" ".join)
def test_flags_that_are_given_exist(arguments):
    told = gigawatt(*(one for one in arguments if one != "--check"), "--help")

    assert told.returncode == 0, told.stderr
    assert "--check" not in arguments or "--check" in told.stdout


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_no_privilege(name):
    settings = unit(name)

    assert settings["CapabilityBoundingSet"] == [""]
    for setting in ("DynamicUser", "NoNewPrivileges", "ProtectHome", "PrivateTmp", "ProtectKernelTunables"):
        assert settings[setting] == ["yes"]
    assert settings["ProtectSystem"] == ["strict"]
    assert (settings.get("DevicePolicy"), settings.get("PrivateDevices")) in [(["closed"], None), (None, ["yes"])]


def test_the_pod_runs_a_source_that_exists():
    (container,) = pod()["containers"]

    assert container["args"][0] in COMMANDS
    assert container["args"][1] in SOURCES
    assert container["args"][2:4] == ["--host", "$(NODE_NAME)"]


def test_both_keep_what_is_not_acknowledged_in_a_state_directory_of_their_own():
    """The unit's is systemd's; the pod's is the node's, given to its user by an init container with no other right."""
    (container,), (first,) = pod()["containers"], pod()["initContainers"]
    (volume,) = (one for one in pod()["volumes"] if one["name"] == "spool")
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "spool")
    spool = "--spool {} --spool-bytes 512M --spool-age 72h".format

    assert unit()["ExecStart"][0].endswith(spool(f"/var/lib/{unit()['StateDirectory'][0]}"))
    assert " ".join(container["args"]).endswith(spool(mount["mountPath"]))
    assert volume["hostPath"] == {"path": "/var/lib/gigawatt-produce", "type": "DirectoryOrCreate"}
    assert first["command"] == [
        "chown",
        "{runAsUser}:{runAsGroup}".format(**pod()["securityContext"]),
        mount["mountPath"],
    ]
    assert first["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}
    assert first["volumeMounts"] == [mount]


def test_the_pod_has_no_privilege_and_writes_its_spool_alone():
    (container,) = pod()["containers"]

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["securityContext"]["runAsNonRoot"]
    assert not pod()["automountServiceAccountToken"]
    assert [mount["name"] for mount in container["volumeMounts"]] == ["tmp", "spool"]
    assert [one["name"] for one in pod()["volumes"] if "emptyDir" not in one] == ["spool"]
    assert "priorityClassName" not in pod(), "GKE wants a ResourceQuota for the system's, and a producer evicts nobody"
    assert "nvidia.com/gpu" not in str(container["resources"]), "a chip that is asked for is taken from a workload"


def test_probes_ask_where_the_producer_serves():
    """Whether it lives, and whether it does its work; in the pod, in the unit, and by the same port."""
    (container,) = pod()["containers"]
    served = {one["name"]: one.get("value") for one in container["env"]}["GIGAWATT_METRICS"]
    probes = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]

    assert [f"{probe['host']}:{probe['port']}" for probe in probes] == [served, served]
    assert [probe["path"] for probe in probes] == ["/healthz", "/readyz"]
    assert unit()["Environment"] == [f"GIGAWATT_METRICS={served}"]
    assert (unit()["Type"], unit()["WatchdogSec"]) == (["notify"], ["2min"])
    assert f"http://{served}/readyz" in (DEPLOY / "gigawatt-produce.service").read_text("utf-8")


@pytest.mark.parametrize("file", [*UNITS, "daemonset.yaml", "../production.md"])
def test_settings_that_are_named_exist(file):
    """Whoever mistypes one would run with its default."""
    assert set(re.findall(r"\bGIGAWATT_\w+", (DEPLOY / file).read_text("utf-8"))) <= SETTINGS
