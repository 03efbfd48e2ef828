"""Accepted samples to rows of `chip_claims`: by which ways samples of a chip come.

A chip has one claim as long as one producer reports it from one host. A second producer makes another: from another
host, through another partition, or in messages of another first host. Where all of these are the same, samples that
overlap are a claim of their own. A second claim says no more than that the chip may be reported twice: it may move.
Whether it is reported twice is what the view `doubtful_chips_between` finds, in the samples themselves.

Claims are told when they are new, and renewed within some minutes: many at once and not with every commit, for what an
insert costs is the insert.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schema.samples import METER_MODELS, Rows
from streams.accepted import Accepted
from streams.inventory import Told
from streams.rosters import Roster

RENEWED_EVERY_MS: Final = 180_000
RENEWED_AT_ONCE_MS: Final = 20_000
"""So often some of the claims that are due are renewed,"""
RENEWED_ROWS: Final = 50_000
"""and about so many."""
_SEPARATOR: Final = "\0"
_HOST, _WAY = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


def due(accepted: Accepted, rosters: Sequence[Roster], *, renew: bool) -> Rows:
    """Return the samples of whose chips claims are to be told now, and note in the rosters that they are.

    Those are all that are new and, where some are renewed now, those that were not for longest.
    """
    appended_ms = int(accepted.appended_ms.max())
    chosen = [index for index, roster in enumerate(rosters) if not roster.claimed_ms]
    if renew:
        budget = RENEWED_ROWS
        for index in sorted(range(len(rosters)), key=lambda index: rosters[index].claimed_ms):
            roster = rosters[index]
            if budget <= 0 or appended_ms < roster.claimed_ms + RENEWED_EVERY_MS:
                break
            if roster.claimed_ms:
                budget -= len(roster.series)
                chosen.append(index)
    marks = np.zeros(len(rosters), bool)
    marks[chosen] = True
    for index in chosen:
        rosters[index].claimed_ms = appended_ms
    return np.flatnonzero(marks[accepted.message])


def rows(accepted: Accepted, known: Told | None, overlapping: Told | None) -> pa.Table | None:
    """Return the claims of chips as they are known, and of those whose samples overlap."""
    parts = [_rows(accepted, known, overlap=False), _rows(accepted, overlapping, overlap=True)]
    tables = [part for part in parts if part is not None and part.num_rows]
    return pa.concat_tables(tables).unify_dictionaries() if tables else None


def _rows(accepted: Accepted, chips: Told | None, *, overlap: bool) -> pa.Table | None:
    if chips is None:
        return None
    # A meter's parts are no chips.
    metered = np.array([group.model in METER_MODELS for group in accepted.groups])
    kept = np.flatnonzero(~metered[accepted.group[chips.sample]])
    sample = chips.sample[kept]
    names = accepted.group_columns(accepted.group[sample])
    chip = chips.chip.take(pa.array(kept))
    labels = (*(names[name].cast(pa.utf8()) for name in ("site", "fleet")), chip)
    joined = pc.binary_join_element_wise(*labels, _SEPARATOR).cast(pa.binary())
    series, host_key = accepted.series[sample], accepted.host_key[sample]
    return pa.table(
        {
            "chip_key": np.fromiter((xxhash.xxh64_intdigest(one) for one in joined.to_pylist()), np.uint64, len(kept)),
            "claim": _claim(series, host_key, accepted.partition[sample] * 2 + overlap),
            "series": series,
            "host_key": host_key,
            "site": names["site"],
            "fleet": names["fleet"],
            "overlaps": np.full(len(kept), overlap),
            "first_seen": _time(chips.first_ms[kept]),
            "last_seen": _time(chips.last_ms[kept]),
        }
    )


def _claim(
    series: npt.NDArray[np.uint64], host_key: npt.NDArray[np.uint64], way: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """Return a number for each way by which a chip is reported."""
    claim: npt.NDArray[np.uint64] = series ^ (host_key * _HOST) ^ ((way.astype(np.uint64) + np.uint64(1)) * _WAY)
    return claim


def _time(ts_ms: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(ts_ms // 1000).cast(pa.timestamp("s", "UTC"))
