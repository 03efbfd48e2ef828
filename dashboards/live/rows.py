"""What is read of the store for the live summary, as it is read."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

MOST: Final = 200
"""So many lines there are, for the declared fleets first and then for those that draw most; the rest is summed up."""
WINDOW_S: Final = 180
"""How far back a line looks for its newest complete second; what is older counts as silent."""
DOUBTFUL_S: Final = 90
"""A fleet is doubtful for so long after a chip of it was reported twice: a Trainium sample is of a minute."""
HISTORY_STEP_S: Final = 10
HISTORY_S: Final = 600


class Key(NamedTuple):
    """What one line is about."""

    site: str
    fleet: str
    platform: str


@dataclass(frozen=True)
class Second:
    """The newest complete second of a fleet; `time` is its start in epoch seconds. None is what nobody knows."""

    time: int
    power_w: float
    power_estimated_w: float | None
    power_error_w: float | None
    chips_reporting: float
    power_chips_reporting: float
    coverage: float | None
    utilization: float | None
    tensor_utilization: float | None
    modelled_share: float | None

    @property
    def corrected_w(self) -> float:
        """Watts corrected for missing chips; as reported where that is not known."""
        return self.power_w if self.power_estimated_w is None else self.power_estimated_w


@dataclass(frozen=True)
class Fleet:
    """A row of `fleets_at`: what is expected and budgeted, and the newest complete second, None of a silent fleet.

    `heard` is whether the fleet still reports.
    """

    budget_w: float | None
    chips_expected: float
    power_chips_expected: float
    heard: bool
    second: Second | None


class MethodSum(NamedTuple):
    """Sums of the window for one power method: joules, chip-seconds, samples that ended in it."""

    method: str
    energy_j: float
    chip_seconds: float
    samples: int


class Mean(NamedTuple):
    """Mean power of a reporting chip over one step of the history that begins at `time`."""

    time: int
    chip_w: float


@dataclass(frozen=True)
class Flow:
    """What the ledger says of the last minute; delays are seconds from a sample's end to its being stored.

    `newest_ts` is of the last `WINDOW_S`, None where nothing was stored in these.
    """

    samples_per_second: float = 0.0
    newest_ts: float | None = None
    delay_p50_s: float | None = None
    delay_p99_s: float | None = None
    workers: int = 0


@dataclass(frozen=True)
class Doubtful:
    """Chips of a fleet that were reported twice within `DOUBTFUL_S`, and by whom: the first hosts, and the methods."""

    chips: int
    hosts: list[str]
    methods: list[str]


@dataclass(frozen=True)
class Rows:
    """All that was read; `now` is the store's clock, in epoch seconds."""

    now: float
    fleets: dict[Key, Fleet] = field(default_factory=dict)
    """All that are expected, or were reported within `WINDOW_S`."""
    lines: list[Key] = field(default_factory=list)
    """Which of them have a line."""
    methods: dict[Key, list[MethodSum]] = field(default_factory=dict)
    history: dict[Key, list[Mean]] = field(default_factory=dict)
    flow: Flow = Flow()
    refused_rows: dict[str, int] = field(default_factory=dict)
    """By reason, of the last hour."""
    energy_day_j: float = 0.0
    """Of all fleets, in the last day."""
    doubtful: dict[Key, Doubtful] = field(default_factory=dict)
