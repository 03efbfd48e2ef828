"""Costs are fitted as terms, none of them negative."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.plan.costs import Rates, Size, Terms, costs_of, fitted
from schema.errors import GigawattError
from tests.bench.runs import TERMS, run, runs


def test_the_terms_behind_runs_are_found():
    costs = costs_of(runs())

    for role, terms in TERMS.items():
        assert costs.cores[role] == pytest.approx(terms, rel=1e-6, abs=1e-9)
    assert costs.wire == pytest.approx(Size(28.0, 100.0, 268.0))
    assert costs.disk == pytest.approx(Size(4.3, 0.0, 0.0), abs=1e-6)


def test_terms_add_up():
    assert Terms(1.0, 0.1, 0.01, 0.001, 0.0001).cores(Rates(2, 10, 100, 1000)) == pytest.approx(1.5)
    assert Size(28.0, 100.0, 268.0).bytes(8) == 74


@given(st.lists(st.lists(st.floats(0.1, 1e6), min_size=3, max_size=3), min_size=3, max_size=8), st.data())
@settings(max_examples=50)
def test_no_term_is_negative_whatever_was_measured(known, data):
    """A term below zero would make a large fleet cheaper than a small one."""
    wanted = data.draw(st.lists(st.floats(1e-3, 1e3), min_size=len(known), max_size=len(known)))

    found = fitted(np.array(known), np.array(wanted))

    assert min(found) >= 0
    error = ((np.array(known) @ found / wanted - 1) ** 2).sum()
    assert error <= len(known)  # never worse than to say nothing


def test_a_run_that_fell_behind_says_nothing():
    slow = run(50_000, 8, 1, 1, 1, behind_samples=500_000, cores=dict.fromkeys(TERMS, 5.0))

    assert costs_of([*runs(), slow]) == costs_of(runs())


@pytest.mark.parametrize("few", [runs()[:2], [run(chips, 8, 1, 1, 1) for chips in (1_000, 2_000, 3_000)]])
def test_too_few_runs_say_nothing(few):
    with pytest.raises(GigawattError, match="one shape, or are fewer than three"):
        costs_of(few)
