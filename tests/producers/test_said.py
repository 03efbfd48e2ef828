import pytest

from producers.said import reason_of
from producers.source import SourceError
from schema.said import Reasons


def test_a_reason_is_new_once_until_a_success():
    """Another one is new beside it."""
    reasons = Reasons()

    assert [reasons.is_new(reason) for reason in ("down", "slow", "down")] == [True, True, False]
    assert reasons.any()
    assert reasons.clear()
    assert not reasons.any()
    assert not reasons.clear()
    assert reasons.is_new("down")


def test_reasons_that_never_repeat_do_not_fill_the_log():
    """A library that names the time in its errors is said twenty times."""
    reasons = Reasons()

    assert sum(reasons.is_new(f"failed at {second}") for second in range(86_400)) == 20


def test_an_error_of_ours_is_its_own_line():
    """It tells what to do next already."""
    assert reason_of(SourceError("no driver: install it")) == "no driver: install it"


def test_any_other_is_one_line_with_its_kind_and_place():
    """However long its message is, and even if it has none."""
    with pytest.raises(KeyError) as raised:
        {}["first\nsecond"]

    assert reason_of(raised.value).startswith(r"unexpected KeyError: 'first\nsecond' (test_said.py:")
    assert reason_of(ValueError("one\ntwo")) == "unexpected ValueError: one"
    assert reason_of(ValueError()) == "unexpected ValueError: no message"
