"""Standard output and error of a terminal that knows few characters, as in the locale C: no line ends a command."""

import codecs
import io
import sys
from types import MappingProxyType
from typing import Final

_NAME: Final = "gigawatt.plain"
_PLAIN: Final = MappingProxyType(
    {
        "±": "+-",
        "\u2013": "-",
        "\u2014": "-",
        "·": "|",
        "…": "...",
        "\u00d7": "x",
        "µ": "u",
        "→": "->",
        **dict(zip("▁▂▃▄▅▆▇█", "._-=+*#@", strict=True)),
    }
)
"""What our own texts are made of; others' characters are shown as escapes."""


def write_whatever_comes() -> None:
    """Have both streams write plain characters for those that they have not, and never raise for one."""
    codecs.register_error(_NAME, plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace", "surrogateescape"):
            stream.reconfigure(errors=_NAME)


def plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for characters that cannot be encoded, as a codec's error handler."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one) or _escape(one) for one in text), error.end


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")
