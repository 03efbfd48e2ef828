"""Texts as nobody would wish for: what a label, an error or a child's output may hold."""

import unicodedata
from typing import Final

from hypothesis import strategies as st

HIDDEN_CATEGORIES: Final = ("Cc", "Cf", "Zl", "Zp", "Co", "Cs")

_PIECES: Final = (
    *("\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x9b31m", "\x90q\x9c", "\x00", "\x7f", "\x85"),
    *("\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\u200d", "\ufeff", "\u2028", "\u2029", "\u00ad", "\ufe0f"),
    *("\n", "\r", "\t", "\r\n", "[red]", "[/red]", "[link=file:///x]", "[/]", "\\[", "%s", "{}"),
    *("\ue000", "\U000e0001"),
    *("iowa", "host-0", "東京", "🚀", " ", "", "e\u0301", "http://me:pw@h/?q=1", '"', "'", "\\"),
)


def hostile(*, surrogates: bool = True) -> st.SearchStrategy[str]:
    """Return texts of escape codes, marks, markup and ordinary words, and of any characters at all."""
    anything = st.text() if not surrogates else st.text(st.characters(exclude_categories=()))
    return st.lists(st.one_of(st.sampled_from(_PIECES), anything), max_size=6).map("".join)


def hidden_in(text: str) -> list[str]:
    """Return what a terminal may obey, or nobody sees, in a text of several lines."""
    return [
        f"U+{ord(character):04X}"
        for character in text
        if character != "\n" and unicodedata.category(character) in HIDDEN_CATEGORIES
    ]
