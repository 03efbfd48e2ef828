"""The fleet's power at this moment, from rows that were read: pure, and alike for every way to show it.

Samples are rectangles that arrive after their end, so the newest seconds are not whole yet: the last one or two
of a chip that is read every second, the last minute of a Trainium device. A sum over half the chips would look like
a drop of the load. Each line therefore shows the newest second that is complete, and says how old that is.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from dashboards.live.rows import (
    HISTORY_S,
    HISTORY_STEP_S,
    WINDOW_S,
    Doubtful,
    Flow,
    Key,
    Mean,
    MethodSum,
    Others,
    Rows,
    Second,
)

OLD_S: Final = 30.0
"""What is older than two samples and this is what was, not what is."""
COMPLETE: Final = 0.98
"""A second is complete at this share of the most chips that a second of the window has."""
SETTLE_S: Final = 5.0
"""Samples are stored 1 to 2 s after their end; after so long, what is missing is missing."""


@dataclass(frozen=True)
class Line:
    """One fleet of one platform in one site; `second` is None when it has been silent for the whole window.

    A line is old when its newest complete second is, or nothing is stored any more: its chips do not report, or cannot
    be heard of.
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

    An old line's power is the last that was known, and none of its chips report. Errors, counts of lines, utilization
    and history are of the lines alone.
    """

    power_w: float | None
    power_error_w: float | None
    reported_w: float
    budget_w: float
    chips_reporting: float
    chips_expected: float
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


def summarize(rows: Rows) -> Summary:
    """Make the summary of what was read."""
    end = int(rows.now) // HISTORY_STEP_S * HISTORY_STEP_S
    horizon = min(rows.now, rows.flow.newest_ts or rows.now)
    keys = sorted(rows.budgets.keys() | rows.seconds.keys() | rows.energy_day_j.keys())
    newest = rows.flow.newest_ts
    fastest_s = min((cadence(methods) for methods in rows.methods.values()), default=1.0)
    stopped = newest is None or rows.now - newest > 2 * fastest_s + OLD_S
    lines = [_line(key, rows, horizon, end, stopped=stopped) for key in keys]
    rest = _rest(rows.others, horizon, stopped=stopped)
    return Summary(
        now=rows.now,
        lines=lines,
        rest=rest,
        total=_total(lines, rest),
        flow=rows.flow,
        freshness_s=None if newest is None else rows.now - newest,
        refused_rows=rows.refused_rows,
        energy_day_j=math.fsum([*rows.energy_day_j.values(), rows.others.energy_day_j]),
        history_end=end,
    )


def newest_complete(seconds: Sequence[Second], *, horizon: float, cadence_s: float) -> Second | None:
    """Return the newest second that is complete: none of its chips can be expected to report yet.

    That is one with as many chips as the others, or one so old that what is missing will not come: older than a
    sample of this cadence plus `SETTLE_S`, before the `horizon` up to which samples are stored (epoch seconds).
    """
    most = max((second.chips_reporting for second in seconds), default=0.0)
    settled = horizon - cadence_s - SETTLE_S
    for second in sorted(seconds, key=lambda second: second.time, reverse=True):
        if second.chips_reporting >= COMPLETE * most or second.time + 1 <= settled:
            return second
    return None


def cadence(methods: Sequence[MethodSum]) -> float:
    """Return the longest mean interval of a sample among methods, in seconds; 1 where there is none."""
    return max((one.chip_seconds / one.samples for one in methods if one.samples), default=1.0)


def _line(key: Key, rows: Rows, horizon: float, end: int, *, stopped: bool) -> Line:
    methods = rows.methods.get(key, [])
    seconds = rows.seconds.get(key, [])
    cadence_s = cadence(methods)
    second = newest_complete(seconds, horizon=horizon, cadence_s=cadence_s)
    age_s = rows.now - (second.time + 1) if second else None
    budget_w = rows.budgets.get(key)
    chips = second.chips_expected if second else rows.expected.get(key, 0.0)
    drawn_w = second.power_estimated_w if second else None
    joules = math.fsum(one.energy_j for one in methods)
    return Line(
        *key,
        budget_w=budget_w,
        chips_expected=chips,
        second=second,
        age_s=age_s,
        old=age_s is not None and (stopped or age_s > 2 * cadence_s + OLD_S),
        headroom_w=None if budget_w is None or drawn_w is None else budget_w - drawn_w,
        method_shares={one.method: one.energy_j / joules for one in methods if one.energy_j > 0},
        history_w=_history(rows.history.get(key, []), second, end),
        doubtful=rows.doubtful.get(key),
    )


def _history(means: Sequence[Mean], second: Second | None, end: int) -> list[float | None]:
    """Return the power at each step, missing chips counted in; None where nothing is known.

    A step that holds seconds which are not complete yet is left out, unless the whole line is silent.
    """
    chips = max(second.chips_expected, second.chips_reporting) if second else 0.0
    whole_until = second.time + 1 if second else end
    known = {mean.time: mean.chip_w * chips for mean in means if chips and mean.time + HISTORY_STEP_S <= whole_until}
    return [known.get(time) for time in range(end - HISTORY_S, end, HISTORY_STEP_S)]


def _rest(others: Others, horizon: float, *, stopped: bool) -> Rest:
    second = newest_complete(others.seconds, horizon=horizon, cadence_s=cadence([]))
    return Rest(
        fleets=others.fleets,
        power_w=second.power_w if second else None,
        chips_reporting=second.chips_reporting if second and not stopped else 0.0,
        chips_expected=others.chips_expected,
        budget_w=others.budget_w,
    )


def _total(lines: Sequence[Line], rest: Rest) -> Total:
    shown = [line.second for line in lines if line.second]
    rest_w = [] if rest.power_w is None else [rest.power_w]
    power_w = math.fsum([*(second.corrected_w for second in shown), *rest_w])
    known_w = math.fsum([*(second.power_w for second in shown), *rest_w])
    modelled_w = math.fsum(second.power_w * (second.modelled_share or 0.0) for second in shown)
    lines_w = math.fsum(second.power_w for second in shown)
    busy = [(second.utilization, second.chips_reporting) for second in shown if second.utilization is not None]
    chips = math.fsum(weight for _, weight in busy)
    reporting = [line.second.chips_reporting for line in lines if line.second and not line.old]
    return Total(
        power_w=power_w if shown or rest_w else None,
        power_error_w=_error_w(lines),
        reported_w=known_w,
        budget_w=math.fsum([*(line.budget_w or 0.0 for line in lines), rest.budget_w]),
        chips_reporting=math.fsum([*reporting, rest.chips_reporting]),
        chips_expected=math.fsum([*(line.chips_expected for line in lines), rest.chips_expected]),
        silent_lines=sum(line.second is None for line in lines),
        old_lines=sum(line.old for line in lines),
        age_s=min((line.age_s for line in lines if line.age_s is not None), default=None),
        modelled_share=modelled_w / lines_w if lines_w else None,
        utilization=math.fsum(share * weight for share, weight in busy) / chips if chips else None,
        history_w=_sum_of_histories([line.history_w for line in lines]),
        doubtful_chips=sum(line.doubtful.chips for line in lines if line.doubtful),
    )


def _error_w(lines: Sequence[Line]) -> float | None:
    """Return one standard deviation of the total: platforms err independently, fleets of one platform alike.

    Fleets of one platform share the constants of its power model, so their errors are added up plainly.
    """
    by_platform: dict[str, float] = {}
    for line in lines:
        if line.second and line.second.power_error_w is not None:
            by_platform[line.platform] = by_platform.get(line.platform, 0.0) + line.second.power_error_w
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
