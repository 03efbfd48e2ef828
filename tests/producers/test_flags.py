import click
import pytest

from producers.flags import SECONDS, FiniteRange


@pytest.mark.parametrize("text", ["nan", "-nan", "NaN", "inf", "-inf", "1e999"])
@pytest.mark.parametrize("bounds", [{}, {"min": 0, "max": 1}, {"min": 0, "min_open": True}])
def test_what_is_no_finite_number_is_refused(text, bounds):
    """All comparisons with nan are false, and so no bound keeps it out."""
    with pytest.raises(click.BadParameter, match="is not"):
        FiniteRange(**bounds).convert(text, None, None)


def test_a_number_in_its_bounds_is_taken():
    """What is outside is refused as ever."""
    assert FiniteRange(0, 1).convert("0.25", None, None) == 0.25
    for text in ("2", "x", ""):
        with pytest.raises(click.BadParameter):
            FiniteRange(0, 1).convert(text, None, None)


def test_seconds_have_an_end():
    """A socket that is to wait for 1e300 s raises what no read is expected to."""
    assert SECONDS.convert("3600", None, None) == 3600
    for text in ("0", "-1", "1e300"):
        with pytest.raises(click.BadParameter):
            SECONDS.convert(text, None, None)
