"""What README and docs say is so: commands, targets, settings, links, and what the compose file takes for granted."""

import dataclasses
import importlib.metadata
import pkgutil
import re
import shlex
from pathlib import Path

import pytest
import yaml

import gigawatt.commands
from producers import sources
from schema.settings import Settings
from schema.topics import MAX_MESSAGE_BYTES
from tests.gigawatt.running import gigawatt as run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
SETTINGS = [field.name for field in dataclasses.fields(Settings)]
COMMANDS = sorted(module.name for module in pkgutil.iter_modules(gigawatt.commands.__path__))
SOURCES = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")


def named_commands(text: str) -> set[str]:
    """Return what follows `gigawatt` at the beginning of code, in a line of its own or between backticks."""
    return set(re.findall(r"(?:^    (?:\.venv/bin/)?|`)gigawatt ([a-z]+)", text, re.MULTILINE))


def page(name: str) -> str:
    """Return the text of a page of the documentation."""
    return (ROOT / "docs" / name).read_text("utf-8")


def anchors(path: Path) -> set[str]:
    """Return what links may name behind `#`: the headings of a page, as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short():
    """The reference is in docs/."""
    assert len(README.splitlines()) <= 150


def test_the_index_names_every_page():
    """`docs/README.md` links each page beside it."""
    beside = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert beside <= set(re.findall(r"\]\(([a-z]+\.md)\)", page("README.md")))


def test_every_command_has_its_row():
    """In the table of commands."""
    table = set(re.findall(r"^\| `gigawatt ([a-z]+)", page("commands.md"), re.MULTILINE))

    assert table == set(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_named_exist(path):
    """Each can be typed."""
    assert named_commands(path.read_text("utf-8")) <= set(COMMANDS)


def test_every_source_has_its_row():
    """And each row of the table of sources its source."""
    table = page("sources.md").partition("| source | reads | power |")[2].partition("\n\n")[0]

    assert sorted(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == SOURCES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_that_are_named_exist(path):
    """The two commands of the README above all."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make (?:[A-Z]+=\S+ )?([a-z]+)", path.read_text("utf-8"), re.MULTILINE))

    assert named <= targets
    if path == ROOT / "README.md":
        assert {"up", "test"} <= named


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(path):
    """Every relative link leads to a file or folder, and to a heading of it."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        name, _, heading = link.partition("#")
        to = path.parent / name if name else path
        if "://" not in link and not (to.exists() and (not heading or heading in anchors(to))):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_that_are_named_exist(path):
    """A path of ours between backticks is there."""
    named = re.findall(rf"`((?:{'|'.join([*PACKAGES, 'tests', 'docs'])})/[\w./]*)`", path.read_text("utf-8"))
    places = [name for name in named if not re.search(r"NAME|NNNN", name)]

    assert [name for name in places if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("field", SETTINGS)
def test_settings_are_written_down(field):
    """Each setting has its row, by the name of its variable."""
    assert f"`GIGAWATT_{field.upper()}`" in page("commands.md")


@pytest.mark.parametrize(
    "command", [[name] for name in COMMANDS] + [["produce", name] for name in SOURCES], ids=" ".join
)
def test_every_command_has_help(command):
    """`--help` says in a sentence what a command does, and lists its flags."""
    shown = run(*command, "--help")
    usage, said = shown.stdout.split("\n\n")[:2]

    assert shown.returncode == 0, shown.stderr
    assert usage.startswith(f"Usage: gigawatt {' '.join(command)}")
    assert said.rstrip().endswith(".")
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


def test_hooks_are_the_checks_of_make_lint():
    """Before a commit, the same commands run as in continuous integration."""
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]

    assert [repo["repo"] for repo in hooks] == ["local"]
    assert [hook["entry"] for repo in hooks for hook in repo["hooks"]] == [
        line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()[1:]
    ]


def test_no_package_has_a_name_that_another_one_needs():
    """Top-level names are short and common: no installed distribution may bring the same."""
    provided = importlib.metadata.packages_distributions()
    foreign = {name: set(provided.get(name, ())) - {"gigawatt"} for name in PACKAGES}

    assert {name: theirs for name, theirs in foreign.items() if theirs} == {}
    assert {"gigawatt", "producers", "schema", "streams"} <= set(PACKAGES)
