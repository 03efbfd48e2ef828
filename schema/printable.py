"""Text of somebody else's, made harmless for a terminal or a log line; and which characters a label may not have.

A label, an exporter's error or a child's last words may hold what a terminal obeys instead of showing: escape codes, C1
controls, marks that turn the direction of writing, line ends. What nobody can see counts as well: two labels that look
the same must be the same.

`HIDDEN` names all of these characters: controls and formats (Cc, Cf), separators of lines and paragraphs (Zl, Zp),
private use (Co: no two fonts agree on what it shows), those that Unicode lets a program ignore (fillers, variation
selectors, and what is kept free for more of them), and the noncharacters. Surrogates (Cs) are no text. It is a table of
ours and not that of a library, so that two workers judge a label alike whatever they have installed: a character that
is not assigned yet (Cn) may be in a label, and is shown as it is.
"""

import re
from typing import Final

HIDDEN: Final = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xE000, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1345F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0x10000, 0xE0000, 0x10000)),
    (0xE0000, 0x10FFFF),
)
"""First and last of each range of characters that are never shown as they are, in order."""
_SURROGATES: Final = (0xD800, 0xDFFF)
LONGEST: Final = 2_000
"""Characters of a line that is made for a terminal or a log; a page of HTML as an error text has more."""
_CUT: Final = "..."


def _class(ranges: tuple[tuple[int, int], ...], escape: str) -> str:
    return f"[{''.join(f'{escape % first}-{escape % last}' for first, last in ranges)}]"


HIDDEN_RE2: Final = _class(HIDDEN, r"\x{%x}")
"""A regular expression of RE2, which Arrow has, that finds any of them; it knows no surrogates."""
_HIDDEN: Final = re.compile(_class((*HIDDEN, _SURROGATES), r"\U%08x"))

_URL: Final = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]{0,20}://)([^\s'\"<>|\\^`{}]+)")
_PATH_QUERY: Final = re.compile(r"((?:url:|GET|POST|PUT|DELETE) /[^\s?#]*)[?#][^\s)\"]*")
_END: Final = re.compile(r"[?#]")


def is_hidden(text: str) -> bool:
    """Say whether a text holds a character that is not to be seen, or that a terminal would obey."""
    return not _is_plain(text) and _HIDDEN.search(text) is not None


def printable(text: object, most: int = LONGEST) -> str:
    r"""Return a text as one line of so many characters at most, of which a terminal obeys none.

    What is hidden stands as an escape: `\n`, `\x1b`, `\u202e`. A backslash stays as it is, so the escapes are for
    people and cannot be turned back.
    """
    line = str(text)
    if len(line) > most:
        line = line[: max(most - len(_CUT), 0)] + _CUT
    return line if _is_plain(line) else _HIDDEN.sub(_escape, line)


def printable_lines(text: object) -> str:
    """Return a text with its own line ends, and each of its lines printable, whatever its length."""
    whole = str(text)
    if _is_plain(whole):
        return whole
    return "\n".join(printable(line, most=max(len(line), 1)) for line in whole.split("\n"))


def safe_line(text: object, most: int = LONGEST) -> str:
    """Return a text for a log or an error: printable, and without what a URL in it should keep to itself."""
    return printable(without_secrets(str(text)[: 4 * most]), most)


def without_secrets(text: str) -> str:
    """Cut user, password, query and fragment out of every URL in a text: each may be a secret."""
    if "://" in text:
        text = _URL.sub(lambda found: found[1] + _bare(found[2]), text)
    return _PATH_QUERY.sub(r"\1", text)  # as urllib3 has it in its errors, and in what it logs


def bare(url: str) -> str:
    """Return a URL, or what stands for one, without user, password, query and fragment."""
    return without_secrets(url) if "://" in url else _bare(url)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()  # as nearly all are, at a fraction of the cost


def _bare(rest: str) -> str:
    """Return host, port and path of what stands behind the `//` of a URL."""
    address = _END.split(rest, maxsplit=1)[0]
    host, slash, path = address.partition("/")
    # A password may hold a slash; nobody's path is told for that.
    if "@" in path:
        return address.rpartition("@")[2]
    kept = f"{host.rpartition('@')[2]}{slash}{path}"
    closing = rest[len(rest.rstrip(".,;:)]")) :] if len(address) < len(rest) else ""
    return kept + closing


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named:
        return named
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  as Python has them
