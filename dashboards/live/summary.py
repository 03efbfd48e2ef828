"""The fleet's power at this moment, from rows that were read: pure, and alike for every way to show it.

Each line shows the newest second of its fleet that is complete, as the view `fleets_at` tells it, and how old that is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from dashboards.live.rows import (
    HISTORY_S,
    HISTORY_STEP_S,
    WINDOW_S,
    Doubtful,
    Fleet,
    Flow,
    Key,
    Mean,
    Rows,
    Second,
)


@dataclass(frozen=True)
class Line:
    """One fleet of one platform in one site; `second` is None when it has been silent for the whole window.

    A line is old when its fleet is not heard of any more.
    """

    site: str
    fleet: str
    platform: str
    budget_w: float | None
    chips_expected: float
    second: Second | None
    age_s: float | None
    old: bool
    headroom_w: float | None
    method_shares: dict[str, float]
    history_w: list[float | None]
    doubtful: Doubtful | None = None
    """Its power counts chips twice."""


@dataclass(frozen=True)
class Rest:
    """The fleets that have no line, together: how many, and what is known of their newest complete second."""

    fleets: int
    power_w: float | None
    chips_reporting: float
    chips_expected: float
    budget_w: float


@dataclass(frozen=True)
class Total:
    """All fleets together. Power is corrected for missing chips, as in `power_estimated_w`; None where none is known.

    The power of a fleet that is not heard of any more is the last that was known, and none of its chips report.
    `unbudgeted_w` is of fleets without a budget. Counts of lines and the history are of the lines alone.
    """

    power_w: float | None
    power_error_w: float | None
    reported_w: float
    unbudgeted_w: float
    budget_w: float
    chips_reporting: float
    chips_expected: float
    coverage: float | None
    silent_lines: int
    old_lines: int
    age_s: float | None
    modelled_share: float | None
    utilization: float | None
    history_w: list[float | None]
    doubtful_chips: int = 0


@dataclass(frozen=True)
class Summary:
    """What is shown. Times are epoch seconds; histories end at `history_end` in steps of `history_step_s`."""

    now: float
    lines: list[Line]
    rest: Rest
    total: Total
    flow: Flow
    freshness_s: float | None
    refused_rows: dict[str, int]
    energy_day_j: float
    history_end: int
    history_step_s: int = HISTORY_STEP_S

    def as_json(self) -> dict[str, Any]:
        """Return plain values, named as the fields are."""
        return asdict(self)


_UNKNOWN: Final = Fleet(None, 0.0, 0.0, heard=False, second=None)


def summarize(rows: Rows) -> Summary:
    """Make the summary of what was read."""
    end = int(rows.now) // HISTORY_STEP_S * HISTORY_STEP_S
    newest = rows.flow.newest_ts
    lines = [_line(key, rows, end) for key in sorted(rows.lines)]
    rest = [rows.fleets[key] for key in rows.fleets.keys() - set(rows.lines)]
    return Summary(
        now=rows.now,
        lines=lines,
        rest=_rest(rest),
        total=_total(rows.fleets, lines),
        flow=rows.flow,
        freshness_s=None if newest is None else rows.now - newest,
        refused_rows=rows.refused_rows,
        energy_day_j=rows.energy_day_j,
        history_end=end,
    )


def _line(key: Key, rows: Rows, end: int) -> Line:
    fleet = rows.fleets.get(key, _UNKNOWN)
    second, methods = fleet.second, rows.methods.get(key, [])
    drawn_w = second.power_estimated_w if second else None
    joules = math.fsum(one.energy_j for one in methods)
    return Line(
        *key,
        budget_w=fleet.budget_w,
        chips_expected=fleet.chips_expected,
        second=second,
        age_s=rows.now - (second.time + 1) if second else None,
        old=second is not None and not fleet.heard,
        headroom_w=None if fleet.budget_w is None or drawn_w is None else fleet.budget_w - drawn_w,
        method_shares={one.method: one.energy_j / joules for one in methods if one.energy_j > 0},
        history_w=_history(rows.history.get(key, []), fleet, end),
        doubtful=rows.doubtful.get(key),
    )


def _history(means: Sequence[Mean], fleet: Fleet, end: int) -> list[float | None]:
    """Return the power at each step, missing chips counted in; None where nothing is known.

    A step that holds seconds which are not complete yet is left out, unless the whole line is silent.
    """
    second = fleet.second
    chips = max(fleet.power_chips_expected, second.power_chips_reporting) if second else 0.0
    whole_until = second.time + 1 if second else end
    known = {mean.time: mean.chip_w * chips for mean in means if chips and mean.time + HISTORY_STEP_S <= whole_until}
    return [known.get(time) for time in range(end - HISTORY_S, end, HISTORY_STEP_S)]


def _rest(fleets: Sequence[Fleet]) -> Rest:
    seconds = [fleet.second for fleet in fleets if fleet.second]
    return Rest(
        fleets=len(fleets),
        power_w=math.fsum(second.corrected_w for second in seconds) if seconds else None,
        chips_reporting=_reporting(fleets),
        chips_expected=math.fsum(fleet.chips_expected for fleet in fleets),
        budget_w=math.fsum(fleet.budget_w or 0.0 for fleet in fleets),
    )


def _reporting(fleets: Sequence[Fleet]) -> float:
    return math.fsum(fleet.second.chips_reporting for fleet in fleets if fleet.second and fleet.heard)


def _total(by_key: Mapping[Key, Fleet], lines: Sequence[Line]) -> Total:
    fleets = list(by_key.values())
    shown = [fleet.second for fleet in fleets if fleet.second]
    known_w = math.fsum(second.power_w for second in shown)
    modelled_w = math.fsum(second.power_w * (second.modelled_share or 0.0) for second in shown)
    busy = [(second.utilization, second.chips_reporting) for second in shown if second.utilization is not None]
    chips = math.fsum(weight for _, weight in busy)
    stating = math.fsum(fleet.second.power_chips_reporting for fleet in fleets if fleet.second and fleet.heard)
    to_state = math.fsum(fleet.power_chips_expected for fleet in fleets)
    return Total(
        power_w=math.fsum(second.corrected_w for second in shown) if shown else None,
        power_error_w=_error_w(by_key),
        reported_w=known_w,
        unbudgeted_w=math.fsum(fleet.second.corrected_w for fleet in fleets if fleet.second and fleet.budget_w is None),
        budget_w=math.fsum(fleet.budget_w or 0.0 for fleet in fleets),
        chips_reporting=_reporting(fleets),
        chips_expected=math.fsum(fleet.chips_expected for fleet in fleets),
        coverage=stating / to_state if to_state else None,
        silent_lines=sum(line.second is None for line in lines),
        old_lines=sum(line.old for line in lines),
        age_s=min((line.age_s for line in lines if line.age_s is not None), default=None),
        modelled_share=modelled_w / known_w if known_w else None,
        utilization=math.fsum(share * weight for share, weight in busy) / chips if chips else None,
        history_w=_sum_of_histories([line.history_w for line in lines]),
        doubtful_chips=sum(line.doubtful.chips for line in lines if line.doubtful),
    )


def _error_w(fleets: Mapping[Key, Fleet]) -> float | None:
    """Return one standard deviation of the total: platforms err independently, fleets of one platform alike.

    Fleets of one platform share the constants of its power model, so their errors are added up plainly.
    """
    by_platform: dict[str, float] = {}
    for key, fleet in fleets.items():
        if fleet.second and fleet.second.power_error_w is not None:
            by_platform[key.platform] = by_platform.get(key.platform, 0.0) + fleet.second.power_error_w
    return math.hypot(*by_platform.values()) if by_platform else None


def _sum_of_histories(histories: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Add histories up where all of them are known: a sum over some would look like a swing of the load.

    A line whose newest steps are not whole yet stands with its last value till then.
    """
    longest = WINDOW_S // HISTORY_STEP_S
    filled = [_carried(history, longest) for history in histories if any(value is not None for value in history)]
    return [_sum_of_known(step) for step in zip(*filled, strict=True)]


def _sum_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None


def _carried(history: Sequence[float | None], steps: int) -> list[float | None]:
    last = max(index for index, value in enumerate(history) if value is not None)
    until = min(last + 1 + steps, len(history))
    return [*history[: last + 1], *[history[last]] * (until - last - 1), *[None] * (len(history) - until)]
