"""One line on a terminal that is written over; where there is no terminal nothing, or a line now and then."""

import time
from collections.abc import Callable
from typing import Final, TextIO

from schema.printable import printable

_CLEAR: Final = "\r\x1b[2K"


class StatusLine:
    """Shows the latest text, at most `per_second` times a second.

    Where there is no terminal, one that is shown after `line_every_s` is a line of its own; without it there is none.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        per_second: float = 2.0,
        line_every_s: float | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._pause_s = 1 / per_second
        self._elapsed = elapsed
        self._shown_s: float | None = None
        self._on_terminal = stream.isatty()
        self._line_every_s = line_every_s
        self._line_s = elapsed()

    def show(self, text: str) -> None:
        """Write the text over the one before."""
        now_s = self._elapsed()
        if not self._on_terminal and self._line_every_s is not None and now_s - self._line_s >= self._line_every_s:
            self._line_s = now_s
            self._stream.write(f"{printable(text)}\n")
            self._stream.flush()
        if not self._on_terminal or (self._shown_s is not None and now_s - self._shown_s < self._pause_s):
            return
        self._shown_s = now_s
        self._stream.write(f"{_CLEAR}{printable(text)}")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._on_terminal and self._shown_s is not None:
            self._stream.write(_CLEAR)
            self._stream.flush()
