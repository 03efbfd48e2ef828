"""What real exporters' pages hold, as read in them with one's own eyes; and what becomes of pages that are damaged."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.exporter import Exporter
from producers.prometheus_text import TextParser
from producers.source import SourceError, Tick, Where
from producers.sources import amd_exporter, dcgm, tpu_gke
from tests.producers import amd_page, dcgm_page, tpu_page
from tests.recordings import RECORDINGS

START_MS = 1_790_000_000_000
MIB = 2**20
DIALECTS = {"dcgm": dcgm.DIALECT, "tpu_gke": tpu_gke.dialect({}), "amd_exporter": amd_exporter.dialect()}


class Page:
    """Stands for a scraper: the page is `body`."""

    url = "http://127.0.0.1:9/metrics"
    host = "127.0.0.1"

    def __init__(self, body):
        self.body = body

    def read(self):
        return self.body

    def close(self):
        """Nothing is open."""


def recorded(file):
    path = RECORDINGS / file
    if not path.exists():
        pytest.skip(f"the recording {file} is not beside this checkout")
    return path.read_text()


def shown(dialect, body):
    """Read that page once; return what each chip shows, but for what its reader adds."""
    batches = Exporter(DIALECTS[dialect], Page(body), Where()).read(Tick(START_MS, 1000))
    added = {"ts", "interval_ms", "site", "fleet", "platform", "chip"}
    return {
        sample["chip"]: {name: value for name, value in sample.items() if value is not None and name not in added}
        for batch in batches
        for sample in batch.samples.to_pylist()
    }


IDLE_A100 = {
    "GPU-7099682b-a20d-2bcc-74ab-b9060454d81e": {
        "host": "nvidia-dcgm-exporter-drqwq",
        "model": "a100-sxm",
        "power_w": 45.999,
        "power_method": "sensor",
        "power_error_w": 5,
        "utilization": 0,
        "tensor_utilization": 0,
        "memory_used_bytes": 0,
        "memory_total_bytes": 40384 * MIB,
        "temperature_c": 29,
        "energy_j": 424405.577,
    }
}
STATED = {
    ("dcgm", "nvidia/dcgm-exporter-t4-fraction.prom", 0): {
        "GPU-7a2e92f2-be71-d37e-a744-541600ffc722": {
            "host": "nvidia-dcgm-exporter-s228n",
            "model": "t4",
            "job": "runai-reservation/runai-reservation-gpu-qa-mig-worker-gpu-1-kvltw",
            "power_w": 28.722,
            "power_method": "sensor",
            "power_error_w": 5,
            "utilization": 0,
            "tensor_utilization": 0,
            "memory_used_bytes": 128 * MIB,
            "memory_total_bytes": (128 + 14831) * MIB,
            "temperature_c": 55,
            "energy_j": 9022.652,
        },
        "GPU-5f587dd4-6505-0873-c6db-8324dbfe5ba9": {
            "host": "nvidia-dcgm-exporter-s228n",
            "model": "t4",
            "power_w": 17.035,
            "power_method": "sensor",
            "power_error_w": 5,
            "utilization": 0,
            "tensor_utilization": 0,
            "memory_used_bytes": 5 * MIB,
            "memory_total_bytes": (5 + 14955) * MIB,
            "temperature_c": 52,
            "energy_j": 8855.497,
        },
    },
    # Each of four instances shows the GPU's power, two of them 106.463 W; one runs.
    ("dcgm", "nvidia/dcgm-exporter-a100-mig-4-active.prom", 0): {
        "GPU-473571f2-fb37-ef7e-50fe-9885b74a23cd": {
            "host": "nvidia-dcgm-exporter-tl46n",
            "model": "a100-sxm",
            "power_w": 112.252,
            "power_method": "sensor",
            "power_error_w": 5,
            "utilization": 0.408493,
            "memory_used_bytes": (6 + 4384 + 6 + 13) * MIB,
            "temperature_c": 36,
            "energy_j": 6890.956,
        }
    },
    ("dcgm", "nvidia/dcgm-exporter-a100-mig-disabled.notes.txt", 1): IDLE_A100,
    ("dcgm", "nvidia/dcgm-exporter-a100-mig-disabled.notes.txt", 2): IDLE_A100,
    # Watts are the model's, which is tested by itself: here they are only told to be its.
    ("tpu_gke", "tpu/gke-device-plugin-v5p.prom", 0): {
        f"2605441806135329501/{number}": {
            "host": "2605441806135329501",
            "model": "tpu-v5p",
            "job": "default/dummy-job-0-252-7jwkw",
            "power_method": "model",
            "utilization": 1,
            "tensor_utilization": tensor,
            "memory_used_bytes": 65_000_000_000,
            "memory_total_bytes": 102_803_439_616,
        }
        for number, tensor in enumerate([0.01, 0.02, 0.03, 0.04])
    },
}


@pytest.mark.parametrize(("case", "stated"), STATED.items(), ids=[f"{file}-{page}" for _, file, page in STATED])
def test_a_recorded_page_parses_to_what_it_says(case, stated):
    """Chip by chip, and nothing else: what is not stated is not told."""
    dialect, file, number = case
    found = shown(dialect, recorded(file).split("-" * 80)[number].encode())
    for sample in found.values() if dialect == "tpu_gke" else ():
        assert sample.pop("power_w") > sample.pop("power_error_w") > 0

    assert found == {
        chip: {name: value if isinstance(value, str) else pytest.approx(value, rel=1e-6) for name, value in row.items()}
        for chip, row in stated.items()
    }


def test_amds_own_examples_name_chip_part_and_host():
    """The list of metrics shows clocks and links only; what they are labelled with is what all metrics are."""
    text = recorded("amd/device-metrics-exporter-metrics.md")
    lines = re.findall(r"^gpu_\w+\{.*serial_number=.*\} \S+$", text, re.MULTILINE)
    rows = TextParser(("gpu_clock", "gpu_xgmi_link_rx", "gpu_xgmi_link_tx")).rows("\n".join(lines).encode())
    dialect = amd_exporter.dialect()

    assert [row.value for row in rows if row.metric == "gpu_clock"] == [22, 132, 900, 29, 29]
    assert sum(row.metric.startswith("gpu_xgmi_link") for row in rows) == 16
    assert {dialect.chip_of(row.labels) for row in rows} == {"xxxx"}
    assert {dialect.part_of(row.labels) for row in rows} == {"0", "3", "5"}
    assert {row.labels["hostname"] for row in rows} == {"xxxx"}


def test_every_metric_that_is_read_is_in_amds_list():
    """A misspelt name would be silently missing from every sample."""
    listed = recorded("amd/device-metrics-exporter-metrics.md").lower()

    assert [metric for metric in amd_exporter.TABLE if not re.search(rf"\b{metric}\b", listed)] == []


def test_every_metric_that_is_read_is_on_the_plugins_page():
    """Both series of each."""
    text = recorded("tpu/gke-device-plugin-v5p.prom")
    names = (*tpu_gke.TABLE, *tpu_gke.CONTAINER_SERIES)

    assert [metric for metric in names if not re.search(rf"^{metric}{{", text, re.MULTILINE)] == []


PAGES = {
    "dcgm": dcgm_page.page(power=301.5, energy_mj=10**6, gpus=2, util=50, namespace="n", pod="p")
    + b"".join(
        dcgm_page.row(metric, value, gpu=2, GPU_I_ID=number).encode()
        for number in (1, 2)
        for metric, value in {
            "DCGM_FI_DEV_POWER_USAGE": 110,
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 0.5,
            "DCGM_FI_DEV_FB_USED": 100,
            "DCGM_FI_DEV_FB_FREE": 10,
            "DCGM_FI_DEV_CLOCKS_EVENT_REASONS": 4,
        }.items()
    ),
    "tpu_gke": tpu_page.page(
        tensor=dict.fromkeys(range(4), 40.5),
        bandwidth=dict.fromkeys(range(4), 60),
        duty=dict.fromkeys((404, 405, 412, 413), 100),
        used=dict.fromkeys((404, 405, 412, 413), 6.5e10),
        total=dict.fromkeys((404, 405, 412, 413), 1.02803439616e11),
        pod="p",
    ),
    "amd_exporter": amd_page.page(
        {
            "gpu_package_power": 512,
            "gpu_energy_consumed": 7.5e12,
            "gpu_gfx_activity": 73,
            "gpu_junction_temperature": 61,
            "gpu_used_vram": 1000,
            "gpu_total_vram": 196592,
            "gpu_violation_ppt_residency_percentage": 12,
        },
        gpus=2,
        pod="p",
    )
    + amd_page.partitioned({"gpu_package_power": (480, 0), "gpu_used_vram": (1, 1)}),
}
VALUES = ["0", "-1", "NaN", "+Inf", "1e308", "-1e308", "65535", "9223372036854775794", "1.8446744073709552e+19", ""]
SCRAPS = [b"", b'"', b"{", b"}", b" ", b"\n", b",", b"\\", b"\x00", b"\xc3", b"\xc3\xa9", b"=", b"9" * 30]


def read_or_refused(dialect, *bodies):
    """Read these pages one after the other; the declared error is the only one."""
    page = Page(b"")
    exporter = Exporter(DIALECTS[dialect], page, Where())
    for second, body in enumerate(bodies):
        page.body = body
        try:
            batches = exporter.read(Tick(START_MS + 1000 * second, 1000))
        except SourceError:
            continue
        samples = [sample for batch in batches for sample in batch.samples.to_pylist()]
        assert len({sample["chip"] for sample in samples}) == len(samples)
        assert all((sample["power_w"] is None) == (sample["power_method"] is None) for sample in samples)
        assert not any(math.isnan(sample["power_w"] or 0) for sample in samples)


@pytest.mark.parametrize("dialect", PAGES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_page_with_other_values_is_read_or_refused(dialect, data):
    """Lines are lost, doubled and given any value: no error but the declared one, and no chip twice."""
    lines = []
    for line in PAGES[dialect].decode().splitlines(keepends=True):
        fate = data.draw(st.integers(0, 9))
        if fate == 0:
            continue
        lines.append(line)
        if fate == 1:
            lines.append(line)
        if fate in (1, 2):
            lines[-1] = f"{line.rsplit(' ', 1)[0]} {data.draw(st.sampled_from(VALUES))}\n"
    read_or_refused(dialect, PAGES[dialect], "".join(lines).encode(), PAGES[dialect])


@pytest.mark.parametrize("dialect", PAGES)
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(SCRAPS)), min_size=1, max_size=6),
)
def test_a_damaged_page_is_read_or_refused(dialect, cuts):
    """Bytes are cut out and put in anywhere: no error but the declared one."""
    body = PAGES[dialect]
    for place, length, scrap in cuts:
        at = int(place * len(body))
        body = body[:at] + scrap + body[at + length :]
    read_or_refused(dialect, body, PAGES[dialect])


@pytest.mark.parametrize(("dialect", "file", "number"), STATED, ids=[f"{file}-{number}" for _, file, number in STATED])
def test_a_damaged_recording_is_read_or_refused(dialect, file, number):
    """Each line of it in turn is cut in half, or its value is none."""
    lines = recorded(file).split("-" * 80)[number].splitlines()
    for at, line in enumerate(lines):
        for instead in (line[: len(line) // 2], f"{line.rsplit(' ', 1)[0]} NaN"):
            read_or_refused(dialect, "\n".join([*lines[:at], instead, *lines[at + 1 :]]).encode())
