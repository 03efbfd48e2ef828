"""What README and docs say is so: commands, targets, settings, links, and what the compose file takes for granted."""

import dataclasses
import importlib.metadata
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import gigawatt.commands
from producers import sources
from schema.settings import Settings
from schema.topics import MAX_MESSAGE_BYTES
from tests.gigawatt.running import gigawatt as run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
SETTINGS = [field.name for field in dataclasses.fields(Settings)]
COMMANDS = sorted(module.name for module in pkgutil.iter_modules(gigawatt.commands.__path__))
SOURCES = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")


def named_commands(text: str) -> set[str]:
    """Return what follows `gigawatt` at the beginning of code, in a line of its own or between backticks."""
    return set(re.findall(r"(?:^    (?:\.venv/bin/)?|`)gigawatt ([a-z]+)", text, re.MULTILINE))


def test_readme_names_every_command():
    """Each command has its row in the table of commands."""
    table = set(re.findall(r"^\| `gigawatt ([a-z]+)", README, re.MULTILINE))

    assert table == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page):
    """Whoever types what stands there finds it."""
    assert named_commands(page.read_text("utf-8")) <= set(COMMANDS)


def test_readme_names_every_source():
    """Each source has its row in the table of sources, and each row its source."""
    table = README.partition("| source | reads | power |")[2].partition("\n\n")[0]

    assert sorted(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == SOURCES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_are_named_exist(page):
    """The two commands of the README above all."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make (?:[A-Z]+=\S+ )?([a-z]+)", page.read_text("utf-8"), re.MULTILINE))

    assert named <= targets
    if page.name == "README.md":
        assert {"up", "test"} <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    """Every relative link leads to a file or folder."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link.partition("#")[0]).exists()]

    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_are_named_exist(page):
    """A path of ours between backticks is there."""
    named = re.findall(rf"`((?:{'|'.join([*PACKAGES, 'tests', 'docs'])})/[\w./]*)`", page.read_text("utf-8"))
    places = [path for path in named if not re.search(r"NAME|NNNN", path)]

    assert [path for path in places if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("field", SETTINGS)
def test_settings_are_written_down(field):
    """Each setting stands in the README or the docs by the name of its variable."""
    assert any(f"GIGAWATT_{field.upper()}" in page.read_text("utf-8") for page in PAGES)


@pytest.mark.parametrize(
    "command", [[name] for name in COMMANDS] + [["produce", name] for name in SOURCES], ids=" ".join
)
def test_every_command_tells_of_itself(command):
    """`--help` says in a sentence what a command does, and on which flags."""
    shown = run(*command, "--help")
    usage, told = shown.stdout.split("\n\n")[:2]

    assert shown.returncode == 0, shown.stderr
    assert usage.startswith(f"Usage: gigawatt {' '.join(command)}")
    assert told.rstrip().endswith(".")
    assert "\\b" not in shown.stdout


def test_every_command_says_what_it_does_in_the_list():
    """`gigawatt --help` has a line for each command."""
    listed = run("--help").stdout.partition("Commands:\n")[2]

    assert {line.split()[0] for line in listed.splitlines() if len(line.split()) > 1} == set(COMMANDS)


def test_compose_runs_commands_that_exist():
    """Each `command:` is understood, as far as `--help` can tell."""
    commands = re.findall(r"command: \[(.*)\]", COMPOSE)
    assert commands
    for command in commands:
        words = shlex.split(command.replace(",", " "))
        shown = run(*words, "--help")
        assert shown.returncode == 0, (words, shown.stderr)


def test_compose_and_code_agree():
    """The broker takes messages as large as the topics do, and variables are settings."""
    assert f'KAFKA_MESSAGE_MAX_BYTES: "{MAX_MESSAGE_BYTES}"' in COMPOSE
    variables = {name.lower() for name in re.findall(r"^ +GIGAWATT_([A-Z]+):", COMPOSE, re.MULTILINE)}
    assert variables
    assert variables <= set(SETTINGS)


def test_no_package_has_a_name_that_another_one_needs():
    """Top-level names are short and common: no installed distribution may bring the same."""
    provided = importlib.metadata.packages_distributions()
    foreign = {name: set(provided.get(name, ())) - {"gigawatt"} for name in PACKAGES}

    assert {name: theirs for name, theirs in foreign.items() if theirs} == {}
    assert {"gigawatt", "producers", "schema", "streams"} <= set(PACKAGES)
