"""The simulated fleet."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from producers.simulation.physics import Range
from producers.source import Tick, Where
from producers.sources.simulated import DEFAULT_CHIPS, Simulated, open_source
from schema import encoding, wire
from schema.checks import refusals
from schema.chips import chip
from schema.fleet import FleetFileError, load, parse, scaled
from schema.samples import SCHEMA

T0_MS = 1_780_000_000_000
HOUR_MS = 3_600_000
POOL = """
[sites.a]
[[pool]]
site = "a"
fleet = "f"
model = "{model}"
count = {count}
budget_w = 1e6
workload = "{workload}"
jobs = {jobs}
host_prefix = "h"
"""


def pool(model, workload, count=800):
    """Return a fleet of one pool."""
    jobs = [] if workload == "idle" else ["only"]
    return parse(POOL.format(model=model, count=count, workload=workload, jobs=jobs), "fleet.toml")


def read(source, ts_ms, interval_ms=1000):
    """Return all samples of one read as plain columns, None when there were none."""
    tables = [plain(batch.samples) for batch in source.read(Tick(ts_ms, interval_ms))]
    return pa.concat_tables(tables, promote_options="default") if tables else None


def plain(batch):
    """Return a batch as a table without dictionaries."""
    columns = [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch]
    return pa.table(columns, batch.schema.names)


def watts(source, ts_ms):
    """Return the power of all chips in one read."""
    return read(source, ts_ms)["power_w"].to_numpy()


@pytest.mark.parametrize("cadence_s", [None, 1])
def test_nothing_is_refused(cadence_s):
    """Every batch of a minute of the default fleet passes the row checks after a round trip on the wire."""
    source = Simulated(scaled(load(), 5000), silent=0.05, cadence_s=cadence_s, batch=512)
    seen = set()
    for second in range(0, 60, 1 if cadence_s is None else 6):
        ts_ms = T0_MS + 1000 * second
        for batch in source.read(Tick(ts_ms, 1000)):
            samples = wire.columns([wire.decode(encoding.encode(batch.samples))])
            assert not refusals(samples, ts_ms).any()
            assert len(samples) <= 512
            assert len(batch.samples["model"].dictionary) == 1
            assert samples.ts_ms.max() <= ts_ms
            seen.update(batch.samples["chip"].unique().to_pylist())
    assert 4500 < len(seen) < 5000


def test_columns_are_those_of_the_contract():
    """Names are in the contract's order, types are as wide or narrower, and what is always null is left out."""
    names = {}
    for batch in Simulated(scaled(load(), 1000), cadence_s=1, silent=0).read(Tick(T0_MS, 1000)):
        model = batch.samples["model"][0].as_py()
        names[model] = batch.samples.schema.names
        assert names[model] == [name for name in SCHEMA.names if name in names[model]]
        for field in batch.samples.schema:
            wide = SCHEMA.field(field.name).type
            assert field.type == wide or field.type.index_type.bit_width <= wide.index_type.bit_width

    absent = {model: set(SCHEMA.names) - set(columns) for model, columns in names.items()}
    assert absent["gb300"] == {"energy_j"}
    assert absent["tpu-v7"] == {"energy_j", "temperature_c"}
    assert absent["trn3"] == {"energy_j", "temperature_c", "throttle"}
    assert absent["h200"] == {"energy_j", "job"}


@pytest.mark.parametrize("cadence_s", [None, 1])
def test_rectangles_touch_and_never_overlap(cadence_s):
    """Of each chip that always reports, each sample begins where the last one ended."""
    source = Simulated(scaled(load(), 120), silent=0, cadence_s=cadence_s)
    ends, intervals = defaultdict(list), {}
    for second in range(180):
        samples = read(source, T0_MS + 1000 * second)
        for name, ts, interval_ms in zip(
            samples["chip"].to_pylist(),
            samples["ts"].cast(pa.int64()).to_pylist(),
            samples["interval_ms"].to_pylist(),
            strict=True,
        ):
            ends[name].append(ts)
            assert intervals.setdefault(name, interval_ms) == interval_ms

    assert len(ends) == 120
    for name, times in ends.items():
        assert {after - before for before, after in pairwise(times)} == {intervals[name]}
        assert len(times) == 180_000 // intervals[name]


def test_a_silent_host_returns():
    """Whole hosts fall silent for minutes, about the asked share of them, and not always the same."""
    source = Simulated(pool("h100-sxm", "training", 8000), silent=0.1)
    hosts = {}
    for minute in range(60):
        samples = read(source, T0_MS + 60_000 * minute)
        counts = samples["host"].value_counts().to_pylist()
        assert {row["counts"] for row in counts} == {8}
        hosts[minute] = {row["values"] for row in counts}
    silent = [1000 - len(reporting) for reporting in hosts.values()]

    assert 85 < np.mean(silent) < 115
    assert len(set.union(*hosts.values())) == 1000
    assert sum(now != later for now, later in pairwise(hosts.values())) == 60 // 5


def test_chips_of_a_training_job_move_together():
    """The total swings by tens of percent: chips for themselves would cancel out to a fraction of one."""
    training = Simulated(pool("h100-sxm", "training"), silent=0)
    serving = Simulated(pool("h100-sxm", "inference"), silent=0)
    swing = {}
    for name, source in (("training", training), ("serving", serving)):
        chips_w = np.array([watts(source, T0_MS + 1000 * second) for second in range(120)])
        totals_w = chips_w.sum(axis=1)
        swing[name] = totals_w.std() / totals_w.mean()
        alone = chips_w.std(axis=0).mean() / chips_w.mean() / np.sqrt(chips_w.shape[1])
        swing[name, "alone"] = alone

    assert swing["training"] > 0.1
    assert swing["training"] > 10 * swing["training", "alone"]
    assert swing["serving"] < 0.03


def test_serving_follows_the_day():
    """A service draws more at its busiest hour than at its quietest, and the curve is smooth in between."""
    source = Simulated(pool("h100-sxm", "inference"), silent=0)
    hours = np.array([watts(source, T0_MS + hour * HOUR_MS).mean() for hour in range(24)])

    assert hours.max() > 1.3 * hours.min()
    assert abs(np.diff(hours, append=hours[0])).max() < 0.2 * np.ptp(hours) + 10


@pytest.mark.parametrize("model", ["tpu-v4", "tpu-v7", "trn2", "trn3", "h100-sxm", "gb300", "mi300x"])
@pytest.mark.parametrize("workload", ["training", "inference", "idle"])
def test_power_stays_in_the_chips_range(model, workload):
    """No chip draws less than idle or more than 1.05 of its peak; shares and bytes have their bounds too."""
    source, draws = Simulated(pool(model, workload), silent=0, cadence_s=1), Range.of(chip(model))
    for hour in range(0, 24, 3):
        samples = read(source, T0_MS + hour * HOUR_MS)
        power_w = samples["power_w"].to_numpy()
        assert draws.idle_w * 0.999 <= power_w.min()
        assert power_w.max() <= 1.05 * draws.peak_w
        assert power_w.mean() < 1.05 * draws.idle_w or workload != "idle"
        for name in ("utilization", "tensor_utilization"):
            percent = 100 * samples[name].to_numpy()
            assert np.allclose(percent, np.rint(percent), atol=1e-4)
        used = samples["memory_used_bytes"].to_numpy()
        assert set(samples["memory_total_bytes"].to_pylist()) == {chip(model).memory_bytes}
        assert used.max() <= chip(model).memory_bytes
        assert not np.any(used % 2**20)


@pytest.mark.parametrize(
    ("model", "workload", "method", "interval_ms"),
    [
        ("h100-sxm", "training", "counter", 1000),
        ("h100-sxm", "inference", "sensor", 1000),
        ("mi300x", "training", "counter", 1000),
        ("tpu-v7", "training", "model", 1000),
        ("trn2", "training", "percent", 60_000),
    ],
)
def test_each_platform_is_read_its_own_way(model, workload, method, interval_ms):
    """GPUs by counter or sensor and TPUs by model each second, Trainium by percent each minute."""
    samples = read(Simulated(pool(model, workload), silent=0), T0_MS)

    assert set(samples["power_method"].to_pylist()) == {method}
    assert set(samples["interval_ms"].to_pylist()) == {interval_ms}


def test_errors_say_how_well_power_is_known():
    """A counter is good to a few watts, a TPU estimate to the share that the catalogue states."""
    error_w = read(Simulated(pool("h100-sxm", "training")), T0_MS)["power_error_w"].to_numpy()
    assert np.allclose(error_w, 10 / np.sqrt(12))

    samples = read(Simulated(pool("tpu-v7", "training")), T0_MS)
    share = samples["power_error_w"].to_numpy() / samples["power_w"].to_numpy()
    assert np.allclose(share, chip("tpu-v7").estimate_error_share)


def test_a_trainium_minute_hides_its_steps():
    """The error of a minute holds the spread between its highest and lowest power, and the scale's own."""
    source, seconds = (
        Simulated(pool("trn2", "training"), silent=0),
        Simulated(pool("trn2", "training"), silent=0, cadence_s=1),
    )
    samples = read(source, T0_MS)
    power_w, error_w = samples["power_w"].to_numpy(), samples["power_error_w"].to_numpy()
    means_w = [watts(seconds, T0_MS - 1000 * second).mean() for second in range(60)]
    spread_w = np.sqrt(error_w**2 - (chip("trn2").estimate_error_share * power_w) ** 2)

    assert np.ptp(spread_w) < 0.1
    assert spread_w[0] >= 0.95 * np.ptp(means_w) / np.sqrt(12)


def test_a_trainium_minute_has_the_energy_of_its_seconds():
    """Read once a minute, chips report the joules that they would have reported second by second."""
    fleet = pool("trn2", "training", 960)
    slow, fast = Simulated(fleet, silent=0), Simulated(fleet, silent=0, cadence_s=1)
    minutes_j, seconds_j = defaultdict(float), defaultdict(float)
    ends_ms = {}
    for second in range(60):
        ts_ms = T0_MS + 1000 * second
        samples = read(slow, ts_ms)
        for name, power_w in zip(samples["chip"].to_pylist(), samples["power_w"].to_pylist(), strict=True):
            minutes_j[name] += 60 * power_w
            ends_ms[name] = ts_ms
    for second in range(-60, 60):
        ts_ms = T0_MS + 1000 * second
        samples = read(fast, ts_ms)
        for name, power_w in zip(samples["chip"].to_pylist(), samples["power_w"].to_pylist(), strict=True):
            if ends_ms[name] - 60_000 < ts_ms <= ends_ms[name]:
                seconds_j[name] += power_w

    assert len(minutes_j) == 960
    ratios = np.array([minutes_j[name] / seconds_j[name] for name in minutes_j])
    assert np.allclose(ratios, 1, atol=0.06)
    assert abs(ratios.mean() - 1) < 0.002


def test_trainium_load_is_flat():
    """Different hosts report at different seconds: no second has all of them."""
    source = Simulated(pool("trn2", "training", 9600), silent=0)

    assert {len(watts(source, T0_MS + 1000 * second)) for second in range(60)} == {160}


@pytest.mark.parametrize("workload", ["training", "inference"])
def test_values_follow_from_seed_fleet_and_time(workload):
    """A second source says the same, at any time first asked and in any batches; another seed does not."""
    fleet = pool("gb300", workload)
    expected = watts(Simulated(fleet, seed=7), T0_MS + 5000)

    assert np.array_equal(watts(Simulated(fleet, seed=7, batch=64), T0_MS + 5000), expected)
    later = Simulated(fleet, seed=7)
    watts(later, T0_MS)
    assert np.array_equal(watts(later, T0_MS + 5000), expected)
    assert not np.array_equal(watts(Simulated(fleet, seed=8), T0_MS + 5000)[:700], expected[:700])


def test_a_longer_period_makes_longer_rectangles():
    """Read every 5 s, a GPU's samples are of 5 s; five seconds' worth of Trainium hosts are due."""
    gpus = read(Simulated(pool("h100-sxm", "training"), silent=0), T0_MS, 5000)
    trainium = read(Simulated(pool("trn2", "training", 9600), silent=0), T0_MS, 5000)

    assert set(gpus["interval_ms"].to_pylist()) == {5000}
    assert len(trainium) == 5 * 160
    assert sorted(set(trainium["ts"].cast(pa.int64()).to_pylist())) == [T0_MS - 1000 * back for back in range(5)][::-1]


def test_sensors_have_their_resolution():
    """GPUs are read to the milliwatt by counter and to the watt by sensor, whole degrees, few throttled."""
    counter = read(Simulated(pool("h100-sxm", "training"), silent=0), T0_MS)
    sensor = read(Simulated(pool("h100-sxm", "inference", 80_000), silent=0), T0_MS)
    milliwatts = 1000 * counter["power_w"].to_numpy().astype(float)
    celsius = sensor["temperature_c"].to_numpy()
    throttle = sensor["throttle"].to_numpy()

    assert np.allclose(milliwatts, np.rint(milliwatts), atol=0.05)
    assert np.any(milliwatts % 1000)
    assert not np.any(sensor["power_w"].to_numpy() % 1)
    assert not np.any(celsius % 1)
    assert 20 < celsius.min() < celsius.max() < 90
    assert 0 < np.count_nonzero(throttle) < 0.002 * len(throttle)


def test_the_default_is_a_small_picture_of_the_default_fleet():
    """Without options a thousand chips are played; a fleet file is played as it stands, or scaled."""
    assert len(read(open_source(Where(), cadence_s=1, silent=0), T0_MS)) == DEFAULT_CHIPS
    assert len(read(open_source(Where(), chips=77, cadence_s=1, silent=0), T0_MS)) == 77
    assert read(open_source(Where(), chips=0), T0_MS) is None


def test_a_fleet_file_is_played(tmp_path):
    """The file's labels are those of the samples; a wrong path is the operator's to mend."""
    path = tmp_path / "fleet.toml"
    path.write_text(POOL.format(model="tpu-v7", count=12, workload="training", jobs=["only"]))
    samples = read(open_source(Where(), fleet_file=path, silent=0), T0_MS)

    assert len(samples) == 12
    row = {name: samples[name][5].as_py() for name in ("site", "fleet", "platform", "model", "host", "chip", "job")}
    assert row == {
        "site": "a",
        "fleet": "f",
        "platform": "tpu",
        "model": "tpu-v7",
        "host": "h00001",
        "chip": "h00001/1",
        "job": "only",
    }
    with pytest.raises(FleetFileError, match="cannot read"):
        open_source(Where(), fleet_file=tmp_path / "none.toml")
