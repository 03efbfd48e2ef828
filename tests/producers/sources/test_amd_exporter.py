import pytest

from producers.discovery import Machine
from producers.prometheus_text import Reading
from producers.source import SourceError, Tick, Where
from producers.sources.amd_exporter import OPTIONS, chip_of, look, model_of, number_of, open_source
from tests.producers.amd_page import page, partitioned, row
from tests.producers.exporter import Exporter, serving

START_MS = 1_790_000_000_000
MIB = 2**20


@pytest.fixture
def exporter():
    with serving(Exporter()) as running:
        yield running


@pytest.fixture
def source(exporter):
    opened = opened_at(exporter)
    yield opened
    opened.close()


def opened_at(exporter, *, where=Where("north", "train"), prefix="amd_", model=None):  # noqa: B008  immutable
    return open_source(where, urls=[exporter.url], timeout_s=60, prefix=prefix, model=model)


def at(source, second=0):
    """Read at that second; return the samples of all batches as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 5000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def one(source, second=0):
    samples = at(source, second)
    assert len(samples) == 1
    return samples[0]


def test_a_gpu_is_a_sample(exporter, source):
    """Labels, units and the power's method are the contract's; nobody has stated the sensor's error."""
    exporter.body = page(
        {
            "gpu_package_power": 512,
            "gpu_power_usage": 500,
            "gpu_energy_consumed": 7.5e12,
            "gpu_gfx_activity": 73,
            "gpu_umc_activity": 40,
            "gpu_prof_tensor_active_percent": 25,
            "gpu_junction_temperature": 61,
            "gpu_memory_temperature": 70,
            "gpu_edge_temperature": 0,
            "gpu_used_vram": 1000,
            "gpu_total_vram": 196592,
            "gpu_violation_ppt_residency_percentage": 12,
            "gpu_violation_socket_thermal_residency_percentage": 0,
        },
        namespace="llm",
        pod="pretrain-0",
    )
    sample = one(source)
    ts = sample.pop("ts")

    assert ts.timestamp() * 1000 == START_MS
    assert sample == {
        "interval_ms": 5000,
        "site": "north",
        "fleet": "train",
        "platform": "amd",
        "model": "mi300x",
        "host": "node-5",
        "chip": "692400000000",
        "job": "llm/pretrain-0",
        "power_w": 512.0,
        "power_method": "sensor",
        "power_error_w": None,
        "utilization": pytest.approx(0.73),
        "tensor_utilization": 0.25,
        "memory_used_bytes": 1000 * MIB,
        "memory_total_bytes": 196592 * MIB,
        "temperature_c": 70.0,
        "throttle": 1,
        "energy_j": 7_500_000.0,
    }


@pytest.mark.parametrize("prefix", ["", "amd_", "site_"])
def test_a_prefix_of_the_names_is_understood(exporter, prefix):
    """Operators may give the exporter one; none and AMD's own example need no flag."""
    exporter.body = page({"gpu_package_power": 300}, prefix=prefix)
    source = opened_at(exporter, prefix="site_" if prefix == "site_" else "amd_")

    assert one(source)["power_w"] == 300
    source.close()


@pytest.mark.parametrize(
    ("metrics", "watts"),
    [
        ({"gpu_package_power": 700, "gpu_power_usage": 690}, 700),  # MI300
        ({"gpu_average_package_power": 250, "gpu_package_power": 0}, 250),  # MI200
        ({"gpu_power_usage": 90}, 90),
        ({"gpu_package_power": 0, "gpu_average_package_power": 0, "gpu_power_usage": 0}, None),
        ({"gpu_package_power": 65535, "gpu_gfx_activity": 5}, None),  # amdsmi's N/A
        ({"gpu_gfx_activity": 5}, None),
    ],
)
def test_the_socket_has_one_power_by_three_names(exporter, source, metrics, watts):
    """What a GPU does not have is left out, or 0 by older exporters, which is no reading."""
    exporter.body = page(metrics)
    sample = one(source)

    assert (sample["power_w"], sample["power_method"]) == (watts, "sensor" if watts else None)


def test_watts_are_the_sensors_beside_a_counter(exporter, source):
    """The counter is told as it is; its difference is not taken for watts."""
    exporter.body = page({"gpu_package_power": 300, "gpu_energy_consumed": 1e9})
    at(source, 0)
    exporter.body = page({"gpu_package_power": 301, "gpu_energy_consumed": 9e9})
    sample = one(source, 5)

    assert (sample["power_w"], sample["power_method"], sample["energy_j"]) == (301, "sensor", 9000)


def test_a_page_from_the_exporters_memory_is_nothing_to_report(exporter, source):
    """It asks its GPUs every 15 s at most: a sample spans the time from one answer to the next."""
    told = []
    for second in range(0, 60, 5):
        exporter.body = page({"gpu_package_power": 300 + second // 15, "gpu_energy_consumed": 1e9 + second // 15})
        told.append(at(source, second))

    assert [len(samples) for samples in told] == [1, 0, 0] * 4
    assert [samples[0]["interval_ms"] for samples in told if samples] == [5000, 15_000, 15_000, 15_000]


def test_a_partitioned_gpu_is_one_gpu(exporter, source):
    """The first partition reports the power of all, the others 0: it is counted once, and there is no zero watt."""
    exporter.body = partitioned(
        {
            "gpu_package_power": (480, 0),
            "gpu_power_usage": (481, 0),
            "gpu_energy_consumed": (5e6, None),
            "gpu_junction_temperature": (66, None),
            "gpu_violation_processor_hot_residency_percentage": (3, None),
        }
    )
    sample = one(source)

    assert (sample["chip"], sample["power_w"], sample["energy_j"]) == ("692400000000", 480, 5)
    assert (sample["temperature_c"], sample["throttle"]) == (66, 2)


def test_a_partition_does_not_speak_for_the_gpu(exporter, source):
    """Activity is one partition's, and memory sometimes all of it, again and again: neither is told."""
    exporter.body = partitioned(
        {
            "gpu_package_power": (480, 0),
            "gpu_gfx_activity": (60, None),
            "gpu_prof_tensor_active_percent": (10, 10),
            "gpu_used_vram": (500, 500),
            "gpu_total_vram": (196592, 196592),
        }
    )
    sample = one(source)

    assert sample["power_w"] == 480
    for name in ("utilization", "tensor_utilization", "memory_used_bytes", "memory_total_bytes"):
        assert sample[name] is None


def test_partitions_whose_first_shows_no_power_have_none(exporter, source):
    """An exporter that once read 0 leaves power out until it is restarted; the others' 0 is not it."""
    exporter.body = partitioned({"gpu_package_power": (None, 0), "gpu_junction_temperature": (66, None)})

    assert one(source)["power_w"] is None


def test_two_dies_of_one_board_are_one_chip(exporter, source):
    """The board has the serial number and one of its dies the power sensor; memory adds up."""
    board = {"serial_number": "PCB1", "card_model": "102-D65209-00", "gpu_compute_partition_type": "none"}
    exporter.body = "".join(
        row(metric, value, gpu=gpu, **board)
        for metric, values in {
            "gpu_average_package_power": (430, 0),
            "gpu_gfx_activity": (40, 0),
            "gpu_used_vram": (100, 200),
            "gpu_total_vram": (65520, 65520),
        }.items()
        for gpu, value in enumerate(values)
    ).encode()
    sample = one(source)

    assert (sample["model"], sample["power_w"], sample["utilization"]) == ("mi250", 430, pytest.approx(0.4))
    assert (sample["memory_used_bytes"], sample["memory_total_bytes"]) == (300 * MIB, 131040 * MIB)


@pytest.mark.parametrize(
    ("labels", "chip"),
    [
        ({"serial_number": "6924"}, "6924"),
        ({"serial_number": "6924", "gpu_partition_id": "3"}, "6924"),
        ({"gpu_uuid": "17ff74b5"}, "17ff74b5"),  # a guest does not see the serial number
        ({"serial_number": "N/A", "gpu_uuid": "17ff74b5", "gpu_partition_id": "NA"}, "17ff74b5"),
        ({"gpu_uuid": "17ff74b5", "gpu_partition_id": "1"}, None),
        ({}, None),
    ],
)
def test_a_chip_is_known_by_its_serial_number(labels, chip):
    """Partitions share it; a further partition without it is no chip of its own."""
    assert chip_of(labels) == chip


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        ({"gpu_id": "2"}, "2"),
        ({"gpu_id": "2", "gpu_partition_id": "0"}, "2"),
        ({"gpu_id": "3", "gpu_partition_id": "1"}, None),
        ({}, None),
    ],
)
def test_a_chip_without_a_serial_number_is_known_by_its_number(labels, number):
    assert number_of(labels) == number


@pytest.mark.parametrize(
    ("card_model", "card_series", "model"),
    [
        ("102-G30211-0C", "AMD Instinct MI300X OAM", "mi300x"),
        ("", "Aqua Vanjaram [Instinct MI300X VF]", "mi300x"),
        ("102-D67305-00", "Aldebaran/MI200 [Instinct MI210", "mi210"),
        ("102-G36218-0C", None, "mi355x"),
        ("102-G30211-00", "AMD INSTINCT MI300 (MCM) OAM AC MBA", "mi300x"),
        ("102-G99999-0C", "AMD Instinct MI325X OAM", "mi325x"),
        ("MI325X", None, "mi325x"),
        ("102-G99999-0C", None, "102-g99999-0c"),
        ("", "AMD Radeon AI PRO R9700", "radeon-ai-pro-r9700"),
        ("", None, "unknown"),
    ],
)
def test_amds_names_become_the_catalogues(card_model, card_series, model):
    """The card's model is a board's part number; its series is a name, and not always shown."""
    labels = {"card_model": card_model, "card_series": card_series}

    assert model_of(Reading(labels={name: {text} for name, text in labels.items() if text})) == model


def test_a_model_may_be_given(exporter):
    """For boards that the exporter does not name."""
    exporter.body = page({"gpu_package_power": 300}, card_model="")
    source = opened_at(exporter, model="mi325x")

    assert one(source)["model"] == "mi325x"
    source.close()


@pytest.mark.parametrize(
    ("violations", "bits"),
    [
        ({}, None),
        ({"ppt_residency": 0, "socket_thermal_residency": 0}, 0),
        ({"ppt_residency": 5}, 1),
        ({"gfx_clock_below_host_limit_power": 5}, 1),
        ({"hbm_thermal_residency": 0.5, "vr_thermal_residency": 0}, 2),
        ({"ppt_residency": 1, "processor_hot_residency": 1}, 3),
        ({"low_utilization": 90}, None),  # a clock that is low for want of work is not held back
    ],
)
def test_violations_are_throttling(exporter, source, violations, bits):
    """Any share of the time counts; an exporter without them says nothing."""
    metrics = {f"gpu_violation_{kind}_percentage": percent for kind, percent in violations.items()}
    exporter.body = page({"gpu_package_power": 300, **metrics})

    assert one(source)["throttle"] == bits


def test_the_hottest_sensor_counts(exporter, source):
    """Stacks of memory are told one by one."""
    stacks = [row("gpu_hbm_temperature", 50 + number, hbm_index=str(number)) for number in range(4)]
    exporter.body = page({"gpu_edge_temperature": 45}) + "".join(stacks).encode()

    assert one(source)["temperature_c"] == 53


@pytest.mark.parametrize(
    ("labels", "job"),
    [
        ({"job_id": "5", "pod": "p", "namespace": "n"}, "5"),
        ({"pod": "p", "namespace": "n"}, "n/p"),
        ({}, None),
    ],
)
def test_a_job_is_slurms_or_a_pod(exporter, source, labels, job):
    """Empty labels are none."""
    exporter.body = page({"gpu_package_power": 300}, **labels)

    assert one(source)["job"] == job


def test_another_page_is_a_failure(exporter, source):
    """Many a program serves port 5000."""
    exporter.body = b"gpu_nodes_total 8\n"
    with pytest.raises(SourceError, match="has no AMD GPU; check whether it is AMD's device-metrics-exporter"):
        at(source)


def test_a_look_says_what_is_there():
    """The usual page is the default of the flag, and what a look asks."""
    asked = []
    found = look(Machine(listens=lambda host, port: bool(asked.append((host, port)))))

    assert asked == [("127.0.0.1", 5000)]
    assert OPTIONS[0].default == ("http://127.0.0.1:5000/metrics",)
    assert not found.found
    assert "nothing listens on port 5000" in found.says
