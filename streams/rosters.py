"""Whose samples these are: labels turned into numbers, once per roster and not once per sample.

A producer sends the same labels with every batch, and Arrow sends them as the same bytes. So a batch's roster (its
six identity columns) is known by a digest of these bytes, and the numbers made from it are kept, in bounded memory.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schema import checks, wire
from schema.samples import IDENTITY, Codes, Label
from schema.spread import MAX_GROUPS
from streams.overlaps import Track

_SEPARATOR = "\0"
_GROUP_BYTES = 400
"""What a group takes: a tuple and four texts."""


class Group(NamedTuple):
    """What sums are kept for."""

    site: str
    fleet: str
    platform: str
    model: str


class Groups(list[Group]):
    """The groups of a roster, numbered by their places. Rosters of the same groups may share them."""


@dataclass(eq=False)
class Roster:
    """The identity of a batch of n rows.

    `reasons` [n] says which rows are refused for their labels. `group_of` [n] indexes `groups`. `series` [n] is XXH64
    over the six labels joined by NUL, the number by which the store knows a chip in its place; `host_key` is XXH64 of
    the first host. `written_ms` is when the roster's chips were last told to the inventory (append time), 0 for never.
    `claimed_ms` is the same of their claims. `admitted` is the place up to which all its groups were (see
    `streams.admission`). `track` says up to when its chips were reported, once that is followed.
    """

    reasons: checks.Reasons
    groups: Groups
    group_of: Codes
    series: npt.NDArray[np.uint64]
    host_key: int
    written_ms: int = 0
    admitted: int = 2**63
    claimed_ms: int = 0
    track: Track | None = None

    @property
    def nbytes(self) -> int:
        """How much memory this roster takes, about."""
        arrays = self.reasons.nbytes + self.group_of.nbytes + 2 * self.series.nbytes
        return arrays + _GROUP_BYTES * len(self.groups) + 500


def digest(batch: pa.RecordBatch) -> bytes:
    """Return 16 bytes that stand for the identity columns of a batch, from their buffers."""
    state = xxhash.xxh3_128()
    for name in IDENTITY:
        index = batch.schema.get_field_index(name)
        if index < 0:
            state.update(b"absent")
            continue
        column = batch.column(index)
        state.update(f"{column.type}/{len(column)}/{column.offset}".encode())
        for buffer in column.buffers():
            state.update(buffer if buffer is not None else b"none")
        if pa.types.is_dictionary(column.type):
            values = column.dictionary
            state.update(f"{len(values)}/{values.offset}".encode())
            for buffer in values.buffers():
                state.update(buffer if buffer is not None else b"none")
    return state.digest()


def make_roster(batch: pa.RecordBatch) -> Roster:
    """Make the roster of a batch; a missing label counts as empty, for such rows are refused anyway.

    Rows of groups beyond as many as a message may name are refused for that.
    """
    found = wire.labels(batch, IDENTITY)
    labels = {name: _strings(label) for name, label in found.items()}
    joined = pc.binary_join_element_wise(*labels.values(), _SEPARATOR).cast(pa.binary())
    groups = pc.binary_join_element_wise(*(labels[name] for name in Group._fields), _SEPARATOR).dictionary_encode()
    group_of = groups.indices.to_numpy().astype(np.int32, copy=False)
    beyond = group_of >= MAX_GROUPS  # they are numbered in the order in which they come
    return Roster(
        reasons=checks.refused_labels(checks.identity_refusals(found), beyond),
        groups=Groups(Group(*text.split(_SEPARATOR, 3)) for text in groups.dictionary[:MAX_GROUPS].to_pylist()),
        group_of=np.where(beyond, np.int32(0), group_of),
        series=np.fromiter((xxhash.xxh64_intdigest(text) for text in joined.to_pylist()), np.uint64, batch.num_rows),
        host_key=xxhash.xxh64_intdigest(labels["host"][0].as_py().encode()) if batch.num_rows else 0,
    )


def _strings(label: Label) -> pa.StringArray:
    if not len(label.values):
        return pa.array([""] * len(label), pa.utf8())
    indices = pa.array(label.codes, mask=label.codes < 0)
    return label.values.take(indices).fill_null("")


class RosterCache:
    """The rosters met lately, at most `max_bytes` of them; the longest unused one goes first.

    One that takes a sixteenth of that is not kept: it names more groups than any fleet that reports its chips.
    """

    def __init__(self, max_bytes: int = 144 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rosters: OrderedDict[bytes, Roster] = OrderedDict()
        self._in_use: WeakValueDictionary[bytes, Roster] = WeakValueDictionary()
        self._groups: WeakValueDictionary[tuple[Group, ...], Groups] = WeakValueDictionary()

    def get(self, key: bytes) -> Roster | None:
        """Return the roster of this digest, if it is still known, be it that somebody else keeps it."""
        found = self._rosters.get(key)
        if found is None:
            return self._in_use.get(key)
        self._rosters.move_to_end(key)
        return found

    def clear(self) -> None:
        """Forget all of them."""
        self._rosters.clear()
        self._in_use.clear()
        self._bytes = 0

    def put(self, key: bytes, made: Roster) -> None:
        """Keep a roster, unless it is too large."""
        if made.nbytes > self._max_bytes // 16:
            return
        made.groups = self._groups.setdefault(tuple(made.groups), made.groups)
        self._rosters[key] = self._in_use[key] = made
        self._bytes += made.nbytes
        while self._bytes > self._max_bytes and len(self._rosters) > 1:
            _, gone = self._rosters.popitem(last=False)
            self._bytes -= gone.nbytes

    @property
    def nbytes(self) -> int:
        """How much memory the rosters take, about."""
        return self._bytes
