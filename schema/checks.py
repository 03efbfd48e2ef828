"""The row checks of docs/contract.md: each sample is accepted, or rejected with one reason.

All vectorised, over the columns of a batch; labels are judged once per distinct value. When a row breaks
several rules it gets the reason that stands first in `REASONS`.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schema import spread
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
    "too_many_labels",
)
UNDECODABLE: Final = "undecodable"

RANGES: Final = {
    # the widest that any chip could mean; beyond them the reading is garbage
    "power_w": (0.0, MAX_POWER_W),
    "utilization": (0.0, 1.0),
    "tensor_utilization": (0.0, 1.0),
    "power_error_w": (0.0, MAX_POWER_W),
    "memory_used_bytes": (0.0, 2.0**50),
    "memory_total_bytes": (0.0, 2.0**50),
    "temperature_c": (-60.0, 250.0),
    "throttle": (0.0, 15.0),
    "energy_j": (0.0, 1e18),
}

_REASON_OF: Final = {"utilization": "bad_utilization", "tensor_utilization": "bad_utilization", "power_w": "bad_power"}
"""Of a value out of its range, the one that counts last; of all others it is `bad_value`."""

Reasons = npt.NDArray[np.uint8]


def refusals(samples: Samples, appended_ms: int, retention_ms: int = RAW_RETENTION_MS) -> Reasons:
    """Return uint8 [n]: 0 where the row of a message is accepted, else the index of its reason in `REASONS`.

    `appended_ms` is when the broker appended the message, in epoch milliseconds.
    """
    reasons = first_reason(identity_refusals(samples.labels), reading_refusals(samples, appended_ms, retention_ms))
    return message_refusals(samples, samples.labels, reasons)


def message_refusals(samples: Samples, labels: dict[str, Label], reasons: Reasons) -> Reasons:
    """Reject what one message may not do as a whole: `reasons` with those rows marked that `schema.spread` finds."""
    marked = reasons.copy()
    _mark(marked, "bad_value", spread.unfolds_too_far(samples, labels, marked == ACCEPTED))
    _mark(marked, "too_many_labels", spread.names_too_many({**samples.labels, **labels}, marked == ACCEPTED))
    return marked


def refused_labels(reasons: Reasons, refused: Bools) -> Reasons:
    """Reject rows whose labels are not admitted, where nothing else speaks against them."""
    marked = reasons.copy()
    _mark(marked, "too_many_labels", refused & (marked == ACCEPTED))
    return marked


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
    for name, reason in _REASON_OF.items():
        _mark(reasons, reason, _outside(samples, name))
    _mark(reasons, "bad_interval", (interval_ms < 1) | (interval_ms > MAX_INTERVAL_MS))
    _mark(reasons, "too_late", ts_ms < appended_ms - retention_ms)
    _mark(reasons, "bad_time", (ts_ms <= 0) | (ts_ms > appended_ms + MAX_AHEAD_MS))
    _mark(reasons, "bad_label", _hidden(samples.labels["job"]))
    _mark(reasons, "label_too_long", _too_long(samples.labels["job"]))
    return reasons


def odd_values(samples: Samples) -> dict[str, Bools]:
    """Return of each measure that is out of its range anywhere in which rows [n] it is."""
    outside = {name: _outside(samples, name) for name in RANGES}
    return {name: rows for name, rows in outside.items() if rows.any()}


def first_reason(one: Reasons, other: Reasons) -> Reasons:
    """Return for each row the reason of the two that stands first in `REASONS`."""
    first: Reasons = np.minimum(one - np.uint8(1), other - np.uint8(1)) + np.uint8(1)  # 0, accepted, wraps to last
    return first


def _mark(reasons: Reasons, reason: str, rows: Bools) -> None:
    if rows.any():
        reasons[rows] = REASONS.index(reason)


def _outside(samples: Samples, name: str) -> Bools:
    (low, high), values, given = RANGES[name], samples.measures[name], samples.given[name]
    if len(values) == 0 or not given.any() or (values.min() >= low and values.max() <= high):
        return np.zeros(len(values), bool)  # the usual case, at a tenth of the cost
    inside = (values >= low) & (values <= high)  # a NaN is in no range
    return given & ~inside


def _bad_value(samples: Samples) -> Bools:
    method = samples.labels["power_method"]
    unnamed = samples.given["power_w"] & (method.codes < 0)
    bad: Bools = unnamed | _unknown(method, POWER_METHODS)
    for name in RANGES.keys() - _REASON_OF.keys():
        bad |= _outside(samples, name)
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
