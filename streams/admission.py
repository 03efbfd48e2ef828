"""Which sites, fleets and models may have sums: those that are known or declared, and so many new ones in a time.

A new one is admitted once and stays so. What is admitted is durable before any of it is stored, and in one order for
all workers. A commit that brings new ones asks for a ruling, and what was admitted up to its first ruling is accepted
in it, whoever does it again and whatever was admitted since. A commit that brings nothing new asks nobody: what was
known before it was proposed comes before any ruling about it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from schema.chips import catalogue
from schema.samples import METER_MODELS
from streams.rosters import Group

NEW_OF_A_MESSAGE: Final = 256
"""A message that brings more new groups than this brings none of them: a host has one, a site's gateway some dozens."""
NEW_OF_AN_HOUR: Final = 1_024
"""So many new groups are admitted in an hour, besides the declared ones."""
MODELS_OF_A_FLEET: Final = 16
"""So many models a declared fleet may bring that the catalogue does not have."""

NOWHERE: Final = 2**63
"""The place of what was never admitted."""
NOTHING_SEEN: Final = -1
"""What is known of a commit that somebody else may have begun."""

Fleet = tuple[str, str]


class AskedInVainError(Exception):
    """The store did not answer: to be asked again, and no fault of any message."""


class RulingStore(Protocol):
    """What is asked of the store; calls block."""

    def admitted(self) -> dict[Group, int]:
        """Return what was ever admitted, each with its place in the order of rulings."""

    def ruling(self, commit_id: str) -> int | None:
        """Return the place of a commit's first ruling, None where it has none."""

    def rule(self, commit_id: str, groups: Mapping[Group, bool]) -> int:
        """Propose to admit groups (True for those that count) and return the place of the ruling that stands."""

    def declared(self) -> set[Fleet]:
        """Return site and fleet of whatever is in the operator's fleet file."""

    def lately(self) -> int:
        """Return how many groups that count were admitted in the last hour."""


class Admissions:
    """Says which groups a commit may not have. Its memory of what is admitted changes no answer."""

    def __init__(self, store: RulingStore) -> None:
        self._store = store
        self._known: dict[Group, int] = {}
        self.newest = 0
        """The place of the newest admission that is known here."""

    def place(self, groups: Iterable[Group]) -> int:
        """Return the place up to which all of these were admitted, as is known here; `NOWHERE` if one was not."""
        return max((self._known.get(group, NOWHERE) for group in groups), default=0)

    def refused(self, commit_id: str, brought: Sequence[AbstractSet[Group]], seen: int) -> set[Group]:
        """Return the groups that a commit may not have, of those that its messages bring, in the log's order.

        `seen` is the newest place that was known before the commit was proposed. Raises `AskedInVainError`.
        """
        every = set().union(*brought)
        if self.place(every) <= seen:
            return set()
        try:
            # In this order: a ruling that comes after the second question comes after all that the first one found.
            self._look()
            ruling = self._store.ruling(commit_id)
            if ruling is None and self.place(every) < NOWHERE:
                return set()
            if ruling is None:
                ruling = self._store.rule(commit_id, self._proposed(brought))
            self._look()
        except Exception as error:
            raise AskedInVainError(str(error)) from error
        return {group for group in every if self.place([group]) > ruling}

    def _look(self) -> None:
        self._known = self._store.admitted()
        self.newest = max(self._known.values(), default=0)

    def _proposed(self, brought: Sequence[AbstractSet[Group]]) -> dict[Group, bool]:
        left = max(NEW_OF_AN_HOUR - self._store.lately(), 0)
        return admissible(brought, self._known, self._store.declared(), left)


def admissible(
    brought: Sequence[AbstractSet[Group]], known: Collection[Group], declared: Collection[Fleet], left: int
) -> dict[Group, bool]:
    """Return the new groups to admit, message by message; True for those that count, of which `left` may be.

    Those of declared fleets always pass and never count, as long as their model is one of the catalogue or of a few.
    """
    models = Counter((group.site, group.fleet) for group in known)
    usual = {*catalogue(), *METER_MODELS}
    admitted: dict[Group, bool] = {}
    for groups in brought:
        others = []
        for group in sorted(groups):
            fleet = (group.site, group.fleet)
            if group in known or group in admitted:
                continue
            if fleet in declared and (group.model in usual or models[fleet] < MODELS_OF_A_FLEET):
                admitted[group] = False
                models[fleet] += 1
            else:
                others.append(group)
        if len(others) <= NEW_OF_A_MESSAGE:
            admitted |= dict.fromkeys(others[:left], True)
            left -= min(left, len(others))
    return admitted
