"""`gigawatt bench`: what is wrong is told before anything is measured."""

import pytest

from tests.gigawatt.running import gigawatt


@pytest.mark.parametrize("what", [(), ("--panels",), ("--attacks",), ("--produce", "simulated")])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path, what):
    done = gigawatt("bench", *what, "--json", str(tmp_path / "none" / "figures.json"))

    assert done.returncode == 1
    assert done.stderr == (
        f"gigawatt: cannot write {tmp_path}/none/figures.json (No such file or directory): name another with --json\n"
    )
