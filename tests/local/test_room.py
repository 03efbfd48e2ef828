import asyncio
import sys

import pytest

from local import room
from local.supervisor import Child, GivenUpError, Happened, Patience, Supervisor
from schema.errors import EXIT_NOT_AGAIN


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (None, ""),
        (2 * 10**9, ""),
        (1_900_000_000, "low disk space: 1.9 GB are left for /state, and nothing is stored below 256 MB"),
        (5_000_000, "the disk is full: free some space; 5 MB are left for /state, and nothing is stored below 256 MB"),
    ],
)
def test_the_operator_is_told_that_the_disk_runs_out(free, said):
    """Before it does, and in other words when it has."""
    assert room.low(free, "/state") == said


@pytest.mark.parametrize(("free", "kept"), [(None, 1000), (10**6, 1000), (5_000, 500), (100, 192)])
def test_the_topic_takes_a_tenth_of_a_small_disk(free, kept):
    """And never less than its segments need."""
    assert room.log_bytes(1000, 192, free) == kept


def test_a_child_that_ends_for_want_of_room_is_told_so(tmp_path):
    """Whatever its last line says: a traceback's is no help."""
    code = "import sys; sys.stderr.write('OSError: [Errno 28] No space left on device\\nshutting down\\n'); sys.exit(1)"
    told = []

    async def run():
        async with Supervisor(tmp_path / "logs", on_event=told.append, patience=Patience(crashes=1)) as supervisor:
            await supervisor.start(Child("broker", (sys.executable, "-c", code), is_ready=lambda: False))

    with pytest.raises(GivenUpError, match=r"the disk is full: free some space \(the disk of .*\)"):
        asyncio.run(run())
    assert any("the disk is full" in event.line for event in told if event.happened is Happened.CRASHED)


def test_a_child_that_would_fail_again_is_given_up_at_once(tmp_path):
    """In its own last words, without five tries."""
    code = f"import sys; sys.stderr.write('its files are damaged\\n'); sys.exit({EXIT_NOT_AGAIN})"

    async def run():
        async with Supervisor(tmp_path / "logs") as supervisor:
            await supervisor.start(Child("clickhouse", (sys.executable, "-c", code), is_ready=lambda: False))

    with pytest.raises(GivenUpError, match=r"^its files are damaged; see .*clickhouse\.log$"):
        asyncio.run(run())
