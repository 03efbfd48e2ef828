import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from gigawatt.commands.produce import source_command
from producers.discovery import Finding, Machine, Offer, look_around
from producers.source import SourceError, Tick, Where
from producers.sources import auto
from schema.errors import GigawattError
from tests.producers.machines import empty_machine, source_file

START_MS = 1_790_000_040_000  # a whole minute


@pytest.fixture
def machine(tmp_path):
    return empty_machine(tmp_path)


def opened(candidates, machine, **options):
    return auto.open_source(options.pop("where", Where()), machine=machine, candidates=candidates, **options)


def read(source, second=0):
    """Name who said anything, apart from whatever failed."""
    source.wait_s = 5.0  # a deadline that only a defect misses
    try:
        batches = source.read(Tick(START_MS + 1000 * second, 1000))
    except SourceError as error:
        batches = error.batches
    return sorted(batch.key for batch in batches)


def test_one_source_of_each_platform_is_read(machine):
    """The preferred one of those that are found: no chip is counted twice."""
    candidates = {
        "nvml": source_file("nvidia", 0),
        "dcgm": source_file("nvidia", 1),
        "tpu": source_file("tpu", 0, here=False),
        "tpu_gke": source_file("tpu", 1),
        "amd": source_file("amd", 0, here=False),
    }
    with capture_logs() as said:
        source = opened(candidates, machine)
        assert read(source) == ["nvidia/0", "tpu/1"]
        source.close()

    assert [line["event"] for line in said][:2] == ["reading nvml", "reading tpu_gke"]
    assert said[0]["found"] == "two chips"
    assert not candidates["dcgm"].opened
    assert candidates["nvml"].opened[0].closed


def test_nothing_found_is_one_line_that_names_the_check(machine):
    """It says where to look next."""
    with pytest.raises(GigawattError, match="gigawatt produce auto --check"):
        opened({"nvml": source_file("nvidia", 0, here=False)}, machine)


def test_a_source_that_cannot_be_opened_is_said_and_the_rest_is_read(machine):
    """The next one that reads the same chips takes its place."""
    candidates = {
        "amd": source_file("amd", 0, fails=OSError("broken library")),
        "nvml": source_file("nvidia", 0, fails=GigawattError("no permission")),
        "dcgm": source_file("nvidia", 1),
    }
    with capture_logs() as said:
        assert read(opened(candidates, machine)) == ["nvidia/1"]

    warnings = [line["event"].partition(" (")[0] for line in said if line["log_level"] == "warning"]
    assert warnings == [
        "amd cannot be opened: unexpected OSError: broken library",
        "nvml cannot be opened: no permission",
    ]


def test_when_nothing_can_be_opened_it_ends(machine):
    """The reason is the operator's line."""
    candidates = {"nvml": source_file("nvidia", 0, fails=GigawattError("no permission"))}
    with capture_logs(), pytest.raises(GigawattError, match="nvml cannot be opened: no permission"):
        opened(candidates, machine)


def test_what_appears_later_is_read_from_the_next_minute_on(machine):
    """A driver is loaded, and a library is mended; each is said once, and no platform is read twice."""
    there = []
    mended = source_file("amd", 0, fails=GigawattError("broken library"))
    candidates = {
        "nvml": source_file("nvidia", 0),
        "dcgm": source_file("nvidia", 1),
        "tpu": source_file("tpu", 0, here=lambda _: bool(there)),
        "amd": mended,
    }
    with capture_logs() as said:
        source = opened(candidates, machine)
        assert [read(source, second) for second in (0, 1, 59, 60)] == [["nvidia/0"]] * 4
        there.append("a workload holds the chips")
        mended.fails = None
        assert read(source, 61) == ["nvidia/0"]
        assert read(source, 120) == ["nvidia/0"]
        assert read(source, 121) == ["amd/0", "nvidia/0", "tpu/0"]
        assert read(source, 180) == ["amd/0", "nvidia/0", "tpu/0"]
        assert read(source, 181) == ["amd/0", "nvidia/0", "tpu/0"]

    assert [line["event"] for line in said] == [
        "reading nvml",
        "amd cannot be opened: broken library",
        "reading amd",
        "reading tpu",
    ]
    assert len(candidates["tpu"].opened) == 1


def test_once_reads_what_is_found_and_says_nothing(machine):
    """Standard error stays clean."""
    with capture_logs() as said:
        source = opened({"nvml": source_file("nvidia", 0)}, machine, where=Where(once=True))
        assert read(source, 7) == ["nvidia/0"]
        source.close()

    assert said == []


def test_the_operator_picks_what_is_looked_for(machine):
    """Only these, or all but those."""
    candidates = {"nvml": source_file("nvidia", 0), "dcgm": source_file("nvidia", 1), "tpu": source_file("tpu", 0)}
    with capture_logs():
        assert read(opened(candidates, machine, only=["dcgm", "tpu"], without=["tpu"])) == ["nvidia/1"]
        assert read(opened(candidates, machine, without=["nvml"])) == ["nvidia/1", "tpu/0"]
    with pytest.raises(GigawattError, match=r"^unknown source nvlm; sources are dcgm, nvml, tpu$"):
        opened(candidates, machine, without=["nvlm"])


def test_the_report_has_a_line_for_each_source_and_below_it_what_was_found(machine):
    """What is read, what would read the same chips, and what is missing with the way to get it."""
    candidates = {
        "nvml": source_file("nvidia", 0),
        "dcgm": source_file("nvidia", 1),
        "tpu": source_file("tpu", 0, here=False),
    }

    assert auto.report(look_around(candidates, machine)) == [
        "nvidia  nvml  reads",
        "    two chips",
        "nvidia  dcgm  spare: nvml reads the same chips",
        "    two chips",
        "tpu     tpu   missing",
        "    no driver: install it",
    ]


def test_the_report_fits_the_terminal_and_cuts_no_path():
    """A line is broken between words, and what is to be copied is whole."""
    finding = Finding(f"there is no {'/very-long' * 9}, which comes with the package that has it: install that")
    lines = auto.report([Offer("nvml", source_file("nvidia", 0), finding)], 60)

    assert lines[0] == "nvidia  nvml  missing"
    assert " ".join(line.strip() for line in lines[1:]) == finding.says
    assert all(line.startswith("    ") for line in lines[1:])
    assert [line for line in lines if len(line) > 60] == [f"    {'/very-long' * 9},"]


def test_nothing_to_look_for_is_a_mistake(machine):
    """Of one name that is wanted and not wanted nothing is left."""
    candidates = {"nvml": source_file("nvidia", 0)}
    with pytest.raises(GigawattError, match=r"^--only and --without exclude every source$"):
        opened(candidates, machine, only=["nvml"], without=["nvml"])


def checked(machine, *arguments):
    return CliRunner().invoke(source_command("auto", auto), ["--check", *arguments], obj=machine)


def test_the_check_of_a_machine_without_chips_ends_with_status_1(machine):
    """Nothing is read; every source's line says what is missing."""
    shown = checked(machine)

    assert shown.exit_code == 1
    rows = [line.split() for line in shown.stdout.splitlines() if not line.startswith(" ")]
    assert ["nvidia", "dcgm", "missing"] in rows
    assert {row[2] for row in rows} == {"missing"}


def test_the_check_knows_what_the_operator_picks(machine):
    """Also when that stands behind it."""
    first, second, *_ = checked(machine, "--only", "dcgm").stdout.splitlines()

    assert first == "nvidia  dcgm  missing"
    assert second.startswith("    nothing listens on port 9400")


def test_the_check_of_a_machine_with_chips_ends_with_status_0(tmp_path):
    """It has AMD's driver and command."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").touch()
    machine = Machine(tmp_path, environment={}, which=lambda name: f"/usr/bin/{name}", listens=lambda *_: False)
    shown = checked(machine, "--only", "amd")

    assert shown.exit_code == 0
    assert shown.stdout.startswith("amd  amd  reads\n    ")
