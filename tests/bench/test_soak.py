"""A soak is minutes of one load, and says what did not stay as it was."""

import dataclasses
import json

import pytest

from bench.interval import Interval
from bench.load import Load
from bench.soak import SoakResult, soak, soak_table

ROLES = ("producer", "broker", "worker", "store")


def minute(cost: float, memory_mb: float) -> Interval:
    return Interval(60.0, 60_000, 7_500, dict.fromkeys((*ROLES, "total"), cost), {}, dict.fromkeys(ROLES, memory_mb))


def result(costs: list[float], memory: list[float], audit_holds: bool = True) -> SoakResult:
    minutes = [minute(cost, held) for cost, held in zip(costs, memory, strict=True)]
    return SoakResult(Load(1_000), minutes, ["holds"], audit_holds)


@pytest.mark.parametrize(
    ("costs", "memory", "broken"),
    [
        ([5.0] * 9, [200.0] * 9, []),
        ([5.0, 9.0, 5.0, 5.2, 5.1, 5.0, 5.3, 8.0, 5.4], [200.0, 205, 203, 210, 209, 212, 215, 214, 216], []),
        ([5.0] * 6 + [5.6] * 3, [200.0] * 9, ["cost changed by +12%"]),
        ([5.0] * 6 + [4.0] * 3, [200.0] * 9, ["cost changed by -20%"]),
        ([5.0] * 9, [200.0] * 6 + [240.0] * 3, [f"memory of {role} grew by 20%" for role in ROLES]),
        ([5.0] * 9, [200.0] * 6 + [100.0] * 3, []),
    ],
    ids=["flat", "noise", "dearer", "cheaper", "larger", "smaller"],
)
def test_what_changed_is_named(costs, memory, broken):
    assert result(costs, memory).broken == broken


def test_a_failing_audit_breaks_a_soak():
    assert result([5.0] * 3, [200.0] * 3, audit_holds=False).broken == ["the audit failed"]


def test_a_soak_runs_minute_by_minute_and_is_audited():
    said = []

    done = soak(Load(200, seconds=1.0, warm_up_s=1.0), 3, said.append, minute_s=3.0)

    assert next(line for line in said if line.startswith("minute")).startswith("minute 1 of 3")
    assert len(done.minutes) == 3
    assert all(one.samples > 0 and one.cpu_us_per_sample["total"] > 0 for one in done.minutes)
    assert done.audit_holds, done.audit
    assert sum(line.startswith("holds") for line in done.audit) == 3
    assert len(soak_table(done)) == 4
    assert json.dumps(done.as_json())
    assert dataclasses.asdict(done)["load"]["chips"] == 200
