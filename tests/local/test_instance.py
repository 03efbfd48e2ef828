import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.instance import only_one
from schema.errors import GigawattError

HOLD = """
import sys, time
from pathlib import Path
from local.instance import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_instance_is_told_of_the_first(tmp_path: Path):
    """The line names the directory and the process."""
    with only_one(tmp_path), pytest.raises(GigawattError) as caught, only_one(tmp_path):
        pass

    said = f"gigawatt up is already running on {tmp_path} (pid {os.getpid()})"
    assert str(caught.value).startswith(said)


def test_another_directory_is_another_matter(tmp_path: Path):
    """Two stacks may run side by side."""
    with only_one(tmp_path / "one"), only_one(tmp_path / "two"):
        pass


def test_a_killed_instance_holds_nothing(tmp_path: Path):
    """The lock goes with the process, however it ended."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(GigawattError, match=f"pid {process.pid}"), only_one(tmp_path):
            pass
        process.kill()

    with only_one(tmp_path):
        pass
