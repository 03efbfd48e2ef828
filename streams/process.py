"""The messages of a commit to what is stored of them. Reads nothing and writes nothing: bytes in, tables out."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from schema import checks, spread, wire
from schema.samples import IDENTITY, Rows
from streams import claims, inventory, power, raw
from streams.accepted import Accepted, accept
from streams.admission import NOTHING_SEEN, Admissions, AskedInVainError
from streams.blocks import Block, Commit, LogMessage
from streams.broken import broken
from streams.decoded import Decoded, Refusal, Unwritten, decode, refuse, undecodable
from streams.forms import Forms
from streams.overlaps import Overlaps
from streams.rosters import Roster, RosterCache, digest, make_roster

Admit = Callable[[Decoded, Sequence[Roster], checks.Reasons], checks.Reasons]


@dataclass(frozen=True)
class BlockTotals:
    """What one block holds, for the ledger; an undecodable message counts as one refused row."""

    block: Block
    samples: int
    late_samples: int
    rejected: int
    energy_j: float
    newest_ts_ms: int | None


@dataclass(frozen=True)
class Stored:
    """What is stored of a commit. A table is None when there is nothing for it.

    `power` is nearly always one table; long intervals of many groups unfold into several, which are made one after
    the other whenever they are asked for. `unwritten` are refusals whose dead letter could not be written in time.
    """

    commit: Commit
    totals: list[BlockTotals]
    power: Iterable[pa.Table] = ()
    raw: pa.Table | None = None
    series: pa.Table | None = None
    claims: pa.Table | None = None
    refusals: Sequence[Refusal] = field(default_factory=list)
    unwritten: Sequence[Unwritten] = ()


class Processor:
    """Turns commits into tables. What it remembers changes no result but `series` and `claims`.

    Without `admissions` every site, fleet and model is welcome.
    """

    def __init__(self, rosters: RosterCache | None = None, admissions: Admissions | None = None) -> None:
        self._rosters = rosters or RosterCache()
        self._forms = Forms()
        self._admissions = admissions
        self._overlaps = Overlaps()
        self._renewed_ms = 0
        self._one_at_a_time = threading.Lock()

    @property
    def seen(self) -> int:
        """The newest admission that is known: to be noted before a commit is proposed."""
        return NOTHING_SEEN if self._admissions is None else self._admissions.newest

    def process(self, commit: Commit, seen: int = NOTHING_SEEN) -> Stored:
        """Return what is to be stored of a commit; the sums depend on its messages and what was ruled of it, alone.

        Nothing in a message stops this: one that breaks our own code is found, and refused like undecodable ones.
        Raises `AskedInVainError` while the store is away.
        """
        with self._one_at_a_time:  # the cache of rosters is not for two threads
            return self._process_whatever_comes(commit, commit.messages, seen)

    def _process_whatever_comes(self, commit: Commit, messages: list[LogMessage], seen: int) -> Stored:
        try:
            return self._process(commit, messages, [], partial(self._admit, commit.commit_id, seen))
        except AskedInVainError:
            raise
        except Exception:  # noqa: BLE001  whatever it is, it must not stop the worker
            found = broken(messages, partial(self._error, commit))
            left_out = {id(message) for message, _ in found}
            self._forget()  # of what was only tried, nothing is stored: chips must be told of, and none is there twice
            return self._process(
                commit,
                [message for message in messages if id(message) not in left_out],
                [undecodable(message, f"unexpected {type(error).__name__}: {error}") for message, error in found],
                partial(self._admit, commit.commit_id, NOTHING_SEEN),
            )

    def _error(self, commit: Commit, messages: Sequence[LogMessage]) -> Exception | None:
        """Process messages for nothing but the error that comes of it."""
        try:
            self._process(commit, messages, [], _welcome)
        except Exception as error:  # noqa: BLE001  the same
            return error
        return None

    def _process(self, commit: Commit, messages: Sequence[LogMessage], refused: list[Refusal], admit: Admit) -> Stored:
        if not messages:  # of a commit whose messages are all lost, or all break our code
            return Stored(commit, _totals(commit, refused, None), refusals=refused)
        decoded, refusals = decode(messages, self._forms)
        refusals += refused
        rosters, new = self._met(decoded)
        if not rosters:
            return Stored(commit, _totals(commit, refusals, None), refusals=refusals)
        reasons = checks.first_reason(
            np.concatenate([roster.reasons for roster in rosters]),
            checks.reading_refusals(decoded.samples, decoded.per_row([m.appended_ms for m in decoded.messages])),
        )
        reasons = admit(decoded, rosters, _bounded(decoded, reasons))
        refusals += refuse(decoded, reasons)
        if (reasons != checks.ACCEPTED).all():
            return Stored(commit, _totals(commit, refusals, None), refusals=refusals)
        accepted = accept(decoded, rosters, reasons)
        of_use = {index: rosters[index] for index in np.unique(accepted.message).tolist()}
        self._keep(decoded, of_use, new)
        doubled = self._overlapping(accepted, decoded, of_use)
        renewed = inventory.due(accepted, rosters)
        known = inventory.told(accepted, decoded, renewed)
        claimed = self._claimed(accepted, rosters)
        # Of new chips both are told.
        claiming = known if np.array_equal(claimed, renewed) else inventory.told(accepted, decoded, claimed)
        return Stored(
            commit,
            _totals(commit, refusals, accepted),
            power=power.rows(accepted),
            raw=raw.rows(accepted),
            series=inventory.rows(accepted, known) if known else None,
            claims=claims.rows(accepted, claiming, inventory.told(accepted, decoded, doubled)),
            refusals=refusals,
        )

    def _admit(
        self, commit_id: str, seen: int, decoded: Decoded, rosters: Sequence[Roster], reasons: checks.Reasons
    ) -> checks.Reasons:
        """Refuse the rows of groups that the commit may not have: `reasons` with those marked."""
        if self._admissions is None:
            return reasons
        new = [index for index, roster in enumerate(rosters) if roster.admitted > seen]
        if not new:
            return reasons
        brought = {}
        for index in new:
            message, roster = decoded.messages[index], rosters[index]
            used = roster.group_of[reasons[decoded.rows_of(index)] == checks.ACCEPTED]
            brought[message.partition, message.offset] = {roster.groups[group] for group in np.unique(used)}
        refused = self._admissions.refused(commit_id, [brought[place] for place in sorted(brought)], seen)
        for index in new:
            rosters[index].admitted = self._admissions.place(rosters[index].groups)
        if not refused:
            return reasons
        marks = [np.array([group in refused for group in one.groups], bool)[one.group_of] for one in rosters]
        return checks.refused_labels(reasons, np.concatenate(marks))

    def _met(self, decoded: Decoded) -> tuple[list[Roster], dict[Roster, bytes]]:
        """Return the roster of each message, and the new ones with their digests; these are not kept yet."""
        made: dict[bytes, Roster] = {}
        rosters: list[Roster] = []
        for index, form in enumerate(decoded.forms):
            found = None if form is None else form.roster
            if found is None:
                batch = decoded.received[index]
                key = digest(batch)
                found = self._rosters.get(key) or made.get(key)
                if found is None:
                    found = made[key] = make_roster(batch)
            rosters.append(found)
        return rosters, {roster: key for key, roster in made.items()}

    def _keep(self, decoded: Decoded, of_use: Mapping[int, Roster], new: Mapping[Roster, bytes]) -> None:
        """Keep new rosters and forms, of messages of which anything was accepted."""
        for index, roster in of_use.items():
            form = decoded.forms[index]
            if form is not None and form.roster is not None:
                continue
            if (key := new.get(roster)) is not None:
                self._rosters.put(key, roster)
            if form is not None:
                form.roster = roster
                self._forms.keep(decoded.messages[index].value or b"", form)

    def _claimed(self, accepted: Accepted, rosters: Sequence[Roster]) -> Rows:
        """Return the samples of whose chips claims are to be told now; once in a while that renews many."""
        appended_ms = int(accepted.appended_ms.max())
        renew = appended_ms >= self._renewed_ms + claims.RENEWED_AT_ONCE_MS
        if renew:
            self._renewed_ms = appended_ms
        return claims.due(accepted, rosters, renew=renew)

    def _overlapping(self, accepted: Accepted, decoded: Decoded, rosters: Mapping[int, Roster]) -> Rows:
        """Return the samples that cover a time of which their chip was reported already.

        `rosters` are those of messages of which anything was accepted, by their number.
        """
        if new := [roster for roster in dict.fromkeys(rosters.values()) if roster.track is None]:
            for roster, track in zip(new, self._overlaps.track([one.series for one in new]), strict=True):
                roster.track = track
        tracks = {index: roster.track for index, roster in rosters.items() if roster.track is not None}
        place = accepted.row - decoded.first[accepted.message]
        samples = accepted.samples
        found = self._overlaps.find(tracks, accepted.message, place, samples.ts_ms, samples.interval_ms)
        if self._overlaps.full:
            self._forget()
        return found

    def _forget(self) -> None:
        """Forget chips and rosters, both together: a roster says what is known of its chips."""
        self._overlaps = Overlaps()
        self._rosters.clear()
        self._forms.clear()


def _welcome(_: Decoded, __: Sequence[Roster], reasons: checks.Reasons) -> checks.Reasons:
    """Refuse nobody: who is to be admitted is not asked while a broken message is looked for."""
    return reasons


def _bounded(decoded: Decoded, reasons: checks.Reasons) -> checks.Reasons:
    """Refuse what reaches too far, message by message where any could."""
    interval_ms = decoded.samples.interval_ms
    if not spread.may_reach_too_far(interval_ms, int(decoded.counts.max())):
        return reasons
    parts = []
    for index in range(len(decoded.messages)):
        rows = decoded.rows_of(index)
        if spread.may_reach_too_far(interval_ms[rows], len(rows)):
            batch = decoded.received[index]
            samples = decoded.samples.take(rows)
            names = IDENTITY if batch.num_rows > spread.MAX_CHIPS else spread.GROUPING
            parts.append(checks.message_refusals(samples, wire.labels(batch, names), reasons[rows]))
        else:
            parts.append(reasons[rows])
    return np.concatenate(parts)


def _totals(commit: Commit, refusals: Sequence[Refusal], accepted: Accepted | None) -> list[BlockTotals]:
    """Add up what was accepted and refused, block by block; a commit has one block of a partition."""
    rejected: dict[int, int] = {}
    for refusal in refusals:
        rejected[refusal.partition] = rejected.get(refusal.partition, 0) + refusal.rows
    totals = []
    energy_j, late = (accepted.energy_j, accepted.late) if accepted is not None else (None, None)
    for block in commit.blocks:
        partition = block.span.partition
        mine = np.flatnonzero(accepted.partition == partition) if accepted is not None else np.zeros(0, np.intp)
        totals.append(
            BlockTotals(
                block,
                samples=len(mine),
                late_samples=0 if late is None else int(late[mine].sum()),
                rejected=rejected.get(partition, 0),
                energy_j=0.0 if energy_j is None else float(energy_j[mine].sum()),
                newest_ts_ms=int(accepted.samples.ts_ms[mine].max()) if accepted is not None and len(mine) else None,
            )
        )
    return totals
