"""Whose CPU time is whose is told by command lines."""

import subprocess
import sys

import pytest

from bench.processes import costs, of_role, role_of


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["python", "-m", "gigawatt", "produce", "simulated"], "producer"),
        (["/x/.venv/bin/python", "-m", "gigawatt", "worker", "--name", "one"], "worker"),
        (["python", "-m", "local.clickhouse", "--port", "1"], "store"),
        (["java", "-Xmx256m", "kafka.Kafka", "server.properties"], "broker"),
        (["/x/bin/tansu", "broker"], "broker"),
        (["python", "-m", "bench.connections", "--to", "127.0.0.1:1"], "producer"),
        (["python", "-I", "-S", "/x/producers/child.py", "7", "python", "-m", "gigawatt", "worker"], None),
        (["python", "-m", "gigawatt", "up"], None),
        (["python", "-m", "gigawatt", "up", "--workers", "1"], None),
    ],
)
def test_role(command, role):
    assert role_of(command) == role


def test_a_process_that_is_no_part_of_the_path_costs_nothing():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        found = costs([other.pid])
        other.communicate(b"\n")

    assert all(cost.cpu_s == 0 for cost in found.values())


def test_what_is_no_part_of_the_path_may_have_a_role_of_its_own():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        found = costs([other.pid], others="other")
        other.communicate(b"\n")

    assert found["other"].memory_mb > 0
    assert found["worker"].memory_mb == 0


def test_processes_of_a_role_are_found():
    command = [sys.executable, "-c", "input()", "gigawatt", "worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as worker:
        found = of_role([worker.pid], "worker"), of_role([worker.pid], "store")
        worker.communicate(b"\n")

    assert [process.pid for process in found[0]] == [worker.pid]
    assert found[1] == []
