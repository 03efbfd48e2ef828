"""Samples as newline-delimited JSON, for producers that have no Arrow.

The fast way parses all lines at once into Arrow columns. A message whose lines disagree on a type takes
the slow way, line by line, so that one wrong value costs its own row and not its neighbours.
"""

import io
import json
import math
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from schema.samples import LABELS, MEASURES

CONTENT_TYPE: Final = "application/x-ndjson"

_FIELDS: Final = pa.schema(
    [
        *((name, pa.utf8()) for name in LABELS),
        *((name, pa.float64()) for name in MEASURES),
        ("interval_ms", pa.int64()),
    ]
)
_TIME: Final = pa.timestamp("ms", "UTC")


def encode(batch: pa.RecordBatch) -> bytes:
    """Encode a batch of samples, one JSON object a line; nulls are left out, `ts` is epoch milliseconds."""
    ts = batch.column("ts").cast(pa.int64())
    rows = batch.set_column(batch.schema.get_field_index("ts"), "ts", ts).to_pylist()
    lines = (json.dumps({k: _plain(v) for k, v in row.items() if v is not None}) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _plain(value: Any) -> Any:
    """Shorten a float32 to the digits it holds."""
    return float(f"{value:.9g}") if isinstance(value, float) and math.isfinite(value) else value


def decode(value: bytes) -> pa.RecordBatch:
    """Decode newline-delimited JSON objects into a batch whose known fields have the contract's types.

    Raises `ValueError` when a line is not a JSON object.
    """
    try:
        options = pj.ParseOptions(explicit_schema=_FIELDS)
        table = pj.read_json(io.BytesIO(value), pj.ReadOptions(block_size=max(len(value) + 1, 1024)), options)
        batch = table.combine_chunks().to_batches()[0]
        ts = batch.column("ts") if "ts" in batch.schema.names else None
        if ts is None or pa.types.is_integer(ts.type):
            return batch
        if pa.types.is_string(ts.type) or pa.types.is_timestamp(ts.type):
            return _set_time(batch, _times(ts))
    except (pa.ArrowException, IndexError):
        pass
    return _decode_lines(value)


def _times(ts: pa.Array) -> pa.Array:
    return pc.cast(ts.cast(pa.timestamp("ns", "UTC")), _TIME, safe=False)


def _set_time(batch: pa.RecordBatch, ts: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index("ts"), "ts", ts)


def _decode_lines(value: bytes) -> pa.RecordBatch:
    rows = [json.loads(line) for line in value.splitlines() if line.strip()]
    if not rows:
        raise ValueError("no lines")
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line is not an object")
    columns: dict[str, pa.Array] = {
        name: pa.array([_text(row.get(name)) for row in rows], pa.utf8()) for name in LABELS
    }
    columns["ts"] = pa.array([_time_ms(row.get("ts")) for row in rows], pa.int64())
    columns["interval_ms"] = pa.array([_whole(row.get("interval_ms")) for row in rows], pa.int64())
    for name in MEASURES:
        columns[name] = pa.array([_number(row.get(name)) for row in rows], pa.float64(), from_pandas=False)
    columns["received"] = pa.array([json.dumps(row) for row in rows], pa.utf8())
    return pa.RecordBatch.from_pydict(columns)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.isprintable() else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _number(value: Any) -> float | None:
    """Return the number, None for none, and NaN for a value of another type."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _time_ms(value: Any) -> int | None:
    if not isinstance(value, str):
        return _whole(value)
    try:
        return int(_times(pa.array([value]))[0].value)
    except pa.ArrowException:
        return None
