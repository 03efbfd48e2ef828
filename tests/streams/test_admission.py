"""New sites, fleets and models are admitted once, so many in a time, and alike by whoever does a commit."""

from collections.abc import Callable

import pytest

from schema import encoding
from schema.clickhouse import connect
from schema.fleet import Budget
from schema.fleet_limits import DEFAULTS
from schema.migrate import set_budgets, upgrade
from streams import admission
from streams.admission import MODELS_OF_A_FLEET, NEW_OF_A_MESSAGE, NEW_OF_AN_HOUR, admissible
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor, Stored
from streams.rosters import Group
from streams.store import Store
from tests.batches import NOW_MS, batch


def group(fleet: str, model: str = "h100-sxm") -> Group:
    return Group("north", fleet, "nvidia", model)


def groups(count: int, prefix: str = "f") -> set[Group]:
    return {group(f"{prefix}{number}") for number in range(count)}


class TestAdmissible:
    """Which of the new ones are admitted."""

    def test_known_ones_need_no_admission(self):
        assert admissible([groups(3)], groups(2), set(), left=9) == {group("f2"): True}

    def test_a_message_that_brings_very_many_brings_none(self):
        """Others beside it do, and what it brings of theirs is theirs."""
        flood, sound = groups(NEW_OF_A_MESSAGE + 1), {group("f0"), group("sound")}

        assert admissible([flood, sound], [], set(), left=9999) == {group("f0"): True, group("sound"): True}

    def test_a_message_may_bring_so_many(self):
        assert len(admissible([groups(NEW_OF_A_MESSAGE)], [], set(), left=9999)) == NEW_OF_A_MESSAGE

    def test_no_more_are_admitted_than_are_left(self):
        assert len(admissible([groups(5), groups(5, "g")], [], set(), left=7)) == 7

    def test_declared_fleets_always_pass_and_never_count(self):
        flood = groups(NEW_OF_A_MESSAGE + 1) | {group("mine")}

        assert admissible([flood], [], {("north", "mine")}, left=0) == {group("mine"): False}

    def test_a_declared_fleet_brings_so_many_models_of_its_own(self):
        models = {group("mine", f"m{number}") for number in range(MODELS_OF_A_FLEET + 1)}

        assert len(admissible([models], [], {("north", "mine")}, left=0)) == MODELS_OF_A_FLEET

    def test_a_declared_fleet_brings_models_of_the_catalogue_and_a_few_others(self):
        models = {group("mine", f"m{number}") for number in range(100)} | {group("mine", "h200"), group("mine", "trn2")}

        found = admissible([models], [], {("north", "mine")}, left=0)

        assert {one.model for one in found} >= {"h200", "trn2"}
        assert len(found) <= MODELS_OF_A_FLEET + 2


@pytest.fixture
def worker(engine, client) -> Callable[[], tuple[Processor, Store]]:  # noqa: ARG001  it empties the database
    """Give one worker after the other on the real store."""

    def started() -> tuple[Processor, Store]:
        store = Store(lambda: connect(engine.url), topic="chip.samples", log="log", worker="worker")
        return Processor(admissions=admission.Admissions(store)), store

    return started


def commit(name: str, *fleets: list[str]) -> Commit:
    """Return a commit with a message of some fleets each."""
    messages = [
        LogMessage(0, offset, NOW_MS, encoding.encode(batch(fleet=names)), None) for offset, names in enumerate(fleets)
    ]
    return Commit(name, [Block(Span(0, 0, len(messages) - 1), messages)])


def counts(stored: Stored) -> tuple[int, int]:
    (totals,) = stored.totals
    return totals.samples, totals.rejected


FLOOD = [f"flood {number}" for number in range(NEW_OF_A_MESSAGE + 2)]


def test_a_flood_is_refused_with_its_reason_and_the_rest_of_the_commit_goes_on(worker):
    processor, _ = worker()

    stored = processor.process(commit("one", ["a"], FLOOD, ["b"]))

    assert counts(stored) == (2, len(FLOOD))
    (refusal,) = stored.refusals
    assert (refusal.reason, refusal.offset, refusal.rows) == ("too_many_labels", 1, len(FLOOD))


def test_what_was_admitted_once_stays_so_for_every_worker(worker):
    worker()[0].process(commit("one", ["a"]))

    processor, store = worker()
    processor.process(commit("two", ["a"]))

    assert store.ruling("one") is not None
    assert store.ruling("two") is None


def test_a_fleet_that_is_refused_is_admitted_once_it_is_declared(worker, client):
    processor, _ = worker()
    assert counts(processor.process(commit("one", FLOOD))) == (0, len(FLOOD))

    set_budgets(client, [Budget("north", "flood 7", "nvidia", 1.0, 1, DEFAULTS)])

    assert counts(processor.process(commit("two", FLOOD))) == (1, len(FLOOD) - 1)


def test_a_commit_that_is_done_again_is_judged_as_at_first_whatever_was_admitted_since(worker, client):
    """Else its tables would not go together: those that were stored before a crash stay as they are."""
    first = worker()[0].process(commit("one", ["a"], FLOOD))
    set_budgets(client, [Budget("north", name, "nvidia", 1.0, 1, DEFAULTS) for name in FLOOD])
    assert counts(worker()[0].process(commit("two", FLOOD))) == (len(FLOOD), 0)

    again = worker()[0].process(commit("one", ["a"], FLOOD))

    assert counts(again) == counts(first) == (1, len(FLOOD))
    assert list(again.power) == list(first.power)


def test_a_worker_that_wakes_up_with_an_old_commit_obeys_what_was_ruled_of_it_meanwhile(worker, client):
    """It knows of admissions that came after the commit was proposed; those are no reason not to ask."""
    slow, _ = worker()
    slow.process(commit("zero", ["a"]))
    seen = slow.seen
    assert counts(worker()[0].process(commit("one", FLOOD))) == (0, len(FLOOD))  # finished by another
    set_budgets(client, [Budget("north", name, "nvidia", 1.0, 1, DEFAULTS) for name in FLOOD])
    slow.process(commit("two", FLOOD), slow.seen)

    assert counts(slow.process(commit("one", FLOOD), seen)) == (0, len(FLOOD))


def test_of_two_workers_that_rule_on_one_commit_the_first_is_obeyed(worker):
    """The second would have admitted it: its own bound is not reached."""
    _, store = worker()
    store.rule("one", {})

    assert counts(worker()[0].process(commit("one", ["a"]))) == (0, 1)
    assert counts(worker()[0].process(commit("two", ["a"]))) == (1, 0)


def test_so_many_are_admitted_in_an_hour_whoever_admits_them(worker):
    names = [f"f{number}" for number in range(NEW_OF_AN_HOUR + 10)]
    messages = [names[first : first + 200] for first in range(0, len(names), 200)]

    first = counts(worker()[0].process(commit("one", *messages[:3])))
    second = counts(worker()[0].process(commit("two", *messages[3:])))

    assert first[0] + second[0] == NEW_OF_AN_HOUR
    assert second[1] == 10


def test_a_store_that_is_away_is_no_fault_of_any_message(worker, client):
    processor, _ = worker()
    client.command("RENAME TABLE label_rulings TO elsewhere")

    with pytest.raises(admission.AskedInVainError):
        processor.process(commit("one", ["a"]))

    client.command("RENAME TABLE elsewhere TO label_rulings")
    assert counts(processor.process(commit("one", ["a"]))) == (1, 0)


def test_what_was_there_before_is_known(engine):
    """Whoever upgrades has the fleets of the inventory admitted."""
    client = engine.migrated_client()
    client.command(
        "INSERT INTO chip_series (series, site, fleet, platform, model, host, chip, first_seen, last_seen)"
        " SELECT number, 'north', concat('f', toString(number)), 'nvidia', 'h100-sxm', 'h', 'c', now(), now()"
        " FROM numbers(2000)"
    )
    client.command("DROP TABLE label_rulings")
    client.command("DELETE FROM schema_migrations WHERE version >= 9")
    upgrade(client)
    store = Store(lambda: connect(engine.url), topic="chip.samples", log="log", worker="worker")
    processor = Processor(admissions=admission.Admissions(store))

    assert counts(processor.process(commit("one", [f"f{number}" for number in range(2000)]))) == (2000, 0)
