"""Attacks are kept up for real, and what they did is measured against the bounds."""

import dataclasses
import json

import pytest

from bench.attacks.attack import Attack, Target
from bench.attacks.measure import AttackResult, attack_table, measure_attacks
from bench.attacks.running import ATTACKS, under_way
from schema.errors import GigawattError
from tests.gigawatt.running import gigawatt as run

CALM = AttackResult(
    name="calm",
    what="nothing at all",
    seconds=60.0,
    usual_age_s=2.3,
    median_age_s=2.0,
    age_s=2.6,
    age_after_s=2.2,
    unanswered=0,
    memory_mb={"store": 500.0, "worker": 210.0, "up": 160.0, "broker": 220.0},
    usual_mb={"store": 450.0, "worker": 200.0, "up": 160.0, "broker": 220.0},
    cores={"store": 0.3, "worker": 0.1, "up": 0.0, "broker": 0.1, "attacker": 0.1, "other work": 0.0},
)


def test_an_attack_is_kept_up_on_a_stack_of_its_own():
    so_far, said = [], []

    (result,) = measure_attacks(
        [ATTACKS["unfolding"]], 3.0, said.append, lambda done: so_far.append(len(done)), chips=500, warm_up_s=1.0,
        usual_s=3.0, normal_after_s=0.0, looks_after_s=1.0,
    )  # fmt: skip

    assert so_far == [1]
    assert result.usual_age_s > 0
    assert result.age_s >= result.median_age_s > 0
    assert all(result.memory_mb[role] > 0 for role in ("store", "worker", "up", "broker", "producer"))
    assert result.cores["attacker"] > 0
    assert json.dumps(result.as_json())
    assert any("unfolding" in line for line in said)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, []),
        ({"age_s": 5.1}, ["age 5.1 s"]),
        ({"age_after_s": 3.4}, ["age 3.4 s after it"]),
        ({"memory_mb": CALM.memory_mb | {"worker": 410.0}}, ["memory of worker x2.0"]),
        ({"cores": CALM.cores | {"broker": -0.1}}, ["broker was restarted"]),
    ],
    ids=["calm", "old", "not normal after it", "large", "crashed"],
)
def test_a_bound_that_does_not_hold_is_named(change, broken):
    result = dataclasses.replace(CALM, **change)

    assert result.broken == broken
    assert attack_table([result])[2][-1] == (", ".join(broken) or "holds")


def test_an_attack_on_nobody_does_not_begin():
    target = Target("127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1")
    nobody_there = Attack("endless", "nobody answers", ATTACKS["endless"].prepare)

    with pytest.raises(GigawattError, match="did not start"), under_way(nobody_there, target):
        pass


def test_an_unknown_attack_is_named():
    done = run("bench", "--attacks", "sleeps,kindness")

    assert done.returncode == 2
    assert "kindness" in done.stderr
