"""Batches for tests: a well-formed one, with any field given otherwise."""

from typing import Any

import pyarrow as pa

from schema.samples import SCHEMA

NOW_MS = 1_790_000_000_000


def batch(**fields: Any) -> pa.RecordBatch:
    """Return a batch of the contract's schema; a field is one value for all rows, or a list of them."""
    values = {
        "ts": NOW_MS,
        "interval_ms": 1_000,
        "site": "north",
        "fleet": "train",
        "platform": "nvidia",
        "model": "h100-sxm",
        "host": "host-0",
        "chip": "host-0/0",
        "job": None,
        "power_w": 500.0,
        "power_method": "counter",
        "power_error_w": None,
        "utilization": None,
        "tensor_utilization": None,
        "memory_used_bytes": None,
        "memory_total_bytes": None,
        "temperature_c": None,
        "throttle": None,
        "energy_j": None,
        **fields,
    }
    rows = max((len(value) for value in values.values() if isinstance(value, list)), default=1)
    arrays = []
    for field in SCHEMA:
        value = values[field.name]
        column = value if isinstance(value, list) else [value] * rows
        kind = pa.utf8() if pa.types.is_dictionary(field.type) else field.type
        array = pa.array(column, pa.int64()).cast(kind) if field.name == "ts" else pa.array(column, kind)
        arrays.append(array.dictionary_encode() if pa.types.is_dictionary(field.type) else array)
    return pa.RecordBatch.from_arrays(arrays, names=SCHEMA.names)
