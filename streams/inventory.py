"""Accepted samples to rows of `chip_series`: which chips there are, and when each was last seen.

A chip is told at its first sample. After that its time of last being seen is renewed every ten seconds, or as often as
a bounded number of rows a block allows, those longest unrenewed first: every twenty seconds for a million chips. Rows
only ever widen the span from first to last seen, so telling a chip twice changes nothing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from schema.samples import Bools, Ints, Label, Rows
from streams.accepted import Accepted
from streams.rosters import Roster

RENEWED_ROWS: Final = 4_096
RENEWED_EVERY_MS: Final = 10_000


def rows(accepted: Accepted, rosters: Sequence[Roster], budget: int = RENEWED_ROWS) -> pa.Table | None:
    """Return the rows to tell now, and note in the rosters that they were told; None when there are none."""
    due = _due(rosters, budget, int(accepted.appended_ms.max()))
    samples = np.flatnonzero(due[accepted.message])
    if not len(samples):
        return None
    series = accepted.series[samples]
    order = samples[np.argsort(series, kind="stable")]
    series = accepted.series[order]
    begins = np.ones(len(series), bool)
    begins[1:] = series[1:] != series[:-1]
    starts = np.flatnonzero(begins)
    one, ts_ms = order[starts], accepted.samples.ts_ms[order]
    return pa.table(
        {
            "series": pa.array(accepted.series[one]),
            **accepted.group_columns(accepted.group[one]),
            "host": _text(accepted.samples.labels["host"], one),
            "chip": _text(accepted.samples.labels["chip"], one),
            "first_seen": _time(np.minimum.reduceat(ts_ms, starts)),
            "last_seen": _time(np.maximum.reduceat(ts_ms, starts)),
        }
    )


def _due(rosters: Sequence[Roster], budget: int, appended_ms: int) -> Bools:
    """Mark the rosters to be told: all new ones, and of the others the longest untold until `budget` rows are full."""
    due = np.zeros(len(rosters), bool)
    for index in sorted(range(len(rosters)), key=lambda index: rosters[index].written_ms):
        roster = rosters[index]
        if roster.written_ms:
            if budget <= 0 or appended_ms < roster.written_ms + RENEWED_EVERY_MS:
                break
            budget -= len(roster.series)
        roster.written_ms = appended_ms
        due[index] = True
    return due


def _text(label: Label, rows: Rows) -> pa.Array:
    return label.values.take(pa.array(label.codes[rows]))


def _time(ts_ms: Ints) -> pa.Array:
    return pa.array(ts_ms).cast(pa.timestamp("ms", "UTC"))
