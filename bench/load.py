"""What is put on a stack: a simulated fleet, the shape of its messages, and how many connections send them."""

import sys
from dataclasses import dataclass
from typing import Final

from bench.stack import Stack

HOST: Final = 8
"""Samples in a message of one host, which is what fleets send."""
POD: Final = 4096
"""Samples in a message of a pod whose chips one producer reads."""


@dataclass(frozen=True)
class Load:
    """What is measured: so many chips, each every second, in messages of `batch` samples, for `seconds`.

    `producers` connections share the fleet. Each sends a message a read, or one every `publish_every_s` seconds with
    all reads since the last.
    """

    chips: int
    batch: int = HOST
    seconds: float = 30.0
    warm_up_s: float = 12.0
    workers: int = 1
    producers: int = 1
    publish_every_s: int = 1

    @property
    def title(self) -> str:
        """Say it in a few words, for whoever waits."""
        said = [f"{self.chips:,} chips in messages of {self.batch:,}"]
        said += [f"{self.producers} connections"] if self.producers > 1 else []
        said += [f"a message every {self.publish_every_s} s"] if self.publish_every_s > 1 else []
        said += [f"{self.workers} workers"] if self.workers > 1 else []
        return ", ".join(said)

    def start(self, running: Stack) -> None:
        """Start the fleet: one producer of ours, or, for many connections or reads a message, one that stands for all.

        A process for each of 250 producers would take 25 GB; what the broker sees is the same.
        """
        fleet = ("--chips", str(self.chips), "--batch", str(self.batch))
        if self.producers == 1 and self.publish_every_s == 1:
            running.produce("simulated", *fleet, "--cadence", "1")
            return
        connections = ("--connections", str(self.producers), "--publish-every", str(self.publish_every_s))
        running.start("connections", [sys.executable, "-m", "bench.connections", *fleet, *connections])
