"""Freed arrays are used again instead of being given back to the kernel; a lean process loads no more than it uses."""

import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys, threading
import numpy as np
from gigawatt.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def work():
    for _ in range(20):
        np.ones(8_000_000)  # beyond what malloc learns to keep by itself

def faults():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

before = faults()
print(faults() - before)
"""


def page_faults(mode: str) -> int:
    command = [sys.executable, "-c", COUNT_FAULTS, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be told")
def test_kept_memory_is_not_faulted_in_again():
    assert page_faults("keep") * 10 < page_faults("default")


LOAD = """
import os, sys
from gigawatt.memory import load_lean

load_lean()
import pyarrow, structlog
from producers.batches import build

build(2, {"ts": 1, "chip": ["a", "b"], "power_w": [1.0, None]})
structlog.dev.ConsoleRenderer()
print(*sorted({"pandas", "rich"} & set(sys.modules)), pyarrow.default_memory_pool().backend_name)
import pandas, rich
print("importable")
"""


def test_a_lean_process_does_without_what_its_libraries_would_load():
    """Whoever needs it can import it all the same."""
    ran = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines() == ["system", "importable"]


def test_loading_lean_twice_is_no_error():
    """A help page of all sources does it for each."""
    script = "from gigawatt.memory import load_lean; load_lean(); load_lean()"

    assert subprocess.run([sys.executable, "-c", script], check=True).returncode == 0


def test_what_was_loaded_before_is_no_work_for_the_garbage_collector():
    """What comes after it is."""
    script = (
        "import gc; from gigawatt.memory import pass_over_loaded; pass_over_loaded();"
        " print(gc.get_freeze_count(), len(gc.get_objects()))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    frozen, watched = map(int, ran.stdout.split())

    assert frozen > 10 * watched
