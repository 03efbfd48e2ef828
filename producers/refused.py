"""Rows that the worker would reject for their labels, kept back at the source and said there.

A label that a terminal obeys or nobody sees (`schema.printable`) is rejected by every worker as `bad_label`. It is not
cleaned, for a name that is made up stands for no chip; and not sent, for then nobody at this machine would learn of it.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from producers.batches import compact
from producers.source import Batch
from schema.printable import is_hidden, printable
from schema.samples import LABELS, Bools, is_plain

_SHOWN: Final = 80


def without_refused(batch: Batch) -> tuple[Batch | None, list[str]]:
    """Return a batch without the rows that would be rejected, None if that is none; and a line for each such label."""
    samples = batch.samples
    refused = np.zeros(samples.num_rows, bool)
    lines: list[str] = []
    for name in LABELS:
        index = samples.schema.get_field_index(name)
        if index >= 0 and (found := _hidden(samples.column(index))) is not None:
            rows, text = found
            refused |= rows
            lines.append(f"label {name} {printable(text, _SHOWN)} has invisible or control characters (bad_label)")
    if not lines:
        return batch, []
    if refused.all():
        return None, lines
    return Batch(batch.key, compact(samples.take(pa.array(np.flatnonzero(~refused))))), lines


def refused_rows(batch: Batch, kept: Batch | None) -> int:
    """Return how many rows of a batch were kept back."""
    return int(batch.samples.num_rows) - (kept.samples.num_rows if kept else 0)


def _hidden(column: pa.Array) -> tuple[Bools, str] | None:
    """Return which rows have such a label, and the first such label; None where there is none."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    if values.type != pa.utf8() or is_plain(values):
        return None
    bad = [text for text in _texts(values) if is_hidden(text)]
    if not bad:
        return None
    rows = np.array([text is not None and is_hidden(text) for text in column.to_pylist()])
    return (rows, bad[0]) if rows.any() else None


def _texts(values: pa.StringArray) -> Iterator[str]:
    return (text for text in values.to_pylist() if text is not None)
