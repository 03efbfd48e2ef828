"""Grafana's semantics, on a rule that is played by hand: a value an evaluation, None where its row is missing."""

import math
from dataclasses import replace
from types import MappingProxyType

import pytest

from dashboards.evaluate import Frame, FrameError, Instances, Labels, State, advance, failed, numbers, results
from dashboards.rule import STEADY, Panel, Rule

A: Labels = (("fleet", "a"),)
B: Labels = (("fleet", "b"),)
NOBODY: Labels = ()
RULE = Rule(
    name="budget_exceeded",
    title="Too much",
    severity="warning",
    group=STEADY,
    summary="{fleet}",
    shown="power_w",
    unit="W",
    panel=Panel("board", 1),
    runbook_panel=1,
    labels=("fleet",),
    fires_above=1.0,
    clears_below=0.9,
    for_s=60,
    keep_firing_s=60,
    no_data="OK",
    on_error="Error",
)
NORMAL, PENDING, ALERTING, RECOVERING = State.NORMAL, State.PENDING, State.ALERTING, State.RECOVERING
NO_DATA, ERROR = State.NO_DATA, State.ERROR
BROKEN, EMPTY = "broken", "empty"
"""In place of a value: the query failed, or returned no row at all."""


def play(rule: Rule, *values: float | str | None, of: Labels = A, others: bool = False) -> list[State | None]:
    """Return the state of an instance after each evaluation, thirty seconds apart; None where it is gone.

    With `others` there is always the row of another instance, so that a missing row is not "no data".
    """
    instances: Instances = MappingProxyType({})
    states = []
    for tick, value in enumerate(values):
        rows = {B: 0.0} if others else {}
        if isinstance(value, float | int):
            rows[A] = value
        found = failed("away") if value == BROKEN else results(rule, {} if value == EMPTY else rows, instances)
        instances = advance(rule, instances, found, tick * 30_000)
        states.append(instances[of].state if of in instances else None)
    return states


def test_an_instance_is_pending_until_its_time_has_gone_by():
    assert play(RULE, 0.5, 1.1, 1.1, 1.1, 1.1) == [NORMAL, PENDING, PENDING, ALERTING, ALERTING]


def test_without_a_time_it_alerts_at_once():
    assert play(replace(RULE, for_s=0), 1.1) == [ALERTING]


def test_pending_ends_at_the_recovery_threshold_and_begins_at_the_first():
    """0.95 is between both: it keeps up what is pending, and begins nothing."""
    assert play(RULE, 0.95, 1.1, 0.95, 0.95) == [NORMAL, PENDING, PENDING, ALERTING]
    assert play(RULE, 1.1, 0.85, 0.95, 1.1) == [PENDING, NORMAL, NORMAL, PENDING]


@pytest.mark.parametrize(("value", "fires"), [(1.0, False), (1.0001, True)])
def test_a_value_at_the_threshold_is_not_above_it(value, fires):
    assert play(replace(RULE, for_s=0), value) == [ALERTING if fires else NORMAL]


def test_an_alert_goes_on_for_as_long_as_it_is_kept():
    kept = replace(RULE, for_s=0)

    assert play(kept, 1.1, 0.5, 0.5, 0.5) == [ALERTING, RECOVERING, RECOVERING, NORMAL]
    assert play(replace(kept, keep_firing_s=0), 1.1, 0.5) == [ALERTING, NORMAL]


def test_what_recovers_alerts_again_at_once_and_only_above_the_first_threshold():
    """Recovering is neither pending nor alerting, and so the recovery threshold is not for it."""
    assert play(RULE, 1.1, 1.1, 1.1, 0.5, 1.1) == [PENDING, PENDING, ALERTING, RECOVERING, ALERTING]
    assert play(RULE, 1.1, 1.1, 1.1, 0.5, 0.95) == [PENDING, PENDING, ALERTING, RECOVERING, RECOVERING]


def test_an_instance_without_its_row_keeps_its_state_for_one_evaluation():
    fast = replace(RULE, for_s=0)

    assert play(fast, 1.1, None, 1.1, others=True) == [ALERTING, ALERTING, ALERTING]
    assert play(fast, 1.1, None, None, others=True) == [ALERTING, ALERTING, None]


@pytest.mark.parametrize(
    ("no_data", "after"),
    [
        ("OK", [ALERTING, RECOVERING, RECOVERING, NORMAL]),
        ("Alerting", [ALERTING, ALERTING, ALERTING, ALERTING]),
        ("KeepLast", [ALERTING, ALERTING, ALERTING, ALERTING]),
        ("NoData", [ALERTING, ALERTING, None, None]),
    ],
)
def test_no_row_at_all_is_what_the_rule_says(no_data, after):
    """With `NoData` it is an instance of its own, and the others go missing."""
    rule = replace(RULE, for_s=0, no_data=no_data)

    assert play(rule, 1.1, EMPTY, EMPTY, EMPTY) == after
    if no_data == "NoData":
        assert play(rule, 1.1, EMPTY, 1.1, of=NOBODY) == [None, NO_DATA, None]


def test_no_row_at_all_alerts_without_ever_having_had_one():
    assert play(replace(RULE, no_data="Alerting"), EMPTY, EMPTY, EMPTY, of=NOBODY) == [PENDING, PENDING, ALERTING]
    assert play(RULE, EMPTY, of=NOBODY) == [NORMAL]


@pytest.mark.parametrize(
    ("on_error", "after"),
    [
        ("OK", [ALERTING, RECOVERING, ALERTING]),
        ("Alerting", [ALERTING, ALERTING, ALERTING]),
        ("KeepLast", [ALERTING, ALERTING, ALERTING]),
        ("Error", [ALERTING, ALERTING, ALERTING]),
    ],
)
def test_an_error_is_what_the_rule_says(on_error, after):
    """With `Error` it is an instance of its own, which is gone as soon as the query runs again."""
    rule = replace(RULE, for_s=0, on_error=on_error)

    assert play(rule, 1.1, BROKEN, 1.1) == after
    if on_error == "Error":
        assert play(rule, 1.1, BROKEN, 1.1, of=NOBODY) == [None, ERROR, None]


def test_what_was_kept_unseen_must_pass_the_first_threshold_again():
    """Grafana takes for loaded only what alerts without a reason beside it."""
    rule = replace(RULE, for_s=0, keep_firing_s=0, no_data="KeepLast")

    assert play(rule, 1.1, 0.95) == [ALERTING, ALERTING]
    assert play(rule, 1.1, EMPTY, 0.95) == [ALERTING, ALERTING, NORMAL]


def test_pending_goes_on_while_the_last_state_is_kept():
    assert play(replace(RULE, no_data="KeepLast"), 1.1, EMPTY, EMPTY) == [PENDING, PENDING, ALERTING]


def test_a_value_that_is_not_known_begins_and_ends_nothing():
    assert play(RULE, math.nan) == [NORMAL]
    assert play(RULE, 1.1, 1.1, math.nan) == [PENDING, PENDING, ALERTING]


def test_a_table_is_a_number_for_each_row():
    frame = Frame(["site", "value", "fleet"], [["n", 1.5, "a"], ["n", None, "b"]])

    found = numbers(frame)
    assert found[("fleet", "a"), ("site", "n")] == 1.5
    assert math.isnan(found[("fleet", "b"), ("site", "n")])
    assert numbers(Frame(["value"], [[3]])) == {(): 3.0}
    assert numbers(Frame(["fleet", "value"], [])) == {}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["a", 1.0], ["a", 2.0]], "two rows"),
        ([["a", "b"]], "no number"),
        ([[1.0, 2.0]], "needs text and one number"),
        ([["a", object()]], "needs text and one number"),
    ],
)
def test_other_tables_are_refused(rows, said):
    with pytest.raises(FrameError, match=said):
        numbers(Frame(["fleet", "value"], rows))
