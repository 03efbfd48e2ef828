from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from producers.nvidia_smi import Told
from producers.recorded_csv import RecordingError
from producers.recordings import blocks, lacking

HEADER = (
    "timestamp, index, uuid, name, power.draw [W], utilization.gpu [%], temperature.gpu, memory.used [MiB], "
    "clocks_throttle_reasons.active"
)
ROWS = (
    "2024/05/14 10:11:12.000, 0, GPU-a, NVIDIA H100 80GB HBM3, 312.45 W, 97 %, 61, 40000 MiB, 0x0000000000000004",
    "2024/05/14 10:11:12.003, 1, GPU-b, NVIDIA H100 80GB HBM3, [N/A], [Not Supported], 51, 4 MiB, 0x0000000000000001",
    "2024/05/14 10:11:13.000, 0, GPU-a, NVIDIA H100 80GB HBM3, 318.00 W, 98 %, 62, 40000 MiB, 0x0000000000000000",
)
AT_MS = int(datetime(2024, 5, 14, 10, 11, 12, tzinfo=UTC).timestamp() * 1000)


def read(tmp_path, text, encoding="utf-8", **told):
    """Return the rows that a recording of this text is played as."""
    path = tmp_path / "node-12.csv"
    path.write_bytes(text.encode(encoding))
    found = list(blocks(path, told=Told(**told)))
    assert not any(map(lacking, found))
    rows = [row for block in found for row in block.cast(block.schema).to_pylist()]
    for row in rows:
        row["ts"] = round(row["ts"].timestamp() * 1000)
    return rows


def lines(*rows, header=HEADER):
    return "".join(f"{line}\n" for line in (header, *rows))


def shown(rows, *fields):
    return [tuple(row[field] for field in fields) for row in rows]


def test_a_recording_is_played_as_it_is(tmp_path):
    """Every column in the contract's unit, each row over the time since the same GPU's row before."""
    rows = read(tmp_path, lines(*ROWS), site="iowa", fleet="lab")

    assert shown(rows, "ts", "interval_ms", "chip") == [
        (AT_MS, 1000, "GPU-a"), (AT_MS + 3, 1000, "GPU-b"), (AT_MS + 1000, 1000, "GPU-a"),
    ]  # fmt: skip
    assert shown(rows[:1], "site", "fleet", "platform", "model", "host") == [
        ("iowa", "lab", "nvidia", "h100-sxm", "node-12")
    ]
    assert rows[0]["power_w"] == pytest.approx(312.45)
    assert rows[0]["utilization"] == pytest.approx(0.97)
    assert shown(rows[:1], "power_method", "power_error_w", "temperature_c", "throttle", "memory_used_bytes") == [
        ("sensor", 5.0, 61.0, 1, 40_000 * 2**20)
    ]


def test_what_nvidia_smi_does_not_show_is_missing(tmp_path):
    """In whatever words it says so; nothing is made up, and a power of nothing has no method."""
    cells = ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "[GPU requires reset]", "ERR!", "", "-"]
    rows = read(tmp_path, lines(*(f"2024/05/14 10:11:1{n}, 0, A10, {c}" for n, c in enumerate(cells)),
                                header="timestamp, index, name, power.draw [W]"))  # fmt: skip

    assert shown(rows, "power_w", "power_method", "power_error_w") == [(None, None, None)] * len(cells)


PLAIN = (
    "timestamp, index, name, power.draw [W], utilization.gpu [%]\n"
    "2024/05/14 10:11:12.000, 0, NVIDIA A10, 150.25 W, 50 %\n"
)
FORMS = {
    "with units": PLAIN,
    "without units": PLAIN.replace(" W,", ",").replace(" %", ""),
    "no units in the header either": PLAIN.replace(" W,", ",")
    .replace(" %", "")
    .replace(" [W]", "")
    .replace(" [%]", ""),
    "other line ends": PLAIN.replace("\n", "\r\n"),
    "semicolons": PLAIN.replace(", ", ";"),
    "tabs": PLAIN.replace(", ", "\t"),
    "no spaces": PLAIN.replace(", ", ","),
    "semicolons and decimal commas": PLAIN.replace(", ", ";").replace("150.25", "150,25"),
    "commas and decimal commas": PLAIN.replace("150.25", "150,25"),
    "quotes": PLAIN.replace("NVIDIA A10", '"NVIDIA A10"'),
    "milliwatts": PLAIN.replace("150.25 W", "150250 mW"),
    "other names": PLAIN.replace("name", "gpu_name").replace("power.draw", "power.draw.average"),
    "underscores": PLAIN.replace("power.draw", "power_draw").replace("utilization.gpu", "utilization_gpu"),
    "an ISO time": PLAIN.replace("2024/05/14 10:11:12.000", "2024-05-14T10:11:12Z"),
    "a column of numbers before": PLAIN.replace("timestamp", ", timestamp").replace("2024/", "0, 2024/"),
    "a bus address": PLAIN.replace("index", "pci.bus_id").replace(" 0,", " 00000000:01:00.0,"),
    "appended runs": PLAIN + PLAIN.splitlines()[0] + "\n\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_is_read_whatever_the_form(tmp_path, form):
    """Nothing is configured: the file says how it is written."""
    (row,) = read(tmp_path, FORMS[form])

    assert (row["ts"], row["power_w"], row["utilization"], row["model"]) == (AT_MS, 150.25, 0.5, "a10")
    assert row["chip"] in ("node-12/0", "node-12/00000000:01:00.0")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path, encoding):
    """As Excel writes it, and as PowerShell writes what it redirects."""
    assert len(read(tmp_path, lines(*ROWS), encoding)) == 3


def test_a_file_without_header_needs_the_names(tmp_path):
    """Which percentage is which nobody can see."""
    text = PLAIN.split("\n", 1)[1]
    with pytest.raises(
        RecordingError, match=r"node-12.csv has no header; .* --columns timestamp,index,name,power.draw"
    ):
        read(tmp_path, text)
    columns = ("timestamp", "index", "name", "power.draw", "utilization.gpu")

    assert shown(read(tmp_path, text, columns=columns), "power_w", "utilization") == [(150.25, 0.5)]


@pytest.mark.parametrize(
    ("header", "lacks"),
    [
        ("power.draw [W], utilization.gpu [%]", r"lacks timestamp, index or uuid, name \(or give --model\)"),
        ("timestamp, name, power.draw [W]", "lacks index or uuid"),
        ("timestamp, index, power.draw [W]", r"lacks name \(or give --model\)"),
    ],
)
def test_what_is_missing_is_named(tmp_path, header, lacks):
    """And with which columns a recording is one."""
    with pytest.raises(RecordingError, match=f"node-12.csv {lacks}; record with nvidia-smi --query-gpu=timestamp,uuid"):
        read(tmp_path, lines(header=header))


def test_the_operator_may_name_model_host_and_zone(tmp_path):
    """What a file does not say."""
    text = lines("2024/05/14 12:11:12.000, 3, 150 W", header="timestamp, index, power.draw [W]")
    rows = read(tmp_path, text, model="h100-sxm", host="node-7", zone=ZoneInfo("Europe/Berlin"))

    assert shown(rows, "ts", "model", "host", "chip") == [(AT_MS, "h100-sxm", "node-7", "node-7/3")]


def test_reasons_may_stand_in_columns_of_their_own(tmp_path):
    """As older queries ask for them."""
    header = "timestamp, index, name, clocks_throttle_reasons.sw_power_cap, clocks_event_reasons.hw_thermal_slowdown"
    text = lines(
        "2024/05/14 12:11:12, 3, A10, Active, Not Active", "2024/05/14 12:11:13, 3, A10, [N/A], [N/A]", header=header
    )

    assert shown(read(tmp_path, text), "throttle") == [(1,), (None,)]


def at(*seconds):
    return lines(
        *(f"2024/05/14 10:{s // 60:02}:{s % 60:02}, 0, A10, 150 W" for s in seconds), header=PLAIN.partition(", u")[0]
    )


@pytest.mark.parametrize(
    ("seconds", "intervals_s"),
    [
        ((0,), (1,)),
        ((0, 5, 10), (5, 5, 5)),
        ((0, 1, 2, 600, 601), (1, 1, 1, 1, 1)),  # stopped for a while
        ((0, 1, 2, 12, 22), (1, 1, 1, 10, 10)),  # another period
        ((0, 1, 2, 2, 3), (1, 1, 1, 1)),  # a row twice is one
        ((100, 101, 0, 1), (1, 1, 1, 1)),  # the clock was set back
    ],
)
def test_each_row_stands_for_the_time_since_the_one_before(tmp_path, seconds, intervals_s):
    """Of a time in which nothing was recorded, nothing is claimed."""
    assert [row["interval_ms"] / 1000 for row in read(tmp_path, at(*seconds))] == list(intervals_s)


def test_a_torn_row_costs_itself(tmp_path):
    """As a machine that lost its power leaves it; the number of such rows is logged."""
    assert len(read(tmp_path, lines(ROWS[0], ROWS[1][:40], ROWS[2], ROWS[0][:9]))) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2024/05/14 10:11:12, 0, A10, lots, 50 %", "row 2: column power_draw: 'lots' is not a valid value"),
        ("2024/05/14 10:11:12, 0, A10, 5 J, 50 %", "row 2: column power_draw: '5 J' is not a valid value"),
        ("yesterday, 0, A10, 5 W, 50 %", "row 2: column timestamp: 'yesterday' is not a time"),
        ("2024/05/14 10:11:12, 0, A10", "row 2: 3 cells for 5 columns"),
        ("2024/05/14 10:11:12, [N/A], A10, 5 W, 50 %", "row 2: has no GPU"),
    ],
)
def test_a_recording_that_begins_with_such_a_row_is_none(tmp_path, row, why):
    """The place is named, in one line."""
    with pytest.raises(RecordingError, match=f"node-12.csv: {why}"):
        read(tmp_path, lines(row, header=PLAIN.splitlines()[0]))


def test_an_unknown_unit_is_named(tmp_path):
    """Nothing is multiplied by a guess."""
    with pytest.raises(RecordingError, match=r"node-12.csv column power_draw: unknown unit btu"):
        read(tmp_path, PLAIN.replace("[W]", "[BTU]"))
