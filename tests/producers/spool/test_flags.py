import click
import pytest

from producers.spool.bounds import Bounds
from producers.spool.flags import Duration, Size, wanted


@pytest.mark.parametrize(
    ("text", "size"),
    [("512M", 2**29), ("4MiB", 2**22), ("2g", 2**31), ("1 GB", 2**30), ("8388608", 2**23), ("1T", 2**40)],
)
def test_a_size_is_read(text, size):
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "M", "-5M", "1.5G", "512X", "3M", "9" * 40, "1_000M", "\u0665M"])
def test_what_is_no_size_or_too_small_is_refused(text):
    with pytest.raises(click.BadParameter):
        Size().convert(text, None, None)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("30m", 1800.0), ("72h", 259_200.0), ("1.5d", 129_600.0)])
def test_a_time_is_read(text, seconds):
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "72", "h", "-1h", "59s", "1w", "infd", "nan s", "9" * 40 + "h"])
def test_what_is_no_time_or_too_short_is_refused(text):
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_without_a_directory_there_is_no_spool(tmp_path):
    assert wanted(None, 2**29, 60.0) is None
    assert wanted(tmp_path, 2**29, 60.0).bounds == Bounds(2**29, 60.0)
