import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import recordings
from producers.recorded_csv import RecordingError
from producers.recordings import blocks, lacking
from schema import encoding, wire
from tests.batches import NOW_MS, batch

RECORDED = batch(chip=["a", "b", "c"], power_w=[100.5, None, 300.0], power_method=["sensor", None, "counter"])


def plain(recorded):
    """Return the batch without dictionaries, which CSV and Parquet writers need not know."""
    arrays = [a.dictionary_decode() if pa.types.is_dictionary(a.type) else a for a in recorded.columns]
    return pa.RecordBatch.from_arrays(arrays, names=recorded.schema.names)


def write(path, kind, recorded=RECORDED):
    """Write a recording in one of the formats."""
    table = pa.Table.from_batches([plain(recorded)])
    if kind == "arrow file":
        with pa.ipc.new_file(path, recorded.schema) as writer:
            writer.write_batch(recorded)
    elif kind == "arrow stream":
        path.write_bytes(encoding.encode(recorded))
    elif kind == "parquet":
        pq.write_table(table, path)
    elif kind == "ndjson":
        path.write_bytes(encoding.encode_ndjson(recorded))
    elif kind == "csv with times":
        pc.write_csv(table, path)
    else:
        times = table.column("ts").cast(pa.int64())
        pc.write_csv(table.set_column(0, "ts", times), path)
    return path


FORMATS = ["arrow file", "arrow stream", "parquet", "ndjson", "csv with times", "csv with milliseconds"]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_the_same(tmp_path, kind):
    """The format is told by the content, and the samples are those that were recorded."""
    found = wire.columns(list(blocks(write(tmp_path / "recording", kind))))

    assert found.ts_ms.tolist() == [NOW_MS] * 3
    assert found.interval_ms.tolist() == [1000] * 3
    assert found.labels["chip"].values.take(pa.array(found.labels["chip"].codes)).to_pylist() == ["a", "b", "c"]
    assert found.measures["power_w"][[0, 2]].tolist() == [100.5, 300.0]
    assert found.given["power_w"].tolist() == [True, False, True]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_read_in_blocks(tmp_path, kind):
    """However large a file is, a block is bounded; all rows come, in order."""
    large = batch(chip=[f"chip-{number}" for number in range(1050)])
    found = list(blocks(write(tmp_path / "recording", kind, large), rows=100))

    assert max(block.num_rows for block in found) <= 100
    assert [chip for block in found for chip in block.column("chip").to_pylist()] == large.column("chip").to_pylist()


def test_a_wrong_cell_of_a_csv_is_named_by_row_and_field(tmp_path):
    """The operator can go to the place."""
    path = tmp_path / "recording.csv"
    path.write_text("ts,interval_ms,power_w\n1790000000000,1000,5\n1790000000000,1000,lots\n")
    with pytest.raises(RecordingError, match=r"recording\.csv: row 3, field power_w: .*lots"):
        list(blocks(path))


CSV = "ts,interval_ms,chip,power_w\n1790000000000,1000,a,5.5\n"


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode("utf-8-sig"),
        CSV.replace("\n", "\r\n").encode(),
        CSV.replace(",", ";").encode(),
        CSV.replace(",", "\t").encode(),
        CSV.replace(",", ";").replace("5.5", "5,5").encode(),
    ],
)
def test_a_csv_is_read_as_spreadsheets_write_it(tmp_path, content):
    """Byte order mark, line ends, separators and decimal commas."""
    path = tmp_path / "recording.csv"
    path.write_bytes(content)
    found = wire.columns(list(blocks(path)))

    assert (found.ts_ms.tolist(), found.measures["power_w"].tolist()) == ([1790000000000], [5.5])
    assert found.labels["chip"].values.to_pylist() == ["a"]


def test_lines_may_begin_with_a_byte_order_mark(tmp_path):
    """As some editors put one before JSON."""
    path = tmp_path / "recording"
    path.write_bytes(b"\xef\xbb\xbf" + encoding.encode_ndjson(RECORDED))

    assert sum(block.num_rows for block in blocks(path)) == 3


def test_a_csv_of_samples_without_times_is_told_what_it_lacks(tmp_path):
    """It is not none of the formats."""
    path = tmp_path / "recording.csv"
    path.write_text("time,chip,power_w\n1,a,5\n")
    with pytest.raises(RecordingError, match=r"recording\.csv has no column ts, which every sample needs"):
        list(blocks(path))


def test_a_row_of_another_length_is_named(tmp_path):
    """A torn line is told by its number."""
    path = tmp_path / "recording.csv"
    path.write_text("ts,interval_ms,power_w\n1790000000000,1000,5\n17900\n")
    with pytest.raises(RecordingError, match=r"recording\.csv: row 3: Expected 3 columns, got 1"):
        list(blocks(path))


def test_a_line_that_is_not_json_is_named(tmp_path):
    """A torn last line is told by its number."""
    path = tmp_path / "recording.ndjson"
    path.write_bytes(encoding.encode_ndjson(RECORDED) + b'{"ts": 1790000')
    with pytest.raises(RecordingError, match="line 4 is not a JSON object"):
        list(blocks(path))


def test_a_value_of_another_type_costs_its_own_row_only(tmp_path):
    """What breaks the contract is not refused here: the worker says which row and why."""
    lines = [json.loads(line) for line in encoding.encode_ndjson(RECORDED).splitlines()]
    lines[1]["power_w"] = "lots"
    path = tmp_path / "recording.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert wire.columns(list(blocks(path))).measures["power_w"][[0, 2]].tolist() == [100.5, 300.0]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1 and no more", b"ARROW1\x00\x00 and no more", b"\xff\xff\xff\xff\x10", b"hello\n"]
)
def test_what_is_no_recording_is_refused_in_one_line(tmp_path, content):
    """Every file that is none of the formats, or the beginning of one."""
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="recording") as raised:
        list(blocks(path))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """With the reason that the system gives."""
    with pytest.raises(RecordingError, match="No such file"):
        list(blocks(tmp_path / "nowhere"))


def test_columns_that_every_sample_must_have_are_missed():
    """A column that is there and has no value is as good as missing."""
    assert lacking(RECORDED) == []
    assert lacking(RECORDED.drop_columns(["site", "interval_ms"])) == ["interval_ms", "site"]
    assert lacking(batch(chip=[None, None])) == ["chip"]


@settings(max_examples=60)
@given(st.sampled_from(FORMATS), st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, kind, at, instead):
    """No file takes the process down or raises anything but the declared error."""
    path = write(tmp_path_factory.mktemp("damaged") / "recording", kind)
    body = path.read_bytes()
    at %= len(body)
    path.write_bytes(body[:at] + instead + body[at + len(instead) :])
    try:
        for block in blocks(path):
            wire.columns([block])
    except RecordingError as error:
        assert "\n" not in str(error)  # noqa: PT017  most damage is harmless


def test_a_line_without_end_is_refused_early(tmp_path):
    """Ten gigabytes on one line are no sample; and it is not read to its end."""
    path = tmp_path / "recording"
    with path.open("wb") as file:
        file.write(b'{"a": "')
        file.truncate(2**32)
    with pytest.raises(RecordingError, match="has a line of more than 1 MiB: it is not a recording of samples"):
        list(blocks(path))
    with pytest.raises(RecordingError, match=r"not a recording \(Arrow, Parquet, newline-delimited JSON or CSV\)"):
        list(blocks(Path("/dev/zero")))


def test_long_blocks_of_lines_are_cut_at_line_ends(tmp_path):
    """Wherever the bound of a block falls."""
    path = tmp_path / "recording"
    line = encoding.encode_ndjson(batch())
    path.write_bytes(line * 60_000)

    assert path.stat().st_size > 2**23
    assert sum(block.num_rows for block in blocks(path)) == 60_000


@pytest.mark.parametrize("kind", ["arrow file", "arrow stream", "parquet"])
def test_a_packed_batch_that_unfolds_too_far_is_refused_before_it_is(tmp_path, kind, monkeypatch):
    """Some kilobytes hold gigabytes of zeros; here the bound is lower, so that the test takes less itself."""
    monkeypatch.setattr(recordings, "_MOST_UNFOLDED_BYTES", 2**24)
    path, rows = tmp_path / "recording", 5_000_000
    table = pa.table({"ts": pa.repeat(pa.scalar(0, pa.int64()), rows)})
    if kind == "parquet":
        pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=rows)
    else:
        make = pa.ipc.new_file if kind == "arrow file" else pa.ipc.new_stream
        with make(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_batch(table.to_batches()[0])

    assert path.stat().st_size < 2**17
    with pytest.raises(
        RecordingError, match=r"has a batch that unfolds into [0-9,]+ MiB: record batches of at most 16 MiB"
    ):
        list(blocks(path))
