"""Our image, without an engine that could build it: its wheel holds all of us, and Compose's commands run from it."""

import os
import re
import signal
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose import CHECKOUT, environment, services
from tests.deploy.image import LOCK, built_wheel, context, dockerfile, environment_of, locked
from tests.engine import OLDEST
from tests.local.clickhouse.conftest import Front, start, wait_until

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
OURS = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]


def normal(name):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory) -> Path:
    return environment_of(wheel, tmp_path_factory.mktemp("image") / "gigawatt")


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory) -> Iterator[Front]:
    """Run the engine of the version that Compose runs."""
    if not OLDEST.exists():
        pytest.skip("no ClickHouse 25.8 here: `make test` fetches it")
    front = start(tmp_path_factory.mktemp("clickhouse") / "data", oldest=True)
    yield front
    front.stop()


def test_the_wheel_holds_every_file_of_ours(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    there = {
        str(file.relative_to(CHECKOUT))
        for package in OURS
        for file in (CHECKOUT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert held == there
    assert any(name.endswith(".sql") for name in held)


def test_the_context_is_what_the_build_needs():
    copied = [rest for word, rest in dockerfile() if word == "COPY" and not rest.startswith("--from")]
    tops = {file.parts[0] for file in context()}

    assert copied == [f"{LOCK.name} .", ". ."]
    assert tops == {*OURS, LOCK.name, "pyproject.toml", PROJECT["project"]["readme"], "LICENSE"}


def test_the_lock_of_the_image_is_what_it_runs_with_and_no_more():
    """Each has hashes and the version that tests run with; nothing of `gigawatt up` and of development is in it."""
    wanted = {normal(one) for one in PROJECT["project"]["dependencies"] if "; python_version" not in one}
    left_out = {normal(one) for extra in ("local", "dev") for one in PROJECT["project"]["optional-dependencies"][extra]}
    names = {normal(one.name) for one in locked()}
    text, whole = LOCK.read_text("utf-8"), (CHECKOUT / "requirements.lock").read_text("utf-8")
    versions = re.findall(r"^[a-z0-9.-]+==[^\s;]+", text, re.MULTILINE)

    assert wanted <= names
    assert not left_out & names
    assert set(versions) <= set(re.findall(r"^[a-z0-9.-]+==[^\s;]+", whole, re.MULTILINE))
    assert len(re.findall(r"^[a-z0-9.-]+==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(versions)


def test_the_image_is_of_one_pinned_base_and_runs_as_nobody():
    steps = dockerfile()
    bases = {rest.split()[0] for word, rest in steps if word == "FROM"}
    (user,) = (rest for word, rest in steps if word == "USER")
    pod = yaml.safe_load((CHECKOUT / "docs/deploy/daemonset.yaml").read_text("utf-8"))["spec"]["template"]["spec"]

    (base,) = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert user == "{runAsUser}:{runAsGroup}".format(**pod["securityContext"])
    assert ("ENTRYPOINT", '["gigawatt"]') in steps
    assert "--require-hashes --only-binary :all:" in " ".join(rest for _, rest in steps)


def test_every_command_tells_of_itself_and_the_local_ones_say_what_is_missing(command):
    shown = subprocess.run([command, "--help"], capture_output=True, text=True, check=False, timeout=60, env={})
    up = subprocess.run([command, "up"], capture_output=True, text=True, check=False, timeout=60, env={})

    assert (shown.returncode, shown.stderr) == (0, "")
    assert (up.returncode, up.stdout, len(up.stderr.splitlines())) == (1, "", 1)
    assert "chdb" in up.stderr


def test_what_compose_runs_stores_the_fleet_and_ends_when_it_is_asked(command, composed, clickhouse, tmp_path):
    """Each service's own command and variables, on Kafka as Compose sets it up and on ClickHouse's HTTP protocol."""
    given = environment("worker")
    moves = {
        given["GIGAWATT_KAFKA"]: composed.network,
        given["GIGAWATT_CLICKHOUSE"]: "http://{user}:{password}@127.0.0.1:{port}".format(
            **clickhouse.owner, port=clickhouse.port
        ),
    }
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def begun(service):
        variables = {name: moves.get(value, value) for name, value in environment(service).items()}
        return subprocess.Popen([command, *services()[service]["command"]], env=env | variables, cwd=tmp_path)

    assert begun("migrate").wait(120) == 0
    running = [begun("worker") for _ in range(services()["worker"]["deploy"]["replicas"])] + [begun("fleet")]
    try:
        with clickhouse.client(database="gigawatt") as client:
            asked = "SELECT uniqExact(chip) FROM chips"
            wait_until(lambda: client.query(asked).first_row[0] > 4000, 120)  # some hosts are silent, others slow
        variables = {name: moves[value] for name, value in given.items()}
        audit = subprocess.run(
            [command, "audit"], env=env | variables, capture_output=True, text=True, check=False, timeout=120
        )
    finally:
        for one in reversed(running):
            one.send_signal(signal.SIGTERM)
        codes = [one.wait(60) for one in running]
    assert codes == [0] * len(running)
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert list(tmp_path.iterdir()) == [], "a container's own files are lost with it"
