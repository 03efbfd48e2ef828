"""The row checks of the contract: each sample is accepted, or refused with one reason.

All vectorised, over the columns of a batch; labels are judged once per distinct value. When a row breaks
several rules it gets the reason that stands first in `REASONS`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schema.limits import MAX_AHEAD_MS, MAX_INTERVAL_MS, MAX_LABEL_BYTES, MAX_POWER_W, RAW_RETENTION_MS
from schema.printable import HIDDEN_RE2
from schema.samples import IDENTITY, PLATFORMS, POWER_METHODS, Bools, Ints, Label, Samples, is_plain

ACCEPTED: Final = 0
REASONS: Final = (
    "",  # accepted
    "missing_label",
    "label_too_long",
    "bad_label",
    "unknown_platform",
    "bad_time",
    "too_late",
    "bad_interval",
    "bad_power",
    "bad_utilization",
    "bad_value",
)
UNDECODABLE: Final = "undecodable"

_RANGES: Final = {
    # the widest that any chip could mean; beyond them the reading is garbage
    "power_error_w": (0.0, MAX_POWER_W),
    "memory_used_bytes": (0.0, 2.0**50),
    "memory_total_bytes": (0.0, 2.0**50),
    "temperature_c": (-60.0, 250.0),
    "throttle": (0.0, 15.0),
    "energy_j": (0.0, 1e18),
}

GROUPING: Final = ("site", "fleet", "platform", "model")
"""The labels that sums are kept apart by, besides the power method."""
MAX_UNFOLDED_SECONDS: Final = 50_000_000
"""Into how many seconds one message may unfold. A batch of 4,096 chips for a second makes one or two for each group;
half a megabyte of rows that each last an hour, in a fleet of their own, would make eighteen million."""
_MAX_SPREAD: Final = 1_000
"""How many rows of one rectangle count: their power falls into about as many bins, and these unfold, too."""

Reasons = npt.NDArray[np.uint8]


def refusals(samples: Samples, appended_ms: int, retention_ms: int = RAW_RETENTION_MS) -> Reasons:
    """Return uint8 [n]: 0 where the row of a message is accepted, else the index of its reason in `REASONS`.

    `appended_ms` is when the broker appended the message, in epoch milliseconds.
    """
    reasons = first_reason(identity_refusals(samples.labels), reading_refusals(samples, appended_ms, retention_ms))
    return unfolding_refusals(samples, samples.labels, reasons)


def may_unfold_too_far(samples: Samples, rows: int) -> bool:
    """Say whether any message of so many rows at most, among these samples, needs `unfolding_refusals` at all."""
    longest_ms = min(int(samples.interval_ms.max(initial=0)), MAX_INTERVAL_MS)
    return rows * (longest_ms // 1000 + 2) > MAX_UNFOLDED_SECONDS


def unfolding_refusals(samples: Samples, labels: dict[str, Label], reasons: Reasons) -> Reasons:
    """Refuse what would make one message unfold into more seconds than anyone can store: `reasons` with those marked.

    Rows of one interval, group and power method are added up before they are spread over their seconds, and count
    together; what counts first stands first in the message. `labels` are at least those of `GROUPING`.
    """
    if not may_unfold_too_far(samples, len(samples)):
        return reasons
    rows = np.flatnonzero(reasons == ACCEPTED)
    group = _group_codes([*(labels[name] for name in GROUPING), samples.labels["power_method"]])[rows]
    ts_ms, interval_ms = samples.ts_ms[rows], samples.interval_ms[rows]
    order = np.lexsort((interval_ms, ts_ms, group))
    new = np.zeros(len(order), bool)
    new[:1] = True
    for column in (ts_ms[order], interval_ms[order], group[order]):
        new[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(new)
    first = order[starts]
    seconds = (ts_ms[first] - 1) // 1000 - (ts_ms[first] - interval_ms[first]) // 1000 + 1
    cost = seconds * np.minimum(np.diff(np.append(starts, len(order))), _MAX_SPREAD)
    in_turn = np.argsort(first)
    too_far = np.empty(len(starts), bool)
    too_far[in_turn] = np.cumsum(cost[in_turn]) > MAX_UNFOLDED_SECONDS
    marked = reasons.copy()
    marked[rows[order[too_far[np.cumsum(new) - 1]]]] = REASONS.index("bad_value")
    return marked


def _group_codes(labels: Sequence[Label]) -> Ints:
    """Return one number [n] for each distinct combination of labels; a missing one counts as empty."""
    texts = [pc.fill_null(label.values.take(pa.array(label.codes, mask=label.codes < 0)), "") for label in labels]
    codes = pc.binary_join_element_wise(*texts, "\0").dictionary_encode().indices
    return np.asarray(codes.to_numpy(), np.int64)


def identity_refusals(labels: dict[str, Label]) -> Reasons:
    """Judge whose sample it is, which is the same for every batch of the same chips."""
    reasons = np.zeros(len(labels[IDENTITY[0]]), np.uint8)
    identity = [labels[name] for name in IDENTITY]
    # From the last to the first, so that the first in REASONS is the one that stands.
    _mark(reasons, "unknown_platform", _unknown(labels["platform"], PLATFORMS))
    for label in identity:
        _mark(reasons, "bad_label", _hidden(label))
    for label in identity:
        _mark(reasons, "label_too_long", _too_long(label))
    for label in identity:
        _mark(reasons, "missing_label", _missing(label))
    return reasons


def reading_refusals(samples: Samples, appended_ms: int | Ints, retention_ms: int = RAW_RETENTION_MS) -> Reasons:
    """Judge what was sampled and when."""
    reasons = np.zeros(len(samples), np.uint8)
    ts_ms, interval_ms = samples.ts_ms, samples.interval_ms
    _mark(reasons, "bad_value", _bad_value(samples))
    for name in ("utilization", "tensor_utilization"):
        _mark(reasons, "bad_utilization", _outside(samples, name, 0.0, 1.0))
    _mark(reasons, "bad_power", _outside(samples, "power_w", 0.0, MAX_POWER_W))
    _mark(reasons, "bad_interval", (interval_ms < 1) | (interval_ms > MAX_INTERVAL_MS))
    _mark(reasons, "too_late", ts_ms < appended_ms - retention_ms)
    _mark(reasons, "bad_time", (ts_ms <= 0) | (ts_ms > appended_ms + MAX_AHEAD_MS))
    _mark(reasons, "bad_label", _hidden(samples.labels["job"]))
    _mark(reasons, "label_too_long", _too_long(samples.labels["job"]))
    return reasons


def first_reason(one: Reasons, other: Reasons) -> Reasons:
    """Return for each row the reason of the two that stands first in `REASONS`."""
    first: Reasons = np.minimum(one - np.uint8(1), other - np.uint8(1)) + np.uint8(1)  # 0, accepted, wraps to last
    return first


def _mark(reasons: Reasons, reason: str, rows: Bools) -> None:
    if rows.any():
        reasons[rows] = REASONS.index(reason)


def _outside(samples: Samples, name: str, low: float, high: float) -> Bools:
    values, given = samples.measures[name], samples.given[name]
    if len(values) == 0 or not given.any() or (values.min() >= low and values.max() <= high):
        return np.zeros(len(values), bool)  # the usual case, at a tenth of the cost
    inside = (values >= low) & (values <= high)  # a NaN is in no range
    return given & ~inside


def _bad_value(samples: Samples) -> Bools:
    method = samples.labels["power_method"]
    unnamed = samples.given["power_w"] & (method.codes < 0)
    bad: Bools = unnamed | _unknown(method, POWER_METHODS)
    for name, (low, high) in _RANGES.items():
        bad |= _outside(samples, name, low, high)
    return bad


def _bad_rows(label: Label, bad_values: Bools, *, bad_if_missing: bool) -> Bools:
    """Spread one verdict per distinct value over the rows."""
    if not bad_values.any():
        return label.codes < 0 if bad_if_missing else np.zeros(len(label), bool)
    return np.append(bad_values, bad_if_missing)[label.codes]  # code -1 takes the last


def _unknown(label: Label, known: tuple[str, ...]) -> Bools:
    among = pc.is_in(label.values, value_set=pa.array(known)).to_numpy(zero_copy_only=False)
    return _bad_rows(label, ~among.astype(bool), bad_if_missing=False)


def _too_long(label: Label) -> Bools:
    return _bad_rows(label, _byte_lengths(label) > MAX_LABEL_BYTES, bad_if_missing=False)


def _missing(label: Label) -> Bools:
    return _bad_rows(label, _byte_lengths(label) == 0, bad_if_missing=True)


def _hidden(label: Label) -> Bools:
    return _bad_rows(label, with_hidden(label.values), bad_if_missing=False)


def with_hidden(values: pa.StringArray) -> Bools:
    """Find the texts that hold what nobody can see or a terminal obeys, as `schema.printable` lists it.

    A NUL among them: labels are joined by one before they are hashed, so two identities could look like one.
    """
    if not len(values) or is_plain(values):
        return np.zeros(len(values), bool)
    found: Bools = pc.match_substring_regex(values, HIDDEN_RE2).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _byte_lengths(label: Label) -> npt.NDArray[np.int32]:
    lengths: npt.NDArray[np.int32] = pc.binary_length(label.values).to_numpy(zero_copy_only=False)
    return lengths
