"""The fuzzers' own time: they end when it is over, and what fails is made small and told with its seed."""

import pytest
from hypothesis import strategies as st

from tests.fuzz.timed import FIRST_SEED, MADE_SMALLER_FOR_S, Fuzzer


class Clock:
    """Stands still but for what a check takes."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_fuzzer_ends_when_its_time_is_over(capsys):
    clock = Clock()

    def sound(_: int) -> None:
        clock.now_s += 0.125

    fuzzer = Fuzzer(sound, seconds=50, now_s=clock)
    fuzzer.run(st.integers())

    assert fuzzer.examples == 401  # more than a round; the last one begins as the time ends
    assert "sound: 401 examples in 50 s (8 a second)" in capsys.readouterr().out


def test_the_smallest_failing_example_is_the_last_and_its_seed_is_told(capsys):
    tried = []

    def at_most(number: int) -> None:
        tried.append(number)
        assert number <= 1_000

    with pytest.raises(AssertionError):
        Fuzzer(at_most, seconds=20, now_s=Clock()).run(st.integers(0, 10**6))

    assert tried[-1] == 1_001
    assert f"at_most: seed {FIRST_SEED} fails; again with GIGAWATT_FUZZ_SEED={FIRST_SEED}" in capsys.readouterr().out


def test_what_fails_is_still_told_when_making_it_smaller_takes_too_long():
    """Nothing else is tried then, and Hypothesis does not call the check unreliable."""
    clock, failed_s = Clock(), []

    def slow(text: str) -> None:
        clock.now_s += MADE_SMALLER_FOR_S / 6
        if len(text) >= 3:
            failed_s.append(clock.now_s)
            raise AssertionError("too long")

    with pytest.raises(AssertionError, match="too long"):
        Fuzzer(slow, seconds=100 * MADE_SMALLER_FOR_S, now_s=clock).run(st.text(min_size=0, max_size=500))

    assert failed_s[-1] > failed_s[0] + MADE_SMALLER_FOR_S
