"""All attacks, and how one is kept up: in a process of its own, until it is ended."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Final

import psutil

from bench.attacks.attack import Attack, Target
from bench.attacks.messages import MESSAGES
from bench.attacks.requests import REQUESTS
from schema.errors import GigawattError

ATTACKS: Final = {attack.name: attack for attack in (*REQUESTS, *MESSAGES)}

_PREPARED_WITHIN_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.2
_ENDS_WITHIN_S: Final = 10.0


@contextmanager
def under_way(attack: Attack, target: Target) -> Iterator[psutil.Process]:
    """Keep an attack up until the block ends. Raises `GigawattError` when it does not begin, or ends by itself."""
    context = multiprocessing.get_context("spawn")
    prepared, begin = context.Event(), context.Event()
    process = context.Process(target=_keep_up, args=(attack.name, target, prepared, begin), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + _PREPARED_WITHIN_S
        while not prepared.wait(_LOOK_EVERY_S):
            if not process.is_alive() or time.monotonic() > deadline:
                raise GigawattError(f"the attack {attack.name} did not start")
        attacker = psutil.Process(process.pid)
        begin.set()
        yield attacker
        if not process.is_alive():
            raise GigawattError(f"the attack {attack.name} ended by itself")
    finally:
        process.kill()
        process.join(_ENDS_WITHIN_S)


def _keep_up(name: str, target: Target, prepared: Event, begin: Event) -> None:
    go = ATTACKS[name].prepare(target)
    prepared.set()
    begin.wait()
    go()
