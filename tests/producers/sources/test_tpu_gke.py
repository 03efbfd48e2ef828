import pytest

from producers.discovery import Machine
from producers.estimate import estimate
from producers.prometheus_text import Reading
from producers.source import SourceError, Tick, Where
from producers.sources.tpu_gke import OPTIONS, dialect, look, model_of, open_source
from schema.chips import chip
from schema.errors import GigawattError
from tests.producers.exporter import Exporter, serving
from tests.producers.tpu_page import MACHINE, page, row

START_MS = 1_790_000_000_000
GIB = 2**30
SLICE = (404, 405, 412, 413)
"""The numbers in an 8x8x16 slice of the chips of one host, a square of two by two."""


@pytest.fixture
def plugin():
    with serving(Exporter()) as running:
        yield running


@pytest.fixture
def source(plugin):
    opened = open_source(Where("north", "train"), urls=[plugin.url], timeout_s=60, calibration=None)
    yield opened
    opened.close()


def at(source, second=0):
    """Read at that second; return the samples of all batches as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 10_000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def column(samples, name):
    return [sample[name] for sample in samples]


def of_slice(values):
    return dict(zip(SLICE, values, strict=True))


def of_host(values):
    return dict(enumerate(values))


BUSY = page(
    tensor=of_host([10, 20, 30, 40]),
    bandwidth=of_host([50, 60, 70, 80]),
    duty=of_slice([91, 92, 93, 94]),
    used=of_slice([1 * GIB, 2 * GIB, 3 * GIB, 4 * GIB]),
    total=of_slice([95 * GIB] * 4),
    pod="pretrain-0-252",
)


def test_a_chip_is_a_sample(plugin, source):
    """Labels and units are the contract's; the watts are estimated and say so."""
    plugin.body = BUSY
    sample = at(source)[0]
    ts = sample.pop("ts")
    expected = estimate(chip("tpu-v5p"), 0.1, 0.5, busy=0.91)

    assert ts.timestamp() * 1000 == START_MS
    assert sample == {
        "interval_ms": 10_000,
        "site": "north",
        "fleet": "train",
        "platform": "tpu",
        "model": "tpu-v5p",
        "host": MACHINE,
        "chip": f"{MACHINE}/0",
        "job": "ml/pretrain-0-252",
        "power_w": pytest.approx(expected.power_w),
        "power_method": "model",
        "power_error_w": pytest.approx(expected.error_w),
        "utilization": pytest.approx(0.91),
        "tensor_utilization": pytest.approx(0.1),
        "memory_used_bytes": GIB,
        "memory_total_bytes": 95 * GIB,
        "temperature_c": None,
        "throttle": None,
        "energy_j": None,
    }


def test_numbers_of_the_slice_and_of_the_host_are_joined_in_order(plugin, source):
    """Duty cycle and memory bear the slice's numbers, activity the host's: the lowest is the first of both."""
    plugin.body = BUSY
    samples = at(source)

    assert column(samples, "chip") == [f"{MACHINE}/{number}" for number in range(4)]
    assert column(samples, "tensor_utilization") == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert column(samples, "utilization") == pytest.approx([0.91, 0.92, 0.93, 0.94])
    assert column(samples, "memory_used_bytes") == [GIB, 2 * GIB, 3 * GIB, 4 * GIB]


def test_numbers_are_ordered_as_numbers(plugin, source):
    """As text, 1000 would come before 998."""
    plugin.body = page(
        tensor=of_host([1, 2, 3, 4]), duty={999: 20, 1000: 30, 998: 10, 1001: 40}, bandwidth=of_host([0] * 4)
    )

    assert column(at(source), "utilization") == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_the_first_host_of_a_slice_is_not_joined_by_equal_numbers(plugin, source):
    """Its chips are 0, 1, 8 and 9 in the slice: 0 and 1 mean the same in both schemes there, by accident."""
    plugin.body = page(tensor=of_host([1, 2, 3, 4]), duty={0: 10, 1: 20, 8: 30, 9: 40})
    samples = at(source)

    assert column(samples, "chip") == [f"{MACHINE}/{number}" for number in range(4)]
    assert column(samples, "utilization") == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    "numbers",
    [
        (404, 405),  # a pod holds two of the four
        (*range(4), *SLICE),  # what an earlier workload left behind is still shown
    ],
)
def test_readings_of_more_or_fewer_chips_than_the_host_has_are_not_joined(plugin, source, numbers):
    """Nothing tells of which chips they are: they are null, and the chips are the host's all the same."""
    plugin.body = page(
        tensor=of_host([10] * 4),
        bandwidth=of_host([20] * 4),
        duty=dict.fromkeys(numbers, 50),
        total=of_slice([95 * GIB] * 4),
    )
    samples = at(source)

    assert column(samples, "chip") == [f"{MACHINE}/{number}" for number in range(4)]
    assert column(samples, "utilization") == [None] * 4
    assert column(samples, "memory_total_bytes") == [95 * GIB] * 4
    assert all(column(samples, "power_w"))


def test_the_join_moves_no_watts(plugin, source):
    """Watts rest on what the host numbers: whichever chip the runtime meant, each has the same."""
    plugin.body = BUSY
    joined = column(at(source), "power_w")
    plugin.body = page(tensor=of_host([10, 20, 30, 40]), bandwidth=of_host([50, 60, 70, 80]))

    assert column(at(source, 10), "power_w") == pytest.approx(joined)


def test_without_a_workload_there_is_activity_alone(plugin, source):
    """The runtime is not there to be asked: no duty cycle, no memory, no job."""
    plugin.body = page(tensor=of_host([0] * 4), bandwidth=of_host([0] * 4))
    samples = at(source)

    assert column(samples, "tensor_utilization") == [0] * 4
    for name in ("utilization", "memory_used_bytes", "memory_total_bytes", "job"):
        assert column(samples, name) == [None] * 4
    assert column(samples, "power_w") == pytest.approx([chip("tpu-v5p").idle_w] * 4)


@pytest.mark.parametrize("percent", [0, 100])
def test_a_duty_cycle_alone_makes_no_watts(plugin, source, percent):
    """Busy all the time may be at any load. The chips bear the numbers that the host would give them."""
    plugin.body = page(duty=of_slice([percent] * 4), total=of_slice([95 * GIB] * 4))
    samples = at(source)

    assert column(samples, "chip") == [f"{MACHINE}/{number}" for number in range(4)]
    assert column(samples, "utilization") == [percent / 100] * 4
    for name in ("power_w", "power_method", "power_error_w", "tensor_utilization"):
        assert column(samples, name) == [None] * 4


def test_memory_by_core_does_not_make_more_chips(plugin, source):
    """Of two cores a chip, a runtime may tell memory by core and the duty cycle by chip."""
    plugin.body = page(duty=of_host([10] * 4), total=dict.fromkeys(range(8), 96 * GIB), model="tpu7x")
    samples = at(source)

    assert len(samples) == 4
    assert column(samples, "memory_total_bytes") == [None] * 4


def test_container_series_are_not_read(plugin, source):
    """They are missing for chips without a pod: only the node's are readings, and no page shows a chip without."""
    labels = {"namespace": "ml", "pod": "p", "container": "c"}
    node = page(tensor={0: 1, 1: 2})
    plugin.body = node + row("tensorcore_utilization", 77, 1, **labels).encode()
    samples = at(source)

    assert column(samples, "tensor_utilization") == pytest.approx([0.01, 0.02])
    assert column(samples, "job") == [None, "ml/p"]
    plugin.body = row("duty_cycle", 77, 404, **labels).encode()
    with pytest.raises(SourceError, match="has no TPU"):
        at(source, 10)


def test_pods_that_share_a_host_leave_the_job_open(plugin, source):
    """The plugin shows activity of all chips under each pod of the host: nothing says which pod holds which chip."""
    node = page(tensor={0: 1, 1: 2})
    for pod in ("p1", "p2"):
        for number in (0, 1):
            node += row("tensorcore_utilization", 1, number, namespace="ml", pod=pod, container="c").encode()
    plugin.body = node

    assert column(at(source), "job") == [None, None]


def test_an_idle_page_that_does_not_change_is_news_at_every_read(plugin, source):
    """All its values may stay 0 for hours: were it nothing to report, idle chips would count as silent."""
    plugin.body = page(tensor=of_host([0] * 4), bandwidth=of_host([0] * 4))
    told = [at(source, second) for second in (0, 10, 20)]

    assert [len(samples) for samples in told] == [4, 4, 4]
    assert {sample["interval_ms"] for samples in told for sample in samples} == {10_000}
    assert source.default_period_s == 10


def test_a_gpu_nodes_plugin_is_none(plugin, source):
    """Google's plugin for GPUs serves the same port and partly the same names."""
    plugin.body = row("duty_cycle_node", 5, 0, make="nvidia", accelerator_id="GPU-7a2e-0").encode()
    with pytest.raises(SourceError, match="has no TPU; check whether it is GKE's TPU device plugin"):
        at(source)


def test_a_given_host_name_does_not_rename_chips(plugin):
    """The machine's own number keeps them apart, however it is called."""
    plugin.body = BUSY
    source = open_source(Where(host="node-7"), urls=[plugin.url], timeout_s=60, calibration=None)
    sample = at(source)[0]
    source.close()

    assert (sample["host"], sample["chip"]) == ("node-7", f"{MACHINE}/0")


def test_machines_on_one_page_are_told_apart(plugin, source):
    """Behind a proxy one page may show several: a batch each, and each joined by itself."""
    plugin.body = page(tensor=of_host([1, 2]), duty={6: 10, 7: 20}) + page(tensor=of_host([3]), machine="8")

    assert {batch.key: batch.samples.num_rows for batch in source.read(Tick(START_MS, 10_000))} == {MACHINE: 2, "8": 1}


@pytest.mark.parametrize(
    ("accelerator", "model"),
    [
        ("tpu-v4-podslice", "tpu-v4"),
        ("tpu-v5-lite-podslice", "tpu-v5e"),
        ("tpu-v5-lite-device", "tpu-v5e"),
        ("tpu-v5p-slice", "tpu-v5p"),
        ("tpu-v6e-slice", "tpu-v6e"),
        ("tpu-v6e-device", "tpu-v6e"),
        ("tpu7x", "tpu-v7"),
        ("tpu-v3-slice", "tpu-v3"),
        ("tpu8i", "tpu-v8i"),
        ("Some Thing", "some-thing"),
        ("", "unknown"),
    ],
)
def test_gkes_names_become_the_catalogues(accelerator, model):
    """Names of GKE's node label cloud.google.com/gke-tpu-accelerator; others keep the form."""
    assert model_of(Reading(labels={"model": {accelerator} if accelerator else set()})) == model


def test_a_model_that_nobody_knows_has_no_watts(plugin, source):
    """Its activity is told all the same."""
    plugin.body = page(tensor={0: 50}, bandwidth={0: 50}, model="tpu8i")
    sample = at(source)[0]

    assert (sample["model"], sample["power_w"], sample["power_method"]) == ("tpu-v8i", None, None)
    assert sample["tensor_utilization"] == 0.5


def test_what_an_operator_measured_goes_before_the_catalogue(plugin, tmp_path):
    """A calibration file is for the models that it names."""
    file = tmp_path / "measured.toml"
    file.write_text("[tpu-v5p]\nidle_w = 100\npeak_w = 500\ntensor_weight = 1\nmemory_weight = 0\nerror_share = 0.05\n")
    plugin.body = page(tensor={0: 50}, bandwidth={0: 50})
    source = open_source(Where(), urls=[plugin.url], timeout_s=60, calibration=file)
    sample = at(source)[0]
    source.close()

    assert (sample["power_w"], sample["power_error_w"]) == (300, 15)


def test_a_calibration_that_cannot_be_read_is_named(tmp_path):
    """Before anything is read."""
    with pytest.raises(GigawattError, match="--calibration"):
        open_source(Where(), urls=["http://a"], timeout_s=1, calibration=tmp_path / "none.toml")


@pytest.mark.parametrize("number", ["", "x", "-", "1" * 5000, "²"])
def test_an_id_without_a_number_is_no_chip(plugin, source, number):
    """It cannot be joined with anything."""
    plugin.body = row("tensorcore_utilization_node", 5, number).encode() + row("duty_cycle_node", 5, 0).encode()

    assert column(at(source), "chip") == [f"{MACHINE}/0"]


def test_a_look_says_what_is_there():
    """The usual page is the default of the flag, and what a look asks."""
    asked = []
    found = look(Machine(listens=lambda host, port: bool(asked.append((host, port)))))

    assert asked == [("127.0.0.1", 2112)]
    assert OPTIONS[0].default == (dialect({}).url,) == ("http://127.0.0.1:2112/metrics",)
    assert not found.found
    assert "nothing listens on port 2112" in found.says
    assert "NODE_IP" in found.says
