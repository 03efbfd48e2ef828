"""The deployment files say what exists, and ask for as little as reading takes."""

import pkgutil
import shlex
from pathlib import Path

import yaml

import gigawatt.commands
from producers import sources
from schema.settings import Settings

DEPLOY = Path(__file__).parent.parent / "docs" / "deploy"
COMMANDS = {module.name for module in pkgutil.iter_modules(gigawatt.commands.__path__)}
SOURCES = {module.name for module in pkgutil.iter_modules(sources.__path__)}


def unit() -> dict[str, list[str]]:
    """Return the settings of the unit's [Service], each with its values in order."""
    settings: dict[str, list[str]] = {}
    section = ""
    for line in (DEPLOY / "gigawatt-produce.service").read_text("utf-8").splitlines():
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


def test_the_unit_has_no_privilege():
    settings = unit()

    assert settings["CapabilityBoundingSet"] == [""]
    for name in ("DynamicUser", "NoNewPrivileges", "ProtectHome", "PrivateTmp", "ProtectKernelTunables"):
        assert settings[name] == ["yes"]
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["DevicePolicy"] == ["closed"]


def test_the_pod_runs_a_source_that_exists():
    (container,) = pod()["containers"]

    assert container["args"][0] in COMMANDS
    assert container["args"][1] in SOURCES
    assert container["args"][2:] == ["--host", "$(NODE_NAME)"]


def test_the_pod_has_no_privilege_and_writes_nothing():
    (container,) = pod()["containers"]

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["securityContext"]["runAsNonRoot"]
    assert not pod()["automountServiceAccountToken"]
    assert all(mount.get("readOnly") or mount["name"] == "tmp" for mount in container["volumeMounts"])
    assert "nvidia.com/gpu" not in str(container["resources"]), "a chip that is asked for is taken from a workload"


def test_settings_that_are_named_exist():
    known = {f"GIGAWATT_{name.upper()}" for name in vars(Settings())}
    for file in DEPLOY.iterdir():
        words = file.read_text("utf-8").replace("=", " ").replace("\\n", " ").replace("'", " ").split()
        assert {word for word in words if word.startswith("GIGAWATT_")} <= known, file.name
