"""What a source's failures are to the operator; that each reason is said once is `schema.said`."""

import traceback
from pathlib import Path

from producers.source import SourceError
from schema.errors import GigawattError


class SaidError(SourceError):
    """A failed read of which the source has told the operator itself: it is counted, and not said again."""


def reason_of(error: Exception) -> str:
    """Say in one line what was raised; of what no source declares, which is a defect, also where."""
    if isinstance(error, GigawattError):
        return str(error)
    text = (str(error).splitlines() or ["no message"])[0][:200]
    places = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    return f"unexpected {type(error).__name__}: {text}{where}"
