"""Recorded samples from files, in blocks: Arrow IPC file and stream, Parquet, newline-delimited JSON, CSV.

Rows stay as they were recorded, also those that break the contract: the worker rejects them with a reason.
A file that cannot be read, or lacks a column that every sample must have, is rejected here, in one line.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from producers import recorded_csv
from producers.nvidia_smi import NOTHING_TOLD, Told
from producers.recorded_csv import LINE_BYTES, RecordingError, line_of
from schema import ndjson, unfolding
from schema.samples import IDENTITY

REQUIRED: Final = ("ts", "interval_ms", *IDENTITY)
ROWS: Final = 65_536
"""Rows in a block, at most: what a reader holds in memory at a time."""
_BLOCK_BYTES: Final = 8 * 2**20
_MOST_UNFOLDED_BYTES: Final = 2**30
"""What a batch, or a group of rows of Parquet, may unfold into: it is in memory as a whole."""
_ARROW_FILE: Final = b"ARROW1"
_PARQUET: Final = b"PAR1"
_ARROW_STREAM: Final = b"\xff\xff\xff\xff"
_BOM: Final = b"\xef\xbb\xbf"


def blocks(path: Path, rows: int = ROWS, told: Told = NOTHING_TOLD) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one file in order, in blocks of so many at most; the format is detected by its content.

    `told` is what the operator says of a recording of nvidia-smi, which has no labels.

    Raises `RecordingError` at the first block that cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = file.read(8)
            if not first:
                raise RecordingError(f"{path} is empty")
            file.seek(0)
            for block in _reader(path, file, first, rows, told):
                block.validate(full=True)  # a broken offset must not reach any arithmetic
                if len(set(block.schema.names)) != block.num_columns:
                    raise RecordingError(f"{path} has two columns with the same name")
                for start in range(0, block.num_rows, rows):
                    yield block.slice(start, rows)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or line_of(error)}") from error
    except (pa.ArrowException, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} is broken: {line_of(error)}") from error


def _reader(path: Path, file: IO[bytes], first: bytes, rows: int, told: Told) -> Iterator[pa.RecordBatch]:
    if first.startswith(_PARQUET):
        recording = pq.ParquetFile(file)
        _check_parquet(path, recording.metadata)
        yield from recording.iter_batches(rows)
    elif first.startswith(_ARROW_FILE):
        _check_arrow(path, len(first))  # behind its mark, which is padded to so many bytes, it is a stream
        recorded = pa.ipc.open_file(file)
        yield from (recorded.get_batch(number) for number in range(recorded.num_record_batches))
    elif first.startswith(_ARROW_STREAM):
        _check_arrow(path, 0)
        yield from pa.ipc.open_stream(file)
    elif first.removeprefix(_BOM).lstrip()[:1] == b"{":
        file.seek(len(_BOM) if first.startswith(_BOM) else 0)
        yield from _ndjson(path, file)
    else:
        yield from recorded_csv.blocks(path, file, rows, told)


def _check_arrow(path: Path, start: int) -> None:
    """Reject a recording of which a batch says that it unfolds into more than a block may, before any is unpacked."""
    with pa.memory_map(str(path)) as mapped:
        mapped.seek(start)
        for message in pa.ipc.MessageReader.open_stream(mapped):
            size = message.body.size if message.body is not None else 0
            if size <= _MOST_UNFOLDED_BYTES:
                size = max(size, _unfolded(message.serialize().to_pybytes()))
            _check_size(path, size)


def _unfolded(message: bytes) -> int:
    try:
        return unfolding.arrow_stream_bytes(message)
    except unfolding.MalformedError:
        return 0  # Arrow's own reader says what is wrong with it


def _check_parquet(path: Path, metadata: pq.FileMetaData) -> None:
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        _check_size(path, sum(group.column(number).total_uncompressed_size for number in range(group.num_columns)))


def _check_size(path: Path, size: int) -> None:
    if size > _MOST_UNFOLDED_BYTES:
        raise RecordingError(
            f"{path} has a batch that unfolds into {size / 2**20:,.0f} MiB: record batches of at most "
            f"{_MOST_UNFOLDED_BYTES >> 20} MiB"
        )


def _ndjson(path: Path, file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    number = 1
    while block := file.read(_BLOCK_BYTES):
        if not block.endswith(b"\n"):
            block += _rest_of_line(path, file)
        lines = io.BytesIO(block).readlines()
        try:
            yield ndjson.decode(block, strict=True)
        except ValueError as error:
            for line in lines:
                _check_line(path, number, line)
                number += 1
            raise RecordingError(f"{path}: lines up to {number} are not JSON: {line_of(error)}") from error
        number += len(lines)


def _rest_of_line(path: Path, file: IO[bytes]) -> bytes:
    rest = file.readline(LINE_BYTES)
    if len(rest) == LINE_BYTES:
        raise RecordingError(f"{path} has a line of more than {LINE_BYTES >> 20} MiB: it is not a recording of samples")
    return rest


def _check_line(path: Path, number: int, line: bytes) -> None:
    """Find the line that spoils its block."""
    if not line.strip():
        return
    try:
        ndjson.decode(line)
    except ValueError as error:
        raise RecordingError(f"{path}: line {number} is not a JSON object: {line_of(error)}") from error


def lacking(block: pa.RecordBatch) -> list[str]:
    """Return the names of the columns that every sample must have and this block has not a value of."""
    present = set(block.schema.names)
    return [n for n in REQUIRED if n not in present or block.column(n).null_count == block.num_rows]
