"""Which rules would fire now, as lines for a terminal and as words for a log."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.text import Text

from dashboards.evaluate import State
from dashboards.live.terminal import seconds
from dashboards.preview import Alert
from schema.printable import printable

_STYLES: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_MOST: Final = 6
"""So many alerts are named, the worst first."""


def alert_lines(alerts: Sequence[Alert] | None, now_ms: int | None = None) -> list[Text]:
    """Return a line that counts the alerts, and one for each of the worst; `None` is for rules not evaluated yet.

    Since when is said where `now_ms` is given: who has looked but once does not know it.
    """
    if not alerts:
        return [Text(alert_words(alerts), style="dim")]
    hidden = len(alerts) - _MOST
    more = [Text(f"and {hidden} more", style="dim")] if hidden > 0 else []
    return [Text(alert_words(alerts)), *(_line(alert, now_ms) for alert in alerts[:_MOST]), *more]


def alert_words(alerts: Sequence[Alert] | None) -> str:
    """Count what fires, what is over and kept for a while, what waits for its time, and what cannot be told."""
    if alerts is None:
        return "alerts: not evaluated yet"
    states = Counter(alert.state for alert in alerts)
    firing, over, pending = states[State.ALERTING], states[State.RECOVERING], states[State.PENDING]
    unknown = len(alerts) - firing - over - pending
    counts = ((firing, "firing"), (over, "recovering"), (pending, "pending"), (unknown, "without an answer"))
    told = [f"{count} {what}" for count, what in counts if count]
    return f"alerts: {', '.join(told) or 'none'}"


def _line(alert: Alert, now_ms: int | None) -> Text:
    style = _STYLES.get(alert.severity, "") if alert.state == State.ALERTING else "dim"
    line = Text("  ", no_wrap=True, overflow="ellipsis")
    line.append(f"{alert.state.lower()} ", style=style)
    line.append(f"{printable(alert.title)}: ", style=style)
    line.append(printable(alert.summary))
    if now_ms is not None:
        line.append(f"  for {seconds((now_ms - alert.since_ms) / 1000)}", style="dim")
    return line
