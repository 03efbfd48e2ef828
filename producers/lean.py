"""A batch as small as a message of it may be: what readers take for granted anyway is left out.

A host's message has eight rows, and what Arrow says about a column is longer than eight values of it. So a column
without a value is left out, and labels of few rows are plain text: a dictionary is an IPC message of its own, with a
head that is longer than the text that it saves. Numbers stand next to each other, those that rarely change first, and
then labels: what is alike in two messages is one piece of both. Nothing of that depends on the values but on which are
missing, so the envelope of a host's messages is the same byte for byte, and so are those of all hosts whose labels are
equally long.
"""

import functools
from typing import Final

import pyarrow as pa

from schema import encoding
from schema.samples import LABELS, SCHEMA

PLAIN_ROWS: Final = 24
"""Up to so many rows labels are plain text."""

_STEADY: Final = ("ts", "interval_ms", "memory_total_bytes", "power_error_w", "throttle")
_VARYING: Final = tuple(name for name in SCHEMA.names if name not in _STEADY + LABELS)
_PLACES: Final = {name: at for at, name in enumerate(_STEADY + _VARYING + LABELS)}
_MAY_BE_MISSING: Final = frozenset(field.name for field in SCHEMA if field.nullable)
_DRAGGED: Final = 2  # rows that were cut out of a larger batch still have its dictionary
_NARROW: Final = ((2**7, pa.int8()), (2**15, pa.int16()))


def encode(samples: pa.RecordBatch) -> bytes:
    """Encode a batch as the Arrow IPC stream that is sent."""
    return encoding.encode(lean(samples))


def lean(samples: pa.RecordBatch) -> pa.RecordBatch:
    """Return the same samples in the form in which they are sent; columns of other names stay, at the end."""
    names, columns, few = samples.schema.names, samples.columns, samples.num_rows <= PLAIN_ROWS
    sent = [
        (names[at], _of_few(columns[at]) if few else _of_many(columns[at]))
        for at in _order(tuple(names))
        if not is_missing(names[at], columns[at])
    ]
    return pa.RecordBatch.from_arrays([column for _, column in sent], [name for name, _ in sent])


def is_missing(name: str, column: pa.Array) -> bool:
    """Say whether a column has no value, and need not be there."""
    return column.null_count == len(column) > 0 and name in _MAY_BE_MISSING


@functools.lru_cache(maxsize=64)
def _order(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the places of columns in the order in which they are sent."""
    return tuple(sorted(range(len(names)), key=lambda at: _PLACES.get(names[at], len(_PLACES))))


def _of_few(column: pa.Array) -> pa.Array:
    """Return a column as text or numbers, without what lies around it: Arrow would send some of that, too."""
    if isinstance(column, pa.DictionaryArray):
        return column.dictionary_decode()
    return column if column.nbytes == column.get_total_buffer_size() else pa.concat_arrays([column])


def _of_many(column: pa.Array) -> pa.Array:
    """Return a column whose dictionary, if it has one, has narrow indices and few labels that no row uses."""
    if not isinstance(column, pa.DictionaryArray):
        return column
    if len(column.dictionary) > _DRAGGED * len(column):
        column = column.dictionary_decode().dictionary_encode()
    had = column.type.index_type
    kind = next((kind for values, kind in _NARROW if len(column.dictionary) <= values), had)
    return column if kind == had else pa.DictionaryArray.from_arrays(column.indices.cast(kind), column.dictionary)
