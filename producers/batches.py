"""Batches of the contract's schema from columns that a source has at hand."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from schema.limits import MAX_LABEL_BYTES
from schema.samples import LABEL, SCHEMA

Column: TypeAlias = (
    str | float | Sequence[str | None] | Sequence[float | None] | npt.NDArray[np.generic] | pa.Array | None
)
"""One value for all rows, or one per row; None stands for a missing value."""

_HASH_CHARACTERS: Final = 16


def build(rows: int, columns: Mapping[str, Column]) -> pa.RecordBatch:
    """Return a batch of `schema.samples.SCHEMA` with that many rows; a column that is not named is null.

    `ts` is in epoch milliseconds. A measure that is NaN stays NaN: say None for a missing one.
    Raises `KeyError` for a column that the schema does not have, `ValueError` for one of another length.
    """
    unknown = set(columns) - set(SCHEMA.names)
    if unknown:
        raise KeyError(f"not in the schema: {', '.join(sorted(unknown))}")
    arrays = [_array(columns.get(field.name), rows, field.type) for field in SCHEMA]
    for field, array in zip(SCHEMA, arrays, strict=True):
        if len(array) != rows:
            raise ValueError(f"{field.name} has {len(array)} values for {rows} rows")
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _array(column: Column, rows: int, wanted: pa.DataType) -> pa.Array:
    if column is None:
        return pa.nulls(rows, wanted)
    if isinstance(column, pa.Array):
        return column if column.type == wanted else column.cast(wanted)
    if wanted == LABEL:
        if isinstance(column, str):
            return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([column]))
        return pa.array(column, LABEL)
    if isinstance(column, (int, float)):
        return pa.repeat(pa.scalar(column, wanted), rows)
    return pa.array(column, wanted)


def compact(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cut dictionaries down to what the rows use: rows taken from a larger batch drag its dictionaries along."""
    arrays = [
        array.dictionary_decode().dictionary_encode() if pa.types.is_dictionary(array.type) else array
        for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def fit_label(text: str) -> str:
    """Shorten a label that is longer than the contract allows, so that different ones stay different.

    The end gives way to a hash of the whole: a Kubernetes namespace and pod name can take 317 bytes.
    """
    raw = text.encode()
    if len(raw) <= MAX_LABEL_BYTES:
        return text
    kept = raw[: MAX_LABEL_BYTES - _HASH_CHARACTERS - 1].decode(errors="ignore")
    return f"{kept}~{xxhash.xxh3_64_hexdigest(raw)}"
