import os
from pathlib import Path

import pytest

from local.childlog import ChildLog


def test_the_tail_is_the_last_lines_that_say_something(tmp_path: Path):
    """Empty lines do not count, and bytes that are no UTF-8 do no harm."""
    log = ChildLog(tmp_path / "child.log")
    log.path.write_bytes(b"one\ntwo\n\n  three \xff\n\n")

    assert log.tail(2) == ["two", "three \N{REPLACEMENT CHARACTER}"]
    assert log.tail(9) == ["one", "two", "three \N{REPLACEMENT CHARACTER}"]


def test_a_log_that_grows_is_cut_while_its_writer_goes_on(tmp_path: Path):
    """The older part moves beside it, and the next line is the first of the new."""
    log = ChildLog(tmp_path / "child.log", bytes_max=10)
    writer = log.open()
    os.write(writer, b"a long first line\n")

    log.keep_bounded()
    os.write(writer, b"next\n")
    log.keep_bounded()
    os.close(writer)

    assert log.older.read_bytes() == b"a long first line\n"
    assert log.path.read_bytes() == b"next\n"


def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path: Path):
    (tmp_path / "child.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        ChildLog(tmp_path / "child.log").open()
    assert not (tmp_path / "elsewhere").exists()
