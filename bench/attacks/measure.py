"""Each attack in turn on one stack with a simulated fleet: what it did to freshness and memory, and for how long."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.attacks.attack import Attack, Target
from bench.attacks.running import under_way
from bench.attacks.watching import EVERY_S, Watch, watching
from bench.processes import busy_s
from bench.stack import stack, wait_for_samples
from schema.clickhouse import connect

CHIPS: Final = 5_000
AGE_S: Final = 5.0
"""Samples stay younger than this, whatever is under way,"""
TIMES_USUAL: Final = 2.0
"""each process takes less than so many times its usual memory,"""
NORMAL_AFTER_S: Final = 5.0
"""and samples are as young as before so long after the end,"""
AS_BEFORE_S: Final = 1.0
"""give or take this."""

_WARM_UP_S: Final = 40.0
_USUAL_S: Final = 15.0
_LOOKS_AFTER_S: Final = 5.0
_CALM_WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class AttackResult:
    """What one attack did. Ages are in seconds; memory is the most of each role, its usual one and how many times."""

    name: str
    what: str
    seconds: float
    usual_age_s: float
    median_age_s: float
    age_s: float
    age_after_s: float
    unanswered: int
    memory_mb: dict[str, float]
    usual_mb: dict[str, float]
    cores: dict[str, float]

    @property
    def times_usual(self) -> dict[str, float]:
        """How many times its usual memory each role had."""
        return {role: most / self.usual_mb[role] for role, most in self.memory_mb.items() if self.usual_mb.get(role)}

    @property
    def broken(self) -> list[str]:
        """Which bounds do not hold."""
        checks = [
            (f"age {self.age_s:.1f} s", self.age_s < AGE_S),
            (f"age {self.age_after_s:.1f} s after it", self.age_after_s <= self.usual_age_s + AS_BEFORE_S),
            *((f"memory of {role} x{times:.1f}", times < TIMES_USUAL) for role, times in self.times_usual.items()),
            *((f"{role} was restarted", used >= 0) for role, used in self.cores.items()),
        ]
        return [what for what, holds in checks if not holds]

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self) | {"broken": self.broken}


def measure_attacks(
    attacks: Sequence[Attack],
    seconds: float,
    said: Callable[[str], None] = lambda _: None,
    done: Callable[[list[AttackResult]], None] = lambda _: None,
    *,
    chips: int = CHIPS,
    warm_up_s: float = _WARM_UP_S,
    usual_s: float = _USUAL_S,
    normal_after_s: float = NORMAL_AFTER_S,
    looks_after_s: float = _LOOKS_AFTER_S,
) -> list[AttackResult]:
    """Run a stack and a fleet, and each attack on them for `seconds`. `done` gets what is measured so far.

    What is usual is measured for `usual_s` before all of them; what is normal again, `normal_after_s` after each, for
    `looks_after_s`.
    """
    results: list[AttackResult] = []
    with stack(1, said) as running:
        # So many messages a second that every partition has some.
        running.produce("simulated", "--chips", str(chips), "--batch", "64")
        with connect(running.clickhouse) as client:
            wait_for_samples(client)
        said(f"{chips:,} chips: warming up for {warm_up_s:.0f} s")
        time.sleep(warm_up_s)
        target = Target(running.kafka, running.clickhouse, running.page)
        with watching(running.clickhouse, running.pids) as watch:
            began = time.monotonic()
            time.sleep(usual_s)
            while not watch.looks:  # a busy machine
                time.sleep(EVERY_S)
            usual_mb, usual_age_s = watch.memory_mb(began, time.monotonic()), max(watch.ages(began, time.monotonic()))
            for attack in attacks:
                if results:
                    _wait_for_calm(watch, usual_age_s)
                said(f"{attack.name}: {attack.what}, for {seconds:.0f} s")
                usual, after = (usual_mb, usual_age_s), (normal_after_s, looks_after_s)
                results.append(_measured(attack, target, seconds, watch, usual, after=after))
                said(f"{attack.name}: {', '.join(results[-1].broken) or 'holds'}")
                done(results)
    return results


def _measured(
    attack: Attack,
    target: Target,
    seconds: float,
    watch: Watch,
    usual: tuple[dict[str, float], float],
    *,
    after: tuple[float, float],
) -> AttackResult:
    usual_mb, usual_s = usual
    with under_way(attack, target) as attacker:
        began, busy = time.monotonic(), busy_s()
        time.sleep(seconds)
        ended, attackers, busy = time.monotonic(), sum(attacker.cpu_times()[:2]), busy_s() - busy
    normal_after_s, looks_after_s = after
    time.sleep(normal_after_s)
    normal = time.monotonic()
    time.sleep(looks_after_s)
    over = time.monotonic()
    during = watch.ages(began, ended) or [over - began]
    cores = {**watch.cores(began, ended), "attacker": attackers / (ended - began)}
    return AttackResult(
        name=attack.name,
        what=attack.what,
        seconds=round(ended - began, 1),
        usual_age_s=usual_s,
        median_age_s=statistics.median(during),
        age_s=max([*during, *watch.ages(ended, normal)]),
        age_after_s=max(watch.ages(normal, over), default=over - began),
        unanswered=watch.unanswered(began, ended),
        memory_mb=watch.memory_mb(began, over),
        usual_mb=usual_mb,
        cores={**cores, "other work": max(0.0, busy / (ended - began) - sum(cores.values()))},
    )


def _wait_for_calm(watch: Watch, usual_s: float) -> None:
    deadline = time.monotonic() + _CALM_WITHIN_S
    while time.monotonic() < deadline:
        time.sleep(_LOOKS_AFTER_S)
        now = time.monotonic()
        if max(watch.ages(now - _LOOKS_AFTER_S, now), default=_CALM_WITHIN_S) <= usual_s + AS_BEFORE_S:
            return


def attack_table(results: Sequence[AttackResult]) -> list[list[str]]:
    """Return the figures as rows of text, a row per attack."""
    roles = ("store", "worker", "up", "broker")
    head = ["attack", "age p50, s", "age max, s", "age after, s"]
    rows = [
        [*head, *(f"{role}, MB" for role in roles), "store, cores", "worker, cores", "other work, cores", "verdict"]
    ]
    if results:
        usual = results[0]
        rows.append(
            [
                "(none)",
                "",
                f"{usual.usual_age_s:.1f}",
                "",
                *(f"{usual.usual_mb[role]:,.0f}" for role in roles),
                *[""] * 4,
            ]
        )
    rows += [
        [
            one.name, f"{one.median_age_s:.1f}", f"{one.age_s:.1f}", f"{one.age_after_s:.1f}",
            *(f"{one.memory_mb[role]:,.0f}" for role in roles),
            f"{one.cores['store']:.2f}", f"{one.cores['worker']:.2f}", f"{one.cores['other work']:.2f}",
            ", ".join(one.broken) or "holds",
        ]
        for one in results
    ]  # fmt: skip
    return rows
