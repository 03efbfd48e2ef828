"""The command line as a whole."""

import pytest

from tests.gigawatt.running import gigawatt


@pytest.mark.parametrize("value", ["many", "0"])
def test_a_setting_that_cannot_be_is_one_line(monkeypatch, value):
    """A wrong environment variable is named with its value, without a traceback."""
    monkeypatch.setenv("GIGAWATT_PARTITIONS", value)
    done = gigawatt("status")

    assert done.returncode == 1
    assert done.stderr.startswith(
        f"gigawatt: GIGAWATT_PARTITIONS={value} is not valid; write a whole number of at least 1"
    )
    assert len(done.stderr.splitlines()) == 1
