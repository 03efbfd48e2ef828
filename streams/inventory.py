"""Accepted samples to rows of `chip_series`: which chips there are, and when each was last seen.

A chip is told at its first sample. After that its time of last being seen is renewed every ten seconds, or as often as
a bounded number of rows a commit allows, those longest unrenewed first: of many chips a 150th with each commit, which
is all of them within two and a half minutes where they are sampled every second. Whichever was not renewed for longer
is told with its next sample, whatever the number: rules call a chip silent after five minutes.
Rows only ever widen the span from first to last seen, so telling a chip twice changes nothing. With them goes whether
the chip is expected to state its power: where its model always does, and once it did; and when it was last seen live,
since a recording that is played again is not expected to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from schema import wire
from schema.chips import catalogue
from schema.samples import Bools, Ints, Rows
from streams.accepted import Accepted
from streams.decoded import Decoded
from streams.rosters import Roster

RENEWED_ROWS: Final = 512
RENEWED_SHARE: Final = 150
"""Of the samples of a commit, one for so many is renewed, where that is more."""
RENEWED_EVERY_MS: Final = 10_000
OVERDUE_MS: Final = 170_000
LIVE_MS: Final = 3_600_000
"""A sample is live that the broker had so soon after its end. What is older was recorded, or kept for long."""


@dataclass(frozen=True)
class Told:
    """Chips to be told of, in order of their series: for each the number of one of its samples, and the span of all.

    `first_ms` is where the first interval begins, `live_ms` the end of the newest live sample or 0, `power` says which
    state their power, `host` and `chip` are names.
    """

    sample: Rows
    power: Bools
    first_ms: Ints
    last_ms: Ints
    live_ms: Ints
    host: pa.Array
    chip: pa.Array


def told(accepted: Accepted, decoded: Decoded, samples: Rows) -> Told | None:
    """Return the chips that some samples are of; None where there are no samples."""
    if not len(samples):
        return None
    samples = samples[np.argsort(accepted.series[samples], kind="stable")]
    series, ts_ms = accepted.series[samples], accepted.samples.ts_ms[samples]
    began_ms = ts_ms - accepted.samples.interval_ms[samples]
    live_ms = np.where(ts_ms >= accepted.appended_ms[samples] - LIVE_MS, ts_ms, 0)
    begins = np.ones(len(series), bool)
    begins[1:] = series[1:] != series[:-1]
    starts = np.flatnonzero(begins)
    one = samples[starts]
    return Told(
        one,
        np.logical_or.reduceat(accepted.method[samples] > 0, starts),
        np.minimum.reduceat(began_ms, starts),
        np.maximum.reduceat(ts_ms, starts),
        np.maximum.reduceat(live_ms, starts),
        **_names(accepted, decoded, one),
    )


def rows(accepted: Accepted, chips: Told) -> pa.Table:
    """Return rows of `chip_series`."""
    group = accepted.group[chips.sample]
    always = np.array([one.model in catalogue() and catalogue()[one.model].states_power for one in accepted.groups])
    return pa.table(
        {
            "series": pa.array(accepted.series[chips.sample]),
            **accepted.group_columns(group),
            "host": chips.host,
            "chip": chips.chip,
            "first_seen": _time(chips.first_ms),
            "last_seen": _time(chips.last_ms),
            "live_seen": _time(chips.live_ms),
            "host_key": pa.array(accepted.host_key[chips.sample]),
            "power_expected": pa.array((chips.power | always[group]).astype(np.uint8)),
        }
    )


def _names(accepted: Accepted, decoded: Decoded, samples: Rows) -> dict[str, pa.Array]:
    """Return host and chip of some samples, from the batches that they came in."""
    by_message = np.argsort(accepted.message[samples], kind="stable")
    back = np.argsort(by_message)
    row, message = accepted.row[samples][by_message], accepted.message[samples][by_message]
    parts: dict[str, list[pa.Array]] = {"host": [], "chip": []}
    for index in np.unique(message).tolist():
        own = row[message == index] - decoded.first[index]
        for name, label in wire.labels(decoded.received[index], tuple(parts)).items():
            parts[name].append(label.values.take(pa.array(label.codes[own])))
    return {name: pa.concat_arrays(arrays).take(pa.array(back)) for name, arrays in parts.items()}


def due(accepted: Accepted, rosters: Sequence[Roster]) -> Rows:
    """Return the samples whose chips are to be told of now, and note in the rosters that they are.

    Samples that are not live are told of always: of a recording, hours pass within one commit.
    """
    budget = max(RENEWED_ROWS, len(accepted) // RENEWED_SHARE)
    late = accepted.samples.ts_ms < accepted.appended_ms - LIVE_MS
    has_live = np.zeros(len(rosters), bool)
    has_live[accepted.message[~late]] = True
    marks = _due(rosters, has_live, budget, int(accepted.appended_ms.max()))
    return np.flatnonzero(marks[accepted.message] | late)


def _due(rosters: Sequence[Roster], has_live: Bools, budget: int, appended_ms: int) -> Bools:
    """Mark the rosters to be told: all new ones, and of the others the longest untold until `budget` rows are full.

    Those without a live sample are left out: they are told without it.
    """
    due = np.zeros(len(rosters), bool)
    for index in sorted(np.flatnonzero(has_live).tolist(), key=lambda index: rosters[index].written_ms):
        roster = rosters[index]
        if roster.written_ms == appended_ms:
            continue  # told a moment ago: it came twice in this commit
        if roster.written_ms:
            unrenewed_ms = appended_ms - roster.written_ms
            if unrenewed_ms < (RENEWED_EVERY_MS if budget > 0 else OVERDUE_MS):
                break
            budget -= len(roster.series)
        roster.written_ms = appended_ms
        due[index] = True
    return due


def _time(ts_ms: Ints) -> pa.Array:
    return pa.array(ts_ms).cast(pa.timestamp("ms", "UTC"))
