"""The rules of the pipeline itself, on a ledger that is written row by row: freshness, gaps, refusals."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.evaluate import State
from dashboards.preview import Preview
from dashboards.rule import load_rules
from schema.fleet import Budget
from schema.fleet_limits import DEFAULTS
from schema.migrate import set_budgets
from tests.dashboards.rules.world import Pool, World, asks, block, insert_rows

RULES = {rule.name: rule for rule in load_rules()}
STEP_S = 10
HOUR_S = 3_600


@dataclass
class Ledger:
    """Blocks and refusals, which are written before the first evaluation. Times are seconds since it began."""

    client: Client
    start_ms: int
    blocks: list[dict[str, object]] = field(default_factory=list)
    refusals: list[dict[str, object]] = field(default_factory=list)

    def at(self, second: float) -> int:
        return self.start_ms + int(second * 1000)

    def stored(self, second: int, *, delay_s: float = 1.5, partition: int = 0, **fields: int) -> None:
        offsets = (second * 10, second * 10 + STEP_S * 10 - 1)
        newest_ms = self.at(second - delay_s)
        self.blocks.append(block(self.at(second), offsets, newest_ms=newest_ms, partition=partition, **fields))

    def refused(self, second: int, rows: int) -> None:
        when = datetime.fromtimestamp(self.at(second) / 1000, UTC)
        told = {"kafka_partition": 0, "kafka_offset": 0, "detail": "", "log": "log"}
        self.refusals.append({"time": when, "reason": "bad_power", "rows": rows, **told})

    def states(self, rule: str, seconds: range) -> list[State]:
        """Write everything and evaluate a rule at some seconds; return the worst state at each."""
        insert_rows(self.client, "ingest_blocks", self.blocks)
        insert_rows(self.client, "rejected_rows", self.refusals)
        preview, found = Preview(asks(self.client), [RULES[rule]]), []
        for second in seconds:
            preview.evaluate(self.at(second))
            now = {instance.state for instance in preview.instances(RULES[rule]).values()}
            found.append(next((state for state in (State.ALERTING, State.PENDING) if state in now), State.NORMAL))
        return found

    def fires(self, rule: str, seconds: range) -> bool:
        return State.ALERTING in self.states(rule, seconds)


@pytest.fixture
def ledger(client: Client) -> Ledger:
    return Ledger(client, (int(time.time()) // 60 * 60 - 2 * HOUR_S) * 1000)


class TestFreshnessLost:
    """Samples are stored late, or not at all."""

    STEPS = range(30, 421, 30)

    def delayed(self, ledger: Ledger, delay_s: Callable[[int, int], float]) -> bool:
        """Store blocks of three partitions every ten seconds, so much after their end."""
        for second in range(0, 420, STEP_S):
            for partition in range(3):
                ledger.stored(second, delay_s=delay_s(second, partition), partition=partition)
        return ledger.fires("freshness_lost", self.STEPS)

    def test_a_pipeline_that_falls_behind_fires(self, ledger):
        assert self.delayed(ledger, lambda second, _: 40 if second > 180 else 1.5)

    def test_a_pipeline_that_falls_behind_for_a_moment_does_not(self, ledger):
        assert not self.delayed(ledger, lambda second, _: 40 if 180 < second <= 210 else 1.5)

    def test_a_recording_that_is_played_again_is_not_late(self, ledger):
        """It was old already when the broker got it."""
        assert not self.delayed(ledger, lambda *_: 5 * HOUR_S)

    def test_a_recording_hides_no_pipeline_that_falls_behind(self, ledger):
        late = {0: 5 * HOUR_S, 1: 40, 2: 40}
        assert self.delayed(ledger, lambda second, partition: late[partition] if second > 180 else 1.5)

    def test_one_partition_of_three_that_falls_behind_does_not(self, ledger):
        """Its hosts are missing from the coverage of their fleets."""
        assert not self.delayed(ledger, lambda _, partition: 40 if partition == 2 else 1.5)

    def test_a_later_limit_of_all_fleets_counts(self, ledger):
        set_budgets(ledger.client, [Budget("north", "train", "nvidia", 1.0, 1, {**DEFAULTS, "freshness_s": 60.0})])

        assert not self.delayed(ledger, lambda second, _: 40 if second > 180 else 1.5)

    def test_a_source_that_tells_once_a_minute_is_no_late_source(self, ledger):
        for second in range(0, 420, 60):
            ledger.stored(second, delay_s=9)

        assert not ledger.fires("freshness_lost", range(150, 421, 30))

    def test_a_pipeline_that_stores_nothing_any_more_fires(self, ledger):
        for second in range(0, 190, STEP_S):
            ledger.stored(second)

        found = dict(zip(self.STEPS, ledger.states("freshness_lost", self.STEPS), strict=True))
        assert found[210] == State.NORMAL
        assert found[330] == State.ALERTING

    def test_no_data_fires(self, ledger):
        """Whoever never stored anything is told, once the rule's time has gone by."""
        found = ledger.states("freshness_lost", range(30, 121, 30))

        assert found == [State.PENDING, State.PENDING, State.ALERTING, State.ALERTING]


class TestLedgerBroken:
    """Blocks of a partition must follow each other."""

    STEPS = range(60, 241, 60)

    @pytest.fixture
    def whole(self, ledger: Ledger) -> Ledger:
        for partition in (0, 1):
            for second in range(0, 60, STEP_S):
                ledger.stored(second, partition=partition)
        return ledger

    def test_blocks_that_follow_each_other_are_well(self, whole):
        assert not whole.fires("ledger_broken", self.STEPS)

    @pytest.mark.parametrize("shift", [1, -1], ids=["gap", "overlap"])
    def test_a_gap_or_an_overlap_fires(self, whole, shift):
        whole.blocks.append(block(whole.at(60), (600 + shift, 699), partition=1))

        assert whole.fires("ledger_broken", self.STEPS)

    @pytest.mark.parametrize(("lost", "fires"), [(4_900, True), (0, False)])
    def test_an_outage_of_four_days_hides_no_gap(self, whole, lost, fires):
        """The first block after it is the only one of its hour."""
        back = 4 * 86_400
        for partition in (0, 1):
            whole.blocks.append(block(whole.at(back), (600 + lost, 699 + lost), partition=partition))

        assert whole.fires("ledger_broken", range(back + 60, back + 241, 60)) == fires

    def test_a_topic_that_was_made_anew_is_no_overlap(self, whole):
        whole.blocks.append(block(whole.at(60), (0, 99), log="another"))

        assert not whole.fires("ledger_broken", self.STEPS)


class TestMessagesLost:
    """Messages that were gone before they were stored."""

    STEPS = range(60, 241, 60)

    def test_the_first_block_after_four_days_fires_at_once(self, ledger):
        ledger.blocks.append(block(ledger.at(-4 * 24 * HOUR_S), (0, 99)))
        ledger.blocks.append(block(ledger.at(30), (100, 5_099), lost=4_900))

        assert ledger.fires("messages_lost", range(60, 61))

    def test_marks_of_transactions_do_not(self, ledger):
        ledger.blocks.append(block(ledger.at(30), (0, 99), messages=50))

        assert not ledger.fires("messages_lost", self.STEPS)

    def test_it_is_no_gap(self, ledger):
        ledger.blocks.append(block(ledger.at(20), (0, 99)))
        ledger.blocks.append(block(ledger.at(30), (100, 5_099), lost=4_900))

        assert not ledger.fires("ledger_broken", self.STEPS)


class TestTopicMadeAnew:
    """A topic that was deleted and created again."""

    def test_a_second_log_fires_at_once(self, ledger):
        ledger.blocks.append(block(ledger.at(20), (0, 99)))
        ledger.blocks.append(block(ledger.at(30), (0, 99), log="another"))

        assert ledger.fires("topic_made_anew", range(60, 61))

    def test_one_log_does_not(self, ledger):
        ledger.blocks.append(block(ledger.at(20), (0, 99)))
        ledger.blocks.append(block(ledger.at(30), (100, 199)))

        assert not ledger.fires("topic_made_anew", range(60, 61))


class TestDiskLow:
    """The disk of this machine, which is neither empty nor full."""

    def disk_is_low(self, ledger: Ledger, *shares: float) -> bool:
        """Evaluate the rule for fleets that want so much of the disk to stay free."""
        budgets = [
            Budget("north", f"fleet-{number}", "nvidia", 1.0, 1, {**DEFAULTS, "free_disk_share": share})
            for number, share in enumerate(shares)
        ]
        set_budgets(ledger.client, budgets)
        return ledger.fires("disk_low", range(60, 421, 60))

    def test_less_than_must_stay_free_fires(self, ledger):
        assert self.disk_is_low(ledger, 1.0)

    def test_more_than_must_stay_free_does_not(self, ledger):
        assert not self.disk_is_low(ledger, 1e-6)

    def test_the_fleet_that_wants_most_counts(self, ledger):
        assert self.disk_is_low(ledger, 1e-6, 1.0, 1e-6)


class TestRefusalsRising:
    """Refused rows of the last five minutes, beside the hour before."""

    STEPS = range(HOUR_S + 60, HOUR_S + 421, 60)

    def arrive(self, ledger: Ledger, refused: Callable[[int], int]) -> None:
        for second in range(0, HOUR_S + 420, 60):
            ledger.stored(second, samples=6_000 - refused(second), rejected=refused(second))
            if refused(second):
                ledger.refused(second, refused(second))

    def test_a_rise_fires(self, ledger):
        self.arrive(ledger, lambda second: 60 if second >= HOUR_S else 0)

        assert ledger.fires("refusals_rising", self.STEPS)

    def test_what_was_always_refused_does_not(self, ledger):
        self.arrive(ledger, lambda _: 60)

        assert not ledger.fires("refusals_rising", self.STEPS)

    def test_a_few_rows_do_not(self, ledger):
        self.arrive(ledger, lambda second: 1 if second >= HOUR_S else 0)

        assert not ledger.fires("refusals_rising", self.STEPS)


class TestDeadLettersLost:
    """Dead letters that could not be written."""

    STEPS = range(60, 241, 60)

    def note(self, ledger: Ledger, *, written: int) -> None:
        what = {"log": "log", "kafka_partition": 0, "kafka_offset": 7, "reason": "bad_power", "rows": 3, "why": "away"}
        when = datetime.fromtimestamp(ledger.at(30) / 1000, UTC)
        insert_rows(ledger.client, "dead_letter_failures", [{"noted_at": when, **what, "written": written}])

    def test_one_that_is_lost_fires(self, ledger):
        self.note(ledger, written=0)

        assert ledger.fires("dead_letters_lost", self.STEPS)

    def test_one_that_was_written_late_does_not(self, ledger):
        self.note(ledger, written=0)
        self.note(ledger, written=1)

        assert not ledger.fires("dead_letters_lost", self.STEPS)

    def test_rejected_rows_alone_do_not(self, ledger):
        ledger.refused(30, 100)

        assert not ledger.fires("dead_letters_lost", self.STEPS)


def test_a_pipeline_that_stalls_loses_freshness_and_no_fleet_its_coverage(client):
    """What is not stored yet is missing at nobody; and what is stored late is no drop."""
    start_ms = (int(time.time()) // 60 * 60 - 700) * 1000
    world = World(client, start_ms, [Pool("north")], stalls=lambda t: min(t, 240) if t < 420 else t)
    set_budgets(client, world.budgets())
    names = ("freshness_lost", "coverage_lost", "power_dropped", "chips_silent", "budget_exceeded")
    preview = Preview(asks(client), [RULES[name] for name in names])

    fired = set()
    for now_ms in world.play(600):
        if now_ms >= start_ms + 150_000:
            fired |= {alert.name for alert in preview.evaluate(now_ms) if alert.firing}

    assert fired == {"freshness_lost"}


def test_nothing_fires_before_anything_was_ever_stored_but_freshness(client):
    """Every query runs on an empty database."""
    now_ms = int(time.time()) // 60 * 60_000
    preview = Preview(asks(client))

    preview.evaluate(now_ms)
    alerts = preview.evaluate(now_ms + 60_000)

    assert {(alert.name, alert.state, alert.summary) for alert in alerts} == {
        ("freshness_lost", "Alerting", "has no data")
    }
