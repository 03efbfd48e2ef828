"""A batch of samples to the bytes of a message: an Arrow IPC stream, or newline-delimited JSON.

What reads them back is `schema.wire`. It is apart because producers, which run on every host of a fleet, need none of
it: with it they would take 10 MB more.
"""

import io
import json
from typing import Final

import numpy as np
import pyarrow as pa

ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
NDJSON: Final = "application/x-ndjson"
CONTENT_TYPE_HEADER: Final = "content-type"


def encode(batch: pa.RecordBatch, *, compression: str | None = None) -> bytes:
    """Encode a batch as an Arrow IPC stream.

    `compression` (`lz4`, `zstd`) is of the buffers inside; the Kafka client compresses whole messages too.
    """
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def encode_ndjson(batch: pa.RecordBatch) -> bytes:
    """Encode a batch as one JSON object a line; times are epoch milliseconds, nulls are left out.

    A recording may have its times in another unit, and columns that JSON has no type for: these become text.
    """
    ts = batch.column("ts")
    if pa.types.is_timestamp(ts.type):
        ts = ts.cast(pa.timestamp("ms", ts.type.tz), safe=False).view(pa.int64())
    rows = batch.set_column(batch.schema.get_field_index("ts"), "ts", ts).to_pylist()
    narrow = {field.name for field in batch.schema if pa.types.is_float32(field.type)}
    lines = (
        json.dumps({k: _shortest(v) if k in narrow else v for k, v in row.items() if v is not None}, default=str)
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _shortest(value: float) -> float:
    """Return the shortest decimal that is the same float32: 28.722, not 28.722000122070312."""
    return float(str(np.float32(value)))
