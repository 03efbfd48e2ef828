"""Hypothesis for a stated time instead of a number of examples.

`GIGAWATT_FUZZ_SECONDS` is the time of each fuzzer, `GIGAWATT_FUZZ_SEED` its first seed: `make test` begins with the
same one every time, `make fuzz` with one from the clock. A seed stands for a round of examples. A failing example is
made smaller and kept in `.hypothesis`, and comes first at the next start. One that takes the whole process down lies
there as `last-NAME`.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SECONDS: Final = float(os.environ.get("GIGAWATT_FUZZ_SECONDS") or 8)
FIRST_SEED: Final = int(os.environ.get("GIGAWATT_FUZZ_SEED") or 0)
_ROUND: Final = 200
MADE_SMALLER_FOR_S: Final = 60.0
_SETTINGS: Final = settings(
    max_examples=_ROUND,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
)


class _TimeIsOver(BaseException):
    """Ends a round in which nothing failed."""


class Fuzzer:
    """Runs a check on examples of a strategy until its time is over, and says what it did."""

    def __init__(
        self, check: Callable[[Any], None], seconds: float = SECONDS, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._now_s = now_s
        self._end = now_s() + seconds
        self._failing: set[str] = set()
        self._last = Path(".hypothesis") / f"last-{check.__name__}"
        self.examples = 0

    def run(self, examples: st.SearchStrategy[Any]) -> None:
        """Raise what the check raises, with the smallest example that was found."""
        began, number = self._now_s(), FIRST_SEED
        self._last.parent.mkdir(exist_ok=True)
        name = self._check.__name__
        try:
            while True:
                seed(number)(_SETTINGS(given(examples)(self._timed())))()
                number += 1
        except _TimeIsOver:
            pass
        except BaseException:
            say(f"{name}: seed {number} fails; again with GIGAWATT_FUZZ_SEED={number}")
            raise
        self._last.unlink(missing_ok=True)
        took = self._now_s() - began
        say(
            f"{name}: {self.examples:,} examples in {took:.0f} s ({self.examples / took:,.0f} a second), "
            f"seeds {FIRST_SEED} to {number}"
        )

    def _timed(self) -> Callable[[Any], None]:
        @wraps(self._check)  # an example is kept under the check's own source
        def timed(**given_by_name: Any) -> None:
            (example,) = given_by_name.values()
            text = repr(example)
            # When the time is over, only what is known to fail is looked at again: Hypothesis wants to see it twice.
            if self._now_s() > self._end and text not in self._failing:
                if not self._failing:
                    raise _TimeIsOver
                return
            self.examples += 1
            self._last.write_text(text, encoding="utf-8", errors="backslashreplace")
            try:
                self._check(example)
            except BaseException:
                if not self._failing:
                    self._end = self._now_s() + MADE_SMALLER_FOR_S
                self._failing.add(text)
                raise

        return timed


def say(line: str) -> None:
    """Say a line to whoever looks; pytest shows it with `-s`, and where a test fails."""
    sys.stdout.write(f"\n{line}\n")
