"""The fuzzers' own clock: they end in time, and what fails is made small and told with its seed."""

import time

import pytest
from hypothesis import strategies as st

from tests.fuzz.timed import FIRST_SEED, Fuzzer


def test_a_fuzzer_ends_when_its_time_is_over(capsys):
    def sound(number: int) -> None:
        time.sleep(0.001 * (number % 3))

    began = time.monotonic()
    fuzzer = Fuzzer(sound, seconds=0.5)
    fuzzer.run(st.integers())

    assert 0.5 <= time.monotonic() - began < 5
    assert f"sound: {fuzzer.examples:,} examples" in capsys.readouterr().out


def test_the_smallest_failing_example_is_the_last_and_its_seed_is_told(capsys):
    tried = []

    def at_most(number: int) -> None:
        tried.append(number)
        assert number <= 1_000

    with pytest.raises(AssertionError):
        Fuzzer(at_most, seconds=20).run(st.integers(0, 10**6))

    assert tried[-1] == 1_001
    assert f"at_most: seed {FIRST_SEED} fails; again with GIGAWATT_FUZZ_SEED={FIRST_SEED}" in capsys.readouterr().out


def test_what_fails_is_still_told_when_making_it_smaller_takes_too_long(monkeypatch):
    """Nothing else is tried then, and Hypothesis does not call the check unreliable."""
    monkeypatch.setattr("tests.fuzz.timed._MADE_SMALLER_FOR_S", 0.3)

    def slow(text: str) -> None:
        time.sleep(0.05)
        assert len(text) < 3, "too long"

    with pytest.raises(AssertionError, match="too long"):
        Fuzzer(slow, seconds=20).run(st.text(min_size=0, max_size=500))
