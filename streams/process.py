"""A block of messages to what is stored of it. Reads nothing and writes nothing: bytes in, tables out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from schema import checks
from streams import inventory, power, raw
from streams.accepted import accept
from streams.blocks import Block, LogMessage
from streams.decoded import Refusal, decode, refuse, undecodable
from streams.rosters import Roster, RosterCache, digest, make_roster


@dataclass(frozen=True)
class Stored:
    """What is stored of a block. A table is None when there is nothing for it."""

    block: Block
    power: pa.Table | None = None
    raw: pa.Table | None = None
    series: pa.Table | None = None
    refusals: Sequence[Refusal] = field(default_factory=list)
    samples: int = 0
    late_samples: int = 0
    energy_j: float = 0.0
    newest_ts_ms: int | None = None

    @property
    def rejected(self) -> int:
        """Refused rows; a message that could not be decoded counts as one."""
        return sum(refusal.rows for refusal in self.refusals)


class Processor:
    """Turns blocks into tables. Its only state is the cache of rosters, which changes no result but `series`."""

    def __init__(self, rosters: RosterCache | None = None) -> None:
        self._rosters = rosters or RosterCache()

    def process(self, block: Block) -> Stored:
        """Return what is to be stored of a block; the sums depend on nothing but its messages.

        Nothing in a message stops this: one that breaks our own code is found, and refused like undecodable ones.
        """
        try:
            return self._process(block, block.messages, [])
        except Exception:  # noqa: BLE001  whatever it is, it must not stop the worker
            sound, broken = [], []
            for message in block.messages:
                try:
                    self._process(block, [message], [])
                except Exception as error:  # noqa: BLE001  the same
                    broken.append(undecodable(message, f"unexpected {type(error).__name__}: {error}"[:300]))
                else:
                    sound.append(message)
            return self._process(block, sound, broken)

    def _process(self, block: Block, messages: Sequence[LogMessage], broken: list[Refusal]) -> Stored:
        decoded, refusals = decode(messages)
        refusals += broken
        rosters = [self._roster(batch) for batch in decoded.received]
        if not rosters:
            return Stored(block, refusals=refusals)
        reasons = checks.first_reason(
            np.concatenate([roster.reasons for roster in rosters]),
            checks.reading_refusals(decoded.samples, decoded.per_row([m.appended_ms for m in decoded.messages])),
        )
        refusals += refuse(decoded, reasons)
        if (reasons != checks.ACCEPTED).all():
            return Stored(block, refusals=refusals)
        accepted = accept(decoded, rosters, reasons)
        sums = power.rows(accepted)
        return Stored(
            block,
            power=sums,
            raw=raw.rows(accepted, block.partition),
            series=inventory.rows(accepted, decoded, rosters),
            refusals=refusals,
            samples=len(accepted),
            late_samples=int(power.by_second(sums, "late_samples")),
            energy_j=float(power.by_second(sums, "energy_j")),
            newest_ts_ms=int(accepted.samples.ts_ms.max()),
        )

    def _roster(self, batch: pa.RecordBatch) -> Roster:
        key = digest(batch)
        found = self._rosters.get(key)
        if found is None:
            found = make_roster(batch)
            self._rosters.put(key, found)
        return found
