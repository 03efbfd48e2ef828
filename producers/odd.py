"""Values out of their range, left out at the source: they cost neither the row nor its other values.

DCGM shows a utilization of 1,980 now and then, and the power beside it is right. The worker rejects such a row, for it
cannot know what else is wrong with a message of somebody else's; a source knows where its values come from.
"""

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.source import Batch
from schema import checks, wire
from schema.printable import printable
from schema.samples import Bools

_SHOWN: Final = 80
_OF_POWER: Final = ("power_w", "power_method", "power_error_w")


class LeftOut(NamedTuple):
    """How many values of a field were left out, and a line about the first."""

    field: str
    values: int
    line: str


def without_odd(batch: Batch) -> tuple[Batch, list[LeftOut]]:
    """Return a batch with such values missing, and what was left out, field by field."""
    rows = batch.samples
    if not any(_may_be_odd(rows, name, *limits) for name, limits in checks.RANGES.items()):
        return batch, []
    odd = checks.odd_values(wire.columns([rows], names=()))
    if not odd:
        return batch, []
    left_out = []
    for name, marks in odd.items():
        low, high = checks.RANGES[name]
        first = rows.column(name)[int(np.flatnonzero(marks)[0])].as_py()
        text = f"{first:g}" if isinstance(first, int | float) else printable(str(first), _SHOWN)
        line = f"{name} {text} is out of range, {low:g} to {high:g}; the value is left out, the sample is kept"
        left_out.append(LeftOut(name, int(marks.sum()), line))
        for field in _OF_POWER if name == "power_w" else (name,):
            rows = _without(rows, field, marks)
    return Batch(batch.key, rows), left_out


def _may_be_odd(rows: pa.RecordBatch, name: str, low: float, high: float) -> bool:
    """Say at a tenth of the cost of a look at each value; what stands in the place of a missing one counts, too."""
    index = rows.schema.get_field_index(name)
    if index < 0 or rows.column(index).null_count == rows.num_rows:
        return False
    column = rows.column(index)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):  # of a recording
        return True
    values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())[column.offset :][: rows.num_rows]
    return not (values.min() >= low and values.max() <= high)  # a NaN is in no range


def _without(rows: pa.RecordBatch, name: str, marks: Bools) -> pa.RecordBatch:
    index = rows.schema.get_field_index(name)
    if index < 0:
        return rows
    column = rows.column(index)
    missing = pa.nulls(rows.num_rows, column.type)
    return rows.set_column(index, rows.schema.field(index), pc.if_else(pa.array(marks), missing, column))
