"""A console of rich's for text of somebody else's: no markup, and a terminal gets no codes but rich's own."""

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment

from schema.printable import printable_lines


class Console(rich.console.Console):  # the one place  # noqa: TID251
    """Prints what it is given as it stands: `[red]` in a label is a name, and an escape code in one is shown.

    What is laid out in columns should be `schema.printable.printable` before, for an escape is wider than what it
    stands for; this is so that nothing is forgotten.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render, and make the text of every segment harmless; segments of control codes are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable_lines(segment.text))
