"""What `gigawatt up` shows: what happens as lines, and on a terminal the live summary below them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.text import Text

from dashboards.live.alert_lines import alert_lines, alert_words
from dashboards.live.console import Console
from dashboards.live.summary import Summary
from dashboards.live.terminal import one_line, show
from dashboards.preview import Alert
from schema.printable import safe_line

LINE_EVERY_S = 30.0


class Screen:
    """Lines to the operator, with the time of day; where there is no terminal, a status line now and then.

    With `log`, each line goes there instead, and nothing is drawn.
    """

    def __init__(
        self, console: Console, *, line_every_s: float = LINE_EVERY_S, log: Callable[[str], object] | None = None
    ) -> None:
        self.console = console
        self._log = log
        self._line_every_s = line_every_s
        self._live: Live | None = None
        self._line_at_s = time.monotonic()

    def say(self, line: str) -> None:
        """Print one line, above the live summary."""
        if self._log is not None:
            self._log(line)
            return
        self.console.print(f"{time.strftime('%H:%M:%S')} {safe_line(line)}", soft_wrap=True)

    @property
    def draws(self) -> bool:
        """Whether there is a terminal to draw on."""
        return self.console.is_terminal and self._log is None

    @property
    def look_every_s(self) -> float:
        """How often it is worth to look: nobody sees more than the status line where there is no terminal."""
        return 1.0 if self._live else self._line_every_s

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the summary in place until the block ends, where there is a terminal."""
        if not self.draws:
            yield
            return
        with Live(console=self.console, auto_refresh=False) as self._live:
            yield
        self._live = None

    def show(self, summary: Summary, alerts: Sequence[Alert] | None, footer: str) -> None:
        """Show what there is now, and which alerts would fire (None where they were not evaluated yet)."""
        if self._live:
            size = self.console.size
            told = alert_lines(alerts, int(time.time() * 1000))
            shown = show(summary, height=size.height - len(told) - 5, width=size.width)
            below = (Text(), *told, Text(), Text(footer, style="dim"))
            self._live.update(Group(Text(), shown, *below), refresh=True)
        elif time.monotonic() - self._line_at_s >= self._line_every_s:
            self._line_at_s = time.monotonic()
            self.say(f"{one_line(summary)}; {alert_words(alerts)}")
