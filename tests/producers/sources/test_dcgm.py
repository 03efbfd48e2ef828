import pytest

from producers.source import SourceError, Tick, Where
from producers.sources.dcgm import OPTIONS, open_source
from schema.errors import GigawattError
from tests.producers.dcgm_page import page, row
from tests.producers.exporter import Exporter, serving
from tests.recordings import RECORDINGS, with_recordings

START_MS = 1_790_000_000_000


@pytest.fixture
def exporter():
    with serving(Exporter()) as running:
        yield running


@pytest.fixture
def source(exporter):
    opened = open_source(Where("north", "train"), urls=[exporter.url], timeout_s=60)
    yield opened
    opened.close()


def at(source, second):
    """Read at that second; return the samples of all batches as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 1000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def one(source, second=0):
    samples = at(source, second)
    assert len(samples) == 1
    return samples[0]


def test_a_gpu_is_a_sample(exporter, source):
    """Labels, units and the power's method are the contract's."""
    exporter.body = (
        page(power=512.5, energy_mj=7_000_000, util=73, namespace="llm", pod="pretrain-0")
        + row("DCGM_FI_DEV_FB_USED", 1000).encode()
        + row("DCGM_FI_DEV_FB_FREE", 3000).encode()
        + row("DCGM_FI_DEV_GPU_TEMP", 61).encode()
        + row("DCGM_FI_DEV_MEMORY_TEMP", 70).encode()
        + row("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 0.4).encode()
        + row("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", 0x24).encode()
    )
    sample = one(source)
    ts = sample.pop("ts")

    assert ts.timestamp() * 1000 == START_MS
    assert sample == {
        "interval_ms": 1000,
        "site": "north",
        "fleet": "train",
        "platform": "nvidia",
        "model": "h100-sxm",
        "host": "node-7",
        "chip": "GPU-0",
        "job": "llm/pretrain-0",
        "power_w": 512.5,
        "power_method": "sensor",
        "power_error_w": 5.0,
        "utilization": pytest.approx(0.73),
        "tensor_utilization": pytest.approx(0.4),
        "memory_used_bytes": 1000 * 2**20,
        "memory_total_bytes": 4000 * 2**20,
        "temperature_c": 70.0,
        "throttle": 3,
        "energy_j": 7000.0,
    }


def test_the_energy_counter_goes_before_the_sensor(exporter, source):
    """From the second read on the power is what the counter says."""
    exporter.body = page(power=300, energy_mj=1_000_000)
    at(source, 0)
    exporter.body = page(power=300, energy_mj=1_250_000)
    sample = one(source, 1)

    assert (sample["power_w"], sample["power_method"], sample["interval_ms"]) == (250.0, "counter", 1000)


def test_a_page_that_has_not_changed_is_nothing_to_report(exporter, source):
    """Scraped each second, refreshed each fifth: five seconds in one sample, at the true power."""
    told = []
    for second in range(21):
        exporter.body = page(power=100, energy_mj=1_000_000 + 500_000 * (second // 5))
        told.append(at(source, second))

    assert [len(samples) for samples in told] == [1, *[0, 0, 0, 0, 1] * 4]
    assert [(samples[0]["power_w"], samples[0]["interval_ms"]) for samples in told[10::5]] == [(100.0, 5000)] * 3


def test_a_failed_scrape_is_bridged_by_the_counter(exporter, source):
    """The exporter was away for three seconds: the energy of those is in the next sample."""
    for second in range(2):
        exporter.body = page(power=100, energy_mj=1_000_000 + 100_000 * second)
        at(source, second)
    exporter.body = b""
    for second in range(2, 5):
        with pytest.raises(SourceError, match="empty"):
            at(source, second)
    exporter.body = page(power=100, energy_mj=1_500_000)
    sample = one(source, 5)

    assert (sample["power_w"], sample["interval_ms"]) == (100.0, 4000)


def test_mig_instances_are_one_gpu(exporter, source):
    """Each instance's row carries the whole GPU's power: it is counted once, and nothing is made up."""
    instances = [("1g.10gb", "7", 0.0, 100), ("2g.20gb", "3", 0.5, 2000)]
    exporter.body = "".join(
        row(metric, value, GPU_I_PROFILE=profile, GPU_I_ID=number)
        for profile, number, active, used in instances
        for metric, value in {
            "DCGM_FI_DEV_POWER_USAGE": 110 + int(number),
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 5000,
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": active,
            "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": active / 2,
            "DCGM_FI_DEV_FB_USED": used,
            "DCGM_FI_DEV_FB_FREE": 10,
        }.items()
    ).encode()
    sample = one(source)

    assert sample["power_w"] == 117
    assert sample["energy_j"] == 5.0
    assert sample["utilization"] == 0.5  # only one instance was busy, so the chip was as long
    assert sample["memory_used_bytes"] == 2100 * 2**20
    assert sample["tensor_utilization"] is None
    assert sample["memory_total_bytes"] is None


def test_two_busy_mig_instances_do_not_tell_how_busy_the_gpu_was(exporter, source):
    """They may have run at the same time or one after the other."""
    exporter.body = "".join(
        row("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.4, GPU_I_ID=number, GPU_I_PROFILE="1g.5gb") for number in (1, 2)
    ).encode()

    assert one(source)["utilization"] is None


def test_pods_that_share_a_gpu_count_it_once(exporter, source):
    """Time slicing gives a row per pod; no job is named, as nothing says how the energy divides."""
    exporter.body = b"".join(page(power=200, energy_mj=9, namespace="x", pod=pod) for pod in ("p1", "p2"))
    sample = one(source)

    assert (sample["power_w"], sample["job"]) == (200.0, None)


@pytest.mark.parametrize("blank", range(9223372036854775792, 9223372036854775796))
def test_a_sentinel_is_a_missing_value(exporter, source, blank):
    """No watts, no counter, no utilization: the sample says so."""
    exporter.body = page(power=blank, energy_mj=blank, util=blank)
    sample = one(source)

    assert [sample[name] for name in ("power_w", "power_method", "power_error_w", "energy_j", "utilization")] == [
        None
    ] * 5


def test_renamed_fields_and_labels_are_understood(exporter, source):
    """DCGM 4.6 renamed fields and kept their units, and the exporter's template spells hostname small."""
    labels = {"Hostname": None, "hostname": "node-9"}
    exporter.body = "".join(
        row(metric, value, **labels)
        for metric, value in {
            "DCGM_FI_DEV_BOARD_POWER_WATTS": 400,
            "DCGM_FI_DEV_GPU_UTIL_RATIO": 50,
            "DCGM_FI_PROF_TENSOR_UTIL_RATIO": 0.25,
            "DCGM_FI_DEV_GPU_TEMP_CELSIUS": 66,
        }.items()
    ).encode()
    sample = one(source)

    assert sample["host"] == "node-9"
    assert [sample[name] for name in ("power_w", "utilization", "tensor_utilization", "temperature_c")] == [
        400,
        0.5,
        0.25,
        66,
    ]


def test_engine_activity_stands_in_for_utilization(exporter, source):
    """Where the exporter has no GPU_UTIL; a rounding error above 1 is none."""
    exporter.body = row("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1.0004).encode()

    assert one(source)["utilization"] == 1.0


def test_hosts_are_told_apart(exporter):
    """One exporter may speak for several hosts: a batch each, under its name; a given name overrules."""
    exporter.body = row("DCGM_FI_DEV_POWER_USAGE", 1, gpu=0, Hostname="a").encode()
    exporter.body += row("DCGM_FI_DEV_POWER_USAGE", 2, gpu=1, Hostname="b").encode()
    tick = Tick(START_MS, 1000)
    said = open_source(Where(), urls=[exporter.url], timeout_s=60)
    given = open_source(Where(host="c"), urls=[exporter.url], timeout_s=60)

    assert [batch.key for batch in said.read(tick)] == ["a", "b"]
    assert [batch.key for batch in given.read(tick)] == ["c"]
    said.close()
    given.close()


def test_an_exporter_that_fails_does_not_cost_the_others(exporter):
    """What could be read is with the error."""
    exporter.body = page(power=1)
    source = open_source(Where(), urls=[exporter.url, "http://127.0.0.1:1/metrics"], timeout_s=60)
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:1/metrics cannot be reached") as raised:
        source.read(Tick(START_MS, 1000))
    source.close()

    assert [batch.key for batch in raised.value.batches] == ["node-7"]


def test_a_host_name_for_several_exporters_is_refused():
    """One name for many machines would mix them up."""
    with pytest.raises(GigawattError, match="--host"):
        open_source(Where(host="one"), urls=["http://a", "http://b"], timeout_s=1)


@pytest.mark.parametrize("body", [b"<html>login</html>\n", b"go_goroutines 7\n"])
def test_a_page_without_gpus_is_a_failure(exporter, source, body):
    """Something else answers at this address."""
    exporter.body = body
    with pytest.raises(SourceError, match="check whether it is a dcgm-exporter"):
        at(source, 0)


def test_a_broken_page_is_a_failure_and_the_next_is_read(exporter, source):
    """A failed read leaves nothing behind."""
    exporter.body = b'DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GP\n'
    with pytest.raises(SourceError, match="line 1"):
        at(source, 0)
    exporter.body = page(power=5)
    assert one(source, 1)["power_w"] == 5


def test_the_usual_address_is_the_default():
    """`gigawatt produce dcgm` on the machine itself needs no flag."""
    assert OPTIONS[0].default == ("http://127.0.0.1:9400/metrics",)


@with_recordings
class TestRecordings:
    """Pages that real exporters sent."""

    def test_two_t4(self, exporter, source):
        """Two GPUs, one of them held by a pod."""
        exporter.body = (RECORDINGS / "nvidia" / "dcgm-exporter-t4-fraction.prom").read_bytes()
        samples = at(source, 0)

        assert [sample["power_w"] for sample in samples] == pytest.approx([28.722, 17.035])
        assert {(sample["model"], sample["power_method"]) for sample in samples} == {("t4", "sensor")}
        assert [sample["job"] is None for sample in samples] == [False, True]

    def test_an_a100_in_four_instances(self, exporter, source):
        """Four rows of one GPU are one sample."""
        exporter.body = (RECORDINGS / "nvidia" / "dcgm-exporter-a100-mig-4-active.prom").read_bytes()
        sample = one(source)

        assert sample["power_w"] == pytest.approx(112.252)
        assert sample["utilization"] == pytest.approx(0.408493)
        assert sample["model"] == "a100-sxm"

    def test_a100s_without_mig(self, exporter):
        """Each of the recorded pages is a GPU with its power."""
        notes = (RECORDINGS / "nvidia" / "dcgm-exporter-a100-mig-disabled.notes.txt").read_text()
        pages = [part for part in notes.split("-" * 80) if "DCGM_FI_DEV_POWER_USAGE{" in part]
        assert pages
        for text in pages:
            exporter.body = text.encode()
            source = open_source(Where(), urls=[exporter.url], timeout_s=60)
            assert all(0 < sample["power_w"] < 500 for sample in at(source, 0))
            source.close()
