"""The accepted samples of a block, with everything that the tables are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schema import checks
from schema.samples import POWER_METHODS, Bools, Floats, Ints, Label, Rows, Samples
from streams.decoded import Decoded
from streams.rosters import Group, Roster

METHODS: Final = ("", *POWER_METHODS)
"""Power methods by code; 0 is for samples whose power is not known."""
LATE_AFTER_MS: Final = 30_000
"""A sample is late when the broker appended it more than this after its end."""


@dataclass(frozen=True)
class Accepted:
    """n accepted samples; each array is [n].

    `row` is the sample's row among those of the block as decoded, `message` the number of its message. `group` indexes
    `groups`, `method` indexes `METHODS`, `series` names the chip in its place, `host_key` is a hash of the message's
    first host; `partition`, `offset` and `appended_ms` are its place and time in the log.
    """

    row: Rows
    samples: Samples
    groups: list[Group]
    group: Ints
    method: npt.NDArray[np.uint8]
    series: npt.NDArray[np.uint64]
    message: Ints
    host_key: npt.NDArray[np.uint64]
    partition: Ints
    offset: Ints
    appended_ms: Ints

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, rows: Rows) -> "Accepted":
        """Pick rows, in that order."""
        return Accepted(
            self.row[rows],
            self.samples.take(rows),
            self.groups,
            self.group[rows],
            self.method[rows],
            self.series[rows],
            self.message[rows],
            self.host_key[rows],
            self.partition[rows],
            self.offset[rows],
            self.appended_ms[rows],
        )

    @property
    def late(self) -> Bools:
        """Which samples are late."""
        return self.samples.ts_ms < self.appended_ms - LATE_AFTER_MS

    @property
    def energy_j(self) -> Floats:
        """The energy of each sample: power_w x interval_ms / 1000, 0 where the power is not known."""
        power_w = np.where(self.samples.given["power_w"], self.samples.measures["power_w"], 0).astype(np.float64)
        return power_w * self.samples.interval_ms / 1000

    def group_columns(self, group: Ints) -> dict[str, pa.Array]:
        """Return the four label columns of a table whose rows are of these groups."""
        index = pa.array(group.astype(np.int32))
        columns = {}
        for name in Group._fields:
            # Groups share names, and ClickHouse refuses a dictionary that holds a value twice.
            named = pa.array([getattr(one, name) for one in self.groups], pa.utf8()).dictionary_encode()
            columns[name] = pa.DictionaryArray.from_arrays(named.indices.take(index), named.dictionary)
        return columns


def accept(decoded: Decoded, rosters: Sequence[Roster], reasons: checks.Reasons) -> Accepted:
    """Bring together the accepted rows of a block and who they are of."""
    groups, group = _common_groups(rosters, decoded.counts)
    everything = Accepted(
        row=np.arange(len(decoded.samples)),
        samples=decoded.samples,
        groups=groups,
        group=group,
        method=_method_codes(decoded.samples.labels["power_method"], decoded.samples.given["power_w"]),
        series=np.concatenate([roster.series for roster in rosters]),
        message=decoded.message_of,
        host_key=np.array([roster.host_key for roster in rosters], np.uint64)[decoded.message_of],
        partition=decoded.per_row([message.partition for message in decoded.messages]),
        offset=decoded.per_row([message.offset for message in decoded.messages]),
        appended_ms=decoded.per_row([message.appended_ms for message in decoded.messages]),
    )
    return everything.take(np.flatnonzero(reasons == checks.ACCEPTED)) if reasons.any() else everything


def _common_groups(rosters: Sequence[Roster], counts: Ints) -> tuple[list[Group], Ints]:
    """Give the groups of all rosters one numbering; return them, and the group of every row."""
    numbers: dict[Group, int] = {}
    lookups: list[int] = []
    begins: dict[int, int] = {}  # of each list of groups, which many rosters share, in `lookups`
    for groups in {id(roster.groups): roster.groups for roster in rosters}.values():
        begins[id(groups)] = len(lookups)
        lookups += [numbers.setdefault(group, len(numbers)) for group in groups]
    begin = np.array([begins[id(roster.groups)] for roster in rosters], np.int64)
    group_of = np.concatenate([roster.group_of for roster in rosters])
    return list(numbers), np.array(lookups, np.int64)[np.repeat(begin, counts) + group_of]


def _method_codes(label: Label, known: Bools) -> npt.NDArray[np.uint8]:
    values = [METHODS.index(name) if name in METHODS else 0 for name in label.values.to_pylist()]
    codes = np.array([*values, 0], np.uint8)[label.codes]  # code -1 takes the last
    return codes if known.all() else np.where(known, codes, 0).astype(np.uint8)
