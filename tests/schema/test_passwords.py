"""A password is made once, and read only from a file of one's own."""

import os
from pathlib import Path

import pytest

from schema.errors import GigawattError
from schema.passwords import password_file, password_of


def test_a_password_is_made_at_the_first_time_and_stays(tmp_path: Path):
    assert password_of(tmp_path) == password_of(tmp_path)
    assert password_file(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make):
    make(password_file(tmp_path))

    with pytest.raises(GigawattError, match=r"not a file|Is a directory"):
        password_of(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path):
    password_file(tmp_path).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("of somebody else")

    with pytest.raises(GigawattError, match="cannot store a password"):
        password_of(tmp_path)
