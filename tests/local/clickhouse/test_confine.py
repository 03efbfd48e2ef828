"""What a process gives up, tried in a process that may go with it."""

import json
import subprocess
import sys
import textwrap

import pytest

TRIED = """
    import json, os, socket, subprocess, sys, threading
    from pathlib import Path
    from local.clickhouse.confine import confine

    inside, told, secret = map(Path, sys.argv[1:])

    def able(act):
        try:
            act()
        except OSError:
            return False
        return True

    def look():
        return {
            "read secret": able(secret.read_text),
            "write beside it": able(lambda: secret.with_name("new").write_text("x")),
            "list its folder": able(lambda: os.listdir(secret.parent)),
            "read a way around": able((inside / "link").read_text),
            "read environment": able(Path("/proc/self/environ").read_bytes),
            "open a socket": able(lambda: socket.socket().close()),
            "open a unix socket": able(lambda: socket.socket(socket.AF_UNIX).close()),
            "start a program": able(lambda: subprocess.run([sys.executable, "-c", ""], check=True)),
            "write inside": able(lambda: (inside / "x").write_text("x")),
            "move inside": able(lambda: (inside / "x").rename(inside / "folder" / "x")),
            "read what it is told": able(told.read_text),
            "talk to itself": able(lambda: [end.close() for end in socket.socketpair()]),
            "read random bytes": able(lambda: Path("/dev/urandom").open("rb").read(1)),
        }

    (inside / "folder").mkdir()
    (inside / "link").symlink_to(secret)
    before = look()
    why = confine([inside], [told])
    later = {}
    born = threading.Thread(target=lambda: later.update(look()))
    born.start()
    born.join()
    print(json.dumps([why, before, look(), later]))
"""
KEPT = {"write inside", "move inside", "read what it is told", "talk to itself", "read random bytes"}


@pytest.fixture
def seen(tmp_path):
    """Confine a process; give why it could not be, and what it was able to do before, after, and in a new thread."""
    inside, told, secret = tmp_path / "inside", tmp_path / "told", tmp_path / "secret"
    inside.mkdir()
    told.write_text("x")
    secret.write_text("x")
    command = [sys.executable, "-c", textwrap.dedent(TRIED), str(inside), str(told), str(secret)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_confined_process_keeps_its_folder_and_nothing_else(seen):
    """Files beside it, the network, programs and the process's own environment are out of reach, in every thread."""
    why, before, after, later = seen
    if why:
        pytest.skip(f"this system cannot confine a process: {why}")

    assert all(before.values())
    assert {what for what, able in after.items() if able} == KEPT
    assert later == after
