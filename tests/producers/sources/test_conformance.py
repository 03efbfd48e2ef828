"""What every source does alike, whatever it reads; each file in `producers/sources` is found and checked."""

import importlib
import inspect
import pkgutil
from collections import defaultdict

import click
import pyarrow as pa
import pytest

from gigawatt.commands.produce import common_options
from producers import sources
from producers.discovery import discoverable
from producers.source import Source, SourceDoneError, Tick
from schema import checks, encoding, ndjson, wire
from schema.samples import IDENTITY, PLATFORMS
from tests.producers.machines import empty_machine
from tests.producers.sources import worlds

NAMES = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
TICKS = [Tick(worlds.START_MS + 1000 * number, 1000) for number in range(120)]


@pytest.fixture(params=NAMES, scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def module(name):
    return importlib.import_module(f"producers.sources.{name}")


@pytest.fixture(scope="module")
def source(name, tmp_path_factory):
    assert hasattr(worlds, name), f"tests/producers/sources/worlds.py has no stand-in for the source {name}"
    with getattr(worlds, name)(tmp_path_factory.mktemp(name)) as opened:
        yield opened
        opened.close()
        opened.close()  # closing what is closed is no error


@pytest.fixture(scope="module")
def told(source):
    """Read the source for two minutes; give pairs of tick and batch."""
    pairs = []
    for tick in TICKS:
        try:
            pairs += [(tick, batch) for batch in source.read(tick)]
        except SourceDoneError:
            break
    assert pairs, "the stand-in has nothing to say"
    return pairs


def test_it_says_what_it_is(module):
    """The docstring is the command's help: its first line stands for itself."""
    first, _, rest = inspect.getdoc(module).partition("\n")
    assert first.endswith(".")
    assert not rest or rest.startswith("\n")


def test_its_flags_are_its_own(module):
    """Flags are click parameters with a help text, and none is also a common one."""
    common = {flag for option in common_options() for flag in option.opts}
    for option in module.OPTIONS:
        assert isinstance(option, click.Parameter)
        assert isinstance(option, click.Argument) or option.help
        assert not common & set(option.opts)
        assert type(option.type) is not click.FloatRange, "nan passes its bounds: use producers.flags.FiniteRange"


def test_it_is_a_source(source):
    """It can be read and closed, and says how often it has something new."""
    conforming: Source = source
    assert conforming.default_period_s >= 0
    assert callable(conforming.read)


def test_every_row_is_accepted_by_the_checks(told):
    """A source never makes a row that the worker refuses."""
    for tick, batch in told:
        reasons = checks.refusals(wire.columns([batch.samples]), tick.ts_ms)
        assert not reasons.any(), {checks.REASONS[reason] for reason in reasons}


def test_a_batch_has_a_key_and_all_identities(told):
    """The key keeps a host's samples in order: a batch of one host goes under its name."""
    for _, batch in told:
        assert batch.key
        assert batch.samples.num_rows
        assert set(IDENTITY) <= set(batch.samples.schema.names)
        hosts = set(batch.samples.column("host").to_pylist())
        assert len(hosts) > 1 or hosts == {batch.key}


def test_batches_survive_both_encodings(told):
    """What is sent is what is read, as Arrow and as JSON lines."""
    for _, batch in told[:5]:
        for decoded in (
            wire.decode(encoding.encode(batch.samples)),
            ndjson.decode(encoding.encode_ndjson(batch.samples)),
        ):
            there, back = wire.columns([batch.samples]), wire.columns([decoded])
            assert (there.ts_ms == back.ts_ms).all()
            assert decoded.column("chip").to_pylist() == batch.samples.column("chip").to_pylist()
            assert there.measures["power_w"] == pytest.approx(back.measures["power_w"], nan_ok=True)


def test_no_sample_lies_in_the_future_of_its_tick(told):
    """A sample is of what has been, by the time at which it is told."""
    for tick, batch in told:
        assert wire.columns([batch.samples]).ts_ms.max() <= tick.ts_ms


def test_rectangles_of_a_chip_never_overlap(told):
    """Each chip's samples come in order, and none begins before the one before it has ended."""
    ends_ms = defaultdict(int)
    for _, batch in told:
        samples = wire.columns([batch.samples])
        chips = samples.labels["chip"].values.take(pa.array(samples.labels["chip"].codes)).to_pylist()
        for chip, ts_ms, interval_ms in zip(chips, samples.ts_ms, samples.interval_ms, strict=True):
            assert ts_ms - interval_ms >= ends_ms[chip], chip
            ends_ms[chip] = ts_ms


@pytest.mark.parametrize("candidate", sorted(discoverable()))
def test_it_finds_nothing_on_an_empty_machine(candidate, tmp_path):
    """It says so in one line that tells what is missing."""
    module = importlib.import_module(f"producers.sources.{candidate}")
    finding = module.look(empty_machine(tmp_path))

    assert not finding.found
    assert len(finding.says) > 20
    assert "\n" not in finding.says
    assert module.PLATFORM in (*PLATFORMS, "meter")


def test_no_two_sources_of_a_platform_are_preferred_alike():
    """Of those that can read the same chips, which is read is no accident."""
    ranks = [(module.PLATFORM, module.PREFERENCE) for module in discoverable().values()]

    assert len(set(ranks)) == len(ranks)
