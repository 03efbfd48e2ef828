"""Measured figures as a file: what was run, on which machine, with which versions, and when."""

import json
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from bench.measure import Result
from bench.peers.measure import PeerResult
from local.broker.jars import PINS
from schema.errors import GigawattError
from schema.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEASURED: Final = Path(str(resources.files("bench"))) / "measured.json"
"""The figures that are checked in: those of docs/performance.md, and what `gigawatt bench plan` reckons with."""
_PACKAGES: Final = ("gigawatt", "pyarrow", "numpy", "faust-streaming", "aiokafka", "kafka-python", "clickhouse-connect")


@dataclass
class Figures:
    """All figures of one sitting. Each list of `peers` begins with the run of ours that it is compared with."""

    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    runs: list[Result] = field(default_factory=list)
    peers: list[tuple[Result, list[PeerResult]]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "date": self.date,
            "machine": self.machine,
            "versions": self.versions,
            "runs": [run.as_json() for run in self.runs],
            "peers": [
                {"ours": ours.as_json(), "peers": [one.as_json() for one in others]} for ours, others in self.peers
            ],
        }

    @property
    def said(self) -> str:
        """Say when and where it was measured."""
        return f"{self.date}, {self.machine['cpu']}, {self.machine['cores']} cores"


def begun() -> Figures:
    """Return empty figures of this machine, today."""
    return Figures(datetime.now(UTC).strftime("%Y-%m-%d"), machine(), versions())


def read(path: Path) -> Figures:
    """Read back what was written. Raises `GigawattError` for a file that has no such figures in it."""
    try:
        found: Mapping[str, Any] = json.loads(read_text(path))
        peers = [
            (Result.from_json(one["ours"]), [PeerResult(**peer) for peer in one["peers"]]) for one in found["peers"]
        ]
        runs: Sequence[Result] = [Result.from_json(run) for run in found["runs"]]
        return Figures(found["date"], found["machine"], found["versions"], [*runs], peers)
    except OSError as error:
        raise GigawattError(f"cannot read {path} ({error.strerror})") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise GigawattError(f"{path} has no figures of gigawatt bench in it ({type(error).__name__})") from error


def machine() -> dict[str, str]:
    """Return what this machine is: its processor, cores, memory and kernel."""
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions() -> dict[str, str]:
    """Return the versions of what is measured, ours and others'."""
    return {
        "Python": platform.python_version(),
        "Apache Kafka": str(json.loads(PINS.read_text("utf-8"))["kafka"]),
        "ClickHouse (chDB)": version("chdb-core"),
        **{name: version(name) for name in _PACKAGES},
    }
