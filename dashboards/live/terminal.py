"""The summary in a terminal: a table of at most one screen, and the same in one line."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from dashboards.live.summary import Line, Rest, Summary, Total
from schema.printable import printable

BLOCKS: Final = "▁▂▃▄▅▆▇█"
_SPARK_CELLS: Final = 20
_HEADER_LINES: Final = 8
_COLUMNS: Final[Mapping[str, JustifyMethod]] = {
    "site / fleet / platform": "left",
    **dict.fromkeys(("power", "± error", "budget", "headroom", "chips", "busy", "age"), "right"),
    "power source": "left",
    "10 min": "left",
}
_FIRST_TO_GO: Final = ("10 min", "budget", "age", "power source", "± error", "busy", "headroom")
"""Columns that are left out, one after the other, until the rest fits the screen."""
_GAP: Final = 2
_NAME_CELLS: Final = 400
"""Three labels at their longest; what was stored before labels were checked may be longer."""
_REASONS: Final = 2
"""So many reasons of refused rows are named."""
_REASON_CELLS: Final = 24
"""The longest of ours has fewer; what else stands there must not make a line of its own."""
_DOUBTS: Final = 3
"""So many doubtful fleets are named."""
_ROOMY: Final = 0.1
"""Headroom from this share of the budget on gives no fleet its line before a larger one."""
_TIGHT: Final = 0.05
"""Headroom below this share of the budget is shown in yellow; over budget in red."""


def show(summary: Summary, *, height: int = 40, width: int = 120) -> RenderableType:
    """Return the summary as something that rich prints in `height` lines of `width` cells."""
    doubts = doubt_lines(summary)
    most = max(height - _HEADER_LINES - len(doubts), 1)
    first = {(line.site, line.fleet, line.platform) for line in sorted(summary.lines, key=_rank)[:most]}
    shown = [line for line in summary.lines if (line.site, line.fleet, line.platform) in first]
    table = _table([_cells(line) for line in shown], width, old=any(line.old for line in shown))
    hidden = [line for line in summary.lines if (line.site, line.fleet, line.platform) not in first]
    more = [Text(_rest(hidden, summary.rest), style="dim")] if hidden or summary.rest.fleets else []
    return Group(_headline(summary), Text(flow_line(summary), style="dim"), Text(), table, *more, *doubts)


def _rank(line: Line) -> tuple[float, float]:
    """Return which of two lines comes first where there is no room for both: near its budget, then by power.

    What has more left than a tenth of its budget is as good as any other.
    """
    left = 1.0 if line.headroom_w is None or not line.budget_w else line.headroom_w / line.budget_w
    return min(left, _ROOMY), -(line.second.power_w if line.second else 0.0)


def doubt_lines(summary: Summary) -> list[Text]:
    """Return a line for each of the fleets that count chips twice, those with most of them first, up to `_DOUBTS`."""
    found = [(line.doubtful, line) for line in summary.lines if line.doubtful]
    found.sort(key=lambda one: one[0].chips, reverse=True)
    texts = [
        f"doubtful: {line.site} / {line.fleet} / {line.platform}: {twice(doubtful.chips)}"
        f", by {', '.join(doubtful.hosts)} ({', '.join(doubtful.methods) or 'no power'})"
        for doubtful, line in found[:_DOUBTS]
    ]
    if len(found) > _DOUBTS:
        texts.append(f"doubtful: {len(found) - _DOUBTS} more")
    return [Text(printable(text, _NAME_CELLS), style="red", no_wrap=True, overflow="ellipsis") for text in texts]


def twice(chips: int) -> str:
    """Return how many chips are reported twice."""
    return f"{chips:,} {'chip' if chips == 1 else 'chips'} reported twice"


def _rest(hidden: Sequence[Line], rest: Rest) -> str:
    """Return what the fleets for which there is no room draw together."""
    seconds = [line.second for line in hidden if line.second]
    drawn = [
        *(second.corrected_w for second in seconds),
        *([] if rest.power_w is None else [rest.power_w]),
    ]
    chips = sum(line.second.chips_reporting for line in hidden if line.second and not line.old) + rest.chips_reporting
    fleets = len(hidden) + rest.fleets
    return f"and {fleets:,} more: {watts(sum(drawn) if drawn else None)}, {chips:,.0f} chips"


def one_line(summary: Summary) -> str:
    """Return the summary as one plain line, for logs."""
    total = summary.total
    error = f" ± {watts(total.power_error_w)}" if total.power_error_w is not None else ""
    return (
        f"{_last_known(summary)}{watts(total.power_w)}{error} of {watts(total.budget_w)}, "
        f"{total.chips_reporting:,.0f} of {total.chips_expected:,.0f} chips{_unheard(total)}, "
        f"busy {percent(total.utilization)}; {flow_line(summary)}"
    )


def flow_line(summary: Summary) -> str:
    """Return the flow: rate, freshness, delays, energy, and rejected rows."""
    flow = summary.flow
    parts = [f"{flow.samples_per_second:,.0f} samples/s"]
    if summary.freshness_s is None:
        parts.append("nothing stored in the last three minutes")
    else:
        parts.append(f"newest {seconds(summary.freshness_s)} ago")
    if flow.delay_p50_s is not None and flow.delay_p99_s is not None:
        parts.append(f"stored after {flow.delay_p50_s:.2f} s (p99 {flow.delay_p99_s:.2f} s)")
    parts.append(f"{energy(summary.energy_day_j)} in 24 h")
    refused = [f"{count:,} {printable(reason, _REASON_CELLS)}" for reason, count in summary.refused_rows.items()]
    more = [f"{len(refused) - _REASONS} more"] if len(refused) > _REASONS else []
    parts.append(f"rejected in 1 h: {', '.join(refused[:_REASONS] + more)}" if refused else "none rejected")
    return " · ".join(parts)


def _last_known(summary: Summary) -> str:
    """Return the words before figures of which none is of now: how old the newest is."""
    old = summary.total.power_w is not None and all(line.old or line.second is None for line in summary.lines)
    return f"last known, {seconds(summary.total.age_s or 0)} ago: " if old else ""


def _unheard(total: Total) -> str:
    """Return how many lines are not of now, each a fleet of one platform, and whether the sum counts chips twice."""
    counts = ((total.old_lines, "old"), (total.silent_lines, "silent"))
    doubtful = f" · doubtful: {twice(total.doubtful_chips)}" if total.doubtful_chips else ""
    return doubtful + "".join(
        f" · {count} {'fleet' if count == 1 else 'fleets'} {what}" for count, what in counts if count
    )


def _headline(summary: Summary) -> Text:
    total = summary.total
    text = Text()
    text.append(_last_known(summary), style="red")
    text.append(watts(total.power_w), style="bold")
    if total.power_error_w is not None:
        text.append(f" ± {watts(total.power_error_w)}")
    text.append(f"  of {watts(total.budget_w)}  " if total.budget_w else "  (no budget)  ")
    text.append(sparkline(total.history_w, 2 * _SPARK_CELLS), style="cyan")
    text.append(f"\n{total.chips_reporting:,.0f} of {total.chips_expected:,.0f} chips report")
    text.append(_unheard(total), style="red")
    text.append(f" · busy {percent(total.utilization)} · {percent(total.modelled_share)} of the energy is modelled")
    return text


def _table(rows: Sequence[Mapping[str, Text]], width: int, *, old: bool) -> Table:
    """Return the table without the columns for which there is no room: a figure that is cut says something else.

    Where a figure is old, its age is among those that matter most.
    """
    names = list(_COLUMNS)
    widths = {name: max(cell_len(name), *(row[name].cell_len for row in rows), 0) for name in names}
    for name in _FIRST_TO_GO:
        if old and name == "age":
            continue
        if sum(widths[name] + _GAP for name in names) - _GAP <= width:
            break
        names.remove(name)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, _GAP, 0, 0))
    for name in names:
        table.add_column(name, justify=_COLUMNS[name], no_wrap=True)
    for row in rows:
        table.add_row(*(row[name] for name in names))
    return table


def _cells(line: Line) -> dict[str, Text]:
    """Return a cell for each column."""
    cells = dict.fromkeys(_COLUMNS, Text())
    cells["site / fleet / platform"] = Text(printable(f"{line.site} / {line.fleet} / {line.platform}", _NAME_CELLS))
    cells["budget"] = Text(watts(line.budget_w))
    cells["10 min"] = Text(sparkline(line.history_w, _SPARK_CELLS), style="cyan")
    second = line.second
    if second is None or line.age_s is None:
        return {**cells, "power": Text("silent", style="red")}
    power = watts(second.corrected_w)
    coverage = 0.0 if line.old else second.coverage
    chips = f"{percent(coverage)} of {line.chips_expected:,.0f}" if coverage is not None else "?"
    if line.doubtful:
        chips = f"{line.doubtful.chips:,} twice of {line.chips_expected:,.0f}"
    alarm = "red" if line.old or line.doubtful else ""
    return {
        **cells,
        "power": Text(power, style="dim" if line.old else "red" if line.doubtful else ""),
        "± error": Text(watts(second.power_error_w)),
        "headroom": _headroom(line),
        "chips": Text(chips, style=alarm),
        "busy": Text(percent(second.utilization)),
        "age": Text(seconds(line.age_s), style="red" if line.old else ""),
        "power source": Text(printable(known_by(line.method_shares), _NAME_CELLS)),
    }


def _headroom(line: Line) -> Text:
    if line.headroom_w is None or not line.budget_w:
        return Text("")
    share = line.headroom_w / line.budget_w
    style = "red" if share < 0 else "yellow" if share < _TIGHT else "green"
    return Text(f"{share:+.0%}", style=style)


def known_by(shares: dict[str, float]) -> str:
    """Return by which methods power is known, the largest share of the energy first."""
    ordered = sorted(shares.items(), key=lambda item: item[1], reverse=True)
    if len(ordered) == 1:
        return ordered[0][0]
    return ", ".join(f"{method} {share:.0%}" for method, share in ordered)


def sparkline(values: Sequence[float | None], cells: int) -> str:
    """Return the values as blocks from the lowest to the highest, means of equal stretches; blank where unknown.

    A range of less than 2 % of the highest is drawn as if it were that wide: noise shall not look like a swing.
    """
    step = max(-(-len(values) // cells), 1)
    means = [_mean(values[start : start + step]) for start in range(0, len(values), step)]
    known = [value for value in means if value is not None]
    if not known:
        return " " * len(means)
    high = max(known)
    low = min(*known, 0.98 * high)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if value is None else BLOCKS[round((value - low) * scale)] for value in means)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def watts(value: float | None) -> str:
    """Return watts with three figures or so and the unit that fits; a dash for None."""
    return _scaled(value, "W")


def energy(joules: float) -> str:
    """Return joules as watt-hours."""
    return _scaled(joules / 3600, "Wh")


def _scaled(value: float | None, unit: str) -> str:
    if value is None:
        return "–"  # noqa: RUF001 - a dash, as tables have it
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.2f} {prefix}{unit}"
    return f"{value:.0f} {unit}"


def percent(share: float | None) -> str:
    """Return a share in whole percent; a dash for None."""
    return "–" if share is None else f"{share:.0%}"  # noqa: RUF001 - as above


def seconds(value: float) -> str:
    """Return a time of seconds, in minutes when it is long."""
    return f"{max(value, 0):.1f} s" if value < 100 else f"{value / 60:.0f} min"  # noqa: PLR2004 - three digits
