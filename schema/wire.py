"""Messages of the samples topic: bytes to columns. `schema.encoding` makes the bytes.

Two encodings, told apart by the `content-type` header or else by the first bytes: an Arrow IPC stream, and
newline-delimited JSON for producers that have no Arrow. Decoding rejects a message only when nothing of it
can be read; a value of the wrong type costs its own row, which the checks reject with its reason.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schema import ndjson, unfolding
from schema.encoding import ARROW_STREAM, NDJSON
from schema.samples import LABELS, MEASURES, Bools, Ints, Label, Numbers, Samples, concat_labels, no_label

_ARROW_FIRST_BYTES: Final = b"\xff\xff\xff\xff"  # the continuation mark of an encapsulated IPC message
# A message must not unfold into all of memory, whatever tricks its encoding knows.
_MAX_ROWS: Final = 4_000_000
_MAX_UNFOLDED_BYTES: Final = 768 * 2**20
_MAX_TEXT_BYTES: Final = 64 * 2**20  # of one label column; views may share their text, and lose that when copied


class UndecodableError(ValueError):
    """Nothing of a message can be read; the text says why, for the dead letters."""


def decode(value: bytes | None, content_type: str | None = None) -> pa.RecordBatch:
    """Decode one message into a batch of its rows as they came, safe to compute on.

    Raises `UndecodableError` when nothing of it can be read.
    """
    if not value:
        raise UndecodableError("empty message")
    content_type = content_type or told_apart(value)
    try:
        unfolded = unfolded_bytes(value, content_type)
    except unfolding.MalformedError as error:
        raise UndecodableError(f"not an Arrow stream: {error}") from error
    if unfolded > _MAX_UNFOLDED_BYTES:
        raise UndecodableError(f"unfolds into {unfolded / 2**20:.0f} MiB, more than a message may")
    if content_type == ARROW_STREAM:
        return _read_arrow(value)
    if content_type != NDJSON:
        raise UndecodableError(f"unknown content type {content_type[:80]!r}")
    try:
        return ndjson.decode(value)
    except ValueError as error:
        raise UndecodableError(f"not newline-delimited JSON: {_one_line(error)}") from error


def unfolded_bytes(value: bytes, content_type: str | None = None) -> int:
    """Return how much memory a message takes once it is decoded, about, without decoding it.

    Raises `schema.unfolding.MalformedError` where that cannot be determined.
    """
    if (content_type or told_apart(value)) == ARROW_STREAM:
        return max(len(value), unfolding.arrow_stream_bytes(value))
    return unfolding.ndjson_bytes(value)


def told_apart(value: bytes) -> str:
    """Return the content type that the first bytes of a message show."""
    return ARROW_STREAM if value.startswith(_ARROW_FIRST_BYTES) else NDJSON


def _read_arrow(value: bytes) -> pa.RecordBatch:
    """Read and fully validate an IPC stream: a hostile offset or index must not reach any arithmetic."""
    try:
        with pa.ipc.open_stream(value) as reader:
            schema = reader.schema
            batches = list(_bounded(reader))
        if len(batches) == 1:
            return batches[0]
        joined = pa.Table.from_batches(batches, schema).combine_chunks().to_batches()
        return joined[0] if joined else pa.RecordBatch.from_pylist([], schema)
    except UndecodableError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, IndexError, MemoryError) as error:
        raise UndecodableError(f"not an Arrow stream: {_one_line(error)}") from error


def _bounded(reader: pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    if len(set(reader.schema.names)) != len(reader.schema.names):
        raise UndecodableError("two columns have the same name")
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        if rows > _MAX_ROWS:
            raise UndecodableError(f"more than {_MAX_ROWS} rows in one message")
        batch.validate(full=True)
        yield batch


def _one_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def columns(batches: Sequence[pa.RecordBatch], names: Sequence[str] = LABELS) -> Samples:
    """Turn batches of one schema, n rows in all, into columns; of the labels only those in `names`.

    Unknown extra columns are ignored, missing ones are null, and a value that does not fit its field
    becomes one that the row checks reject.
    """
    table = pa.Table.from_batches(batches)
    arrays = dict(zip(table.schema.names, table.columns, strict=True))
    n = table.num_rows
    measures: dict[str, Numbers] = {}
    given: dict[str, Bools] = {}
    for name in MEASURES:
        measures[name], given[name] = _measure(arrays.get(name), n)
    return Samples(
        ts_ms=_time_ms(arrays.get("ts"), n),
        interval_ms=_interval_ms(arrays.get("interval_ms"), n),
        labels={name: _label(arrays.get(name), n) for name in names},
        measures=measures,
        given=given,
    )


def labels(batch: pa.RecordBatch, names: Sequence[str]) -> dict[str, Label]:
    """Return some labels of a batch, as `columns` has them."""
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    n = batch.num_rows
    return {name: _label(pa.chunked_array([arrays[name]]) if name in arrays else None, n) for name in names}


def _label(array: pa.ChunkedArray | None, n: int) -> Label:
    try:
        if array is None or pa.types.is_null(array.type):
            return no_label(n)
        if not pa.types.is_dictionary(array.type):
            if (pc.sum(pc.binary_length(array)).as_py() or 0) > _MAX_TEXT_BYTES:
                return no_label(n)
            array = array.cast(pa.utf8()).dictionary_encode()
        return concat_labels([_label_chunk(chunk) for chunk in array.chunks])
    except pa.ArrowException:  # not text, and not to be made text
        return no_label(n)


def _label_chunk(array: pa.DictionaryArray) -> Label:
    values, indices = array.dictionary, array.indices
    if values.type != pa.utf8():
        values = values.cast(pa.utf8())
    if values.null_count:
        indices = pc.if_else(values.is_valid().take(indices), indices, None)
        values = values.fill_null("")
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(-1)
    return Label(indices.to_numpy().astype(np.int32, copy=False), values)


def _measure(array: pa.ChunkedArray | None, n: int) -> tuple[Numbers, Bools]:
    """Return the values [n] as they came, and which of them were given; a value of another type is NaN."""
    if array is None or pa.types.is_null(array.type):
        return np.full(n, np.nan, np.float32), np.zeros(n, bool)
    given = np.ones(n, bool)
    if array.null_count:
        given = np.asarray(array.is_valid().to_numpy(), dtype=bool)
    if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
        return np.full(n, np.nan, np.float32), given
    values = array.to_numpy()
    return (values.astype(np.float32) if values.dtype == np.float16 else values), given


def _interval_ms(array: pa.ChunkedArray | None, n: int) -> Ints:
    if array is None or not pa.types.is_integer(array.type):
        return np.zeros(n, np.int64)
    return _integers(array)


def _time_ms(array: pa.ChunkedArray | None, n: int) -> Ints:
    if array is not None and pa.types.is_integer(array.type):
        return _integers(array)
    if array is None or not pa.types.is_timestamp(array.type):
        return np.zeros(n, np.int64)
    try:
        return _integers(array.cast(pa.timestamp("ms", array.type.tz), safe=False).cast(pa.int64()))
    except pa.ArrowException:  # seconds beyond the range of milliseconds
        return np.zeros(n, np.int64)


def _integers(array: pa.ChunkedArray) -> Ints:
    """Return int64 [n] with 0 for null; what exceeds int64 is clamped, and far out of every valid range."""
    if array.null_count:
        array = array.fill_null(0)
    values = array.to_numpy()
    if values.dtype == np.uint64:
        values = np.minimum(values, np.uint64(2**63 - 1))
    return np.asarray(values, dtype=np.int64)
