"""What is checked in passes the check, on an empty database and on one with samples of every kind."""

import re
import subprocess
import sys
import time

import pytest

from dashboards.check import files
from dashboards.check.asked import checked_in
from dashboards.check.run import check
from schema.clickhouse import connect
from schema.fleet import Budget
from schema.migrate import set_budgets
from tests.batches import batch

SECONDS = 150


def chips(at_s: int, platform: str, model: str, method: str, **more):
    """Two chips of a fleet, every second up to this one."""
    names = [f"{model}/{chip}" for chip in range(2)] * SECONDS
    return batch(
        ts=[(at_s - SECONDS + 1 + index // 2) * 1000 for index in range(2 * SECONDS)],
        site="north" if platform == "nvidia" else "it's south",
        platform=platform,
        model=model,
        host=f"{model}-0",
        chip=names,
        power_method=method,
        **more,
    )


def seed(client, stored):
    at_s = int(time.time()) - 5
    set_budgets(client, [Budget("north", "train", "nvidia", 1.1e3, 2), Budget("it's south", "train", "tpu", 900.0, 3)])
    set_budgets(client, [Budget("north", "train", "nvidia", 1.2e3, 2), Budget("it's south", "train", "tpu", 900.0, 3)])
    watts = [100.0 * (index % 7) + index % 2 for index in range(2 * SECONDS)]
    stored(
        chips(at_s, "nvidia", "h100-sxm", "counter", power_w=watts, utilization=[0.9, 0.01] * SECONDS,
              tensor_utilization=0.3, throttle=[0, 3] * SECONDS, temperature_c=71.5, job="a job", power_error_w=1.0,
              memory_used_bytes=2**33, memory_total_bytes=2**36),
        chips(at_s - 60, "tpu", "tpu-v7", "model", power_w=300.0, power_error_w=60.0, utilization=0.5),
        chips(at_s, "nvidia", "host-meter", "meter", power_w=1500.0),
        batch(ts=at_s * 1000, platform="trainium", model="trn2", interval_ms=60_000, power_method="percent"),
        batch(ts=at_s * 1000, platform="amd", model="mi300x", power_w=None, power_method=None),
    )  # fmt: skip
    client.command(
        "INSERT INTO rejected_rows (time, reason, rows, kafka_partition, kafka_offset, detail, log)"
        " SELECT now64(3), 'bad_power', 3, 1, 7, 'power_w 1e9', 'log'"
    )


@pytest.mark.parametrize("file", sorted({one.file for one in checked_in()}))
def test_every_query_does_with_samples_of_every_kind(engine, client, stored, file):
    seed(client, stored)

    reader = connect(engine.url.replace("http://", "http://grafana@"))
    mine = [one for one in checked_in() if one.file == file]
    done = check(mine, reader, now_ms=int(time.time() * 1000), slow_ms=10_000)
    reader.close()

    assert "\n".join(map(str, done.problems)) == ""


def test_every_query_does_with_an_empty_database(engine, client):  # noqa: ARG001  it makes the database
    """However slow the machine is; off a terminal it says now and then how far it is."""
    command = [sys.executable, "-m", "gigawatt", "dashboards", "check", "--clickhouse", engine.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)

    *problems, last = done.stdout.splitlines()
    assert "\n".join(problems) == ""
    assert last.startswith(f"{len(checked_in())} queries in ")
    assert "no problems" in last
    assert done.returncode == 0
    assert all(re.match(rf"\d+ of {len(checked_in())}: (json|alerting)/", line) for line in done.stderr.splitlines())


def test_a_grafana_would_show_all_of_it():
    """The panels, rules and provisioning files that are checked in, without a Grafana."""
    assert "\n".join(map(str, files.problems())) == ""


def test_the_command_says_that_there_is_no_schema(engine):
    engine.empty_client().close()

    command = [sys.executable, "-m", "gigawatt", "dashboards", "check", "--clickhouse", engine.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "gigawatt migrate" in done.stderr
    assert len(done.stderr.splitlines()) == 1
