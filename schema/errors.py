"""The one error that the command line turns into a line for the operator."""

from typing import Final

from schema.printable import safe_line

EXIT_START_AGAIN: Final = 75
"""Exit status of a process that ends itself to be started again, however often (EX_TEMPFAIL): a worker whose topic was
deleted and created again, an engine that could not stop a query."""

EXIT_NOT_AGAIN: Final = 78
"""Exit status of a process that would fail alike if it were started again (EX_CONFIG): its data is damaged."""


class GigawattError(Exception):
    """Something that the operator can mend; the message is one line and says what to do next.

    What others wrote often stands in it: whoever shows it shows it harmless, and without the secrets of URLs.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(safe_line(message))
