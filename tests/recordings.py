"""Where recordings of real machines lie: beside the checkout, where there are any. They are other people's."""

from pathlib import Path

import pytest

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"

with_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings of real machines are not beside this checkout"
)
"""Marks a test that reads them."""
