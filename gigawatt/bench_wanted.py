"""What `gigawatt bench` was asked for: the sizes and shapes of its runs, read from its flags."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from bench.load import HOST, POD, Load

SIZES: Final = {HOST: "1000,10000,50000", POD: "1000,10000,100000,1000000"}
"""The fleet sizes of each shape, unless others are given."""
ONE_SIZE: Final = 10_000
"""The fleet of measurements that are one run."""
_WORKERS: Final = 12
_MOST_CHIPS: Final = 100_000_000


@dataclass(frozen=True)
class Wanted:
    """The flags that several measurements share; `chips` and `workers` are numbers with commas between."""

    chips: str | None
    batch: int
    seconds: float | None
    warm_up_s: float
    workers: str
    producers: int
    publish_every_s: int
    json_path: Path | None

    def lasts_s(self, usual_s: float = 30.0) -> float:
        """Return the measured time of a run."""
        return self.seconds or usual_s

    def largest(self) -> int:
        """Return the largest fleet."""
        return max(numbers(self.chips or SIZES[POD], "--chips", _MOST_CHIPS))

    def loads(self, usual: str | None = None) -> list[Load]:
        """Return a load for each size and number of workers."""
        sizes = numbers(self.chips or usual or SIZES.get(self.batch, SIZES[HOST]), "--chips", _MOST_CHIPS)
        return [
            Load(size, self.batch, self.lasts_s(), self.warm_up_s, count, self.producers, self.publish_every_s)
            for size, count in itertools.product(sizes, numbers(self.workers, "--workers", _WORKERS))
        ]

    def load(self, flag: str) -> Load:
        """Return the only load. Raises `UsageError` where there are several."""
        loads = self.loads(str(ONE_SIZE))
        if len(loads) > 1:
            raise click.UsageError(f"{flag} measures a single run: give one number to --chips and to --workers")
        return loads[0]


def numbers(text: str, flag: str, most: int) -> list[int]:
    """Read numbers with commas between. Raises `BadParameter`."""
    try:
        found = [int(part.replace("_", "")) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: write numbers separated by commas, such as 1,2,4", param_hint=flag
        ) from None
    if wrong := [number for number in found if not 1 <= number <= most]:
        raise click.BadParameter(f"{wrong[0]} is not between 1 and {most}", param_hint=flag)
    return found
