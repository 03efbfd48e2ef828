import os
import pwd
from pathlib import Path

import pytest

from schema.home import home


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_a_home_that_is_not_named_is_that_of_the_users_entry(environ):
    """A service has none in its environment, and a directory that is relative is wherever it was started."""
    assert home(environ) == Path(pwd.getpwuid(os.geteuid()).pw_dir)


def test_a_home_that_is_named_is_taken():
    assert home({"HOME": "/somebody"}) == Path("/somebody")
