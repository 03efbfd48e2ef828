"""What a terminal would obey, and what nobody can see, is shown as an escape; and a URL keeps its secrets."""

import sys
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.printable import HIDDEN_RE2, is_hidden, printable, printable_lines, safe_line, without_secrets
from tests.texts import HIDDEN_CATEGORIES, hostile


def test_no_control_and_no_format_is_left_out():
    """Of all that Unicode has of these categories, by the tables that Python has."""
    every = map(chr, range(sys.maxunicode + 1))
    assert [c for c in every if unicodedata.category(c) in HIDDEN_CATEGORIES and not is_hidden(c)] == []


def test_arrow_finds_what_python_finds():
    """The worker's checks and what is shown follow one table; surrogates are no text for Arrow."""
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    found = pc.match_substring_regex(pa.array(every), HIDDEN_RE2).to_pylist()

    assert found == [is_hidden(character) for character in every]


@pytest.mark.parametrize("text", ["", "iowa", "a b", "Büro 7", "東京", "أحمر", "🚀", "\\x1b", "a\xa0b", "[red]x[/]"])
def test_what_can_be_read_stays(text):
    """Other scripts than Latin are no danger."""
    assert printable(text) == text
    assert not is_hidden(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b2J", r"\x9b2J"),
        ("gpu\u202e0", r"gpu\u202e0"),
        ("\u200bx\ufeff", r"\u200bx\ufeff"),
        ("a\u2028b", r"a\u2028b"),
        ("\U000e0041", r"\U000e0041"),
        ("\udc80", r"\udc80"),
    ],
)
def test_what_cannot_stands_as_an_escape(text, shown):
    """Which one it was can be told."""
    assert printable(text) == shown


def test_a_long_text_is_cut():
    """A page of HTML is no line of a log."""
    assert printable("x" * 100, most=10) == "xxxxxxx..."
    assert len(printable("x" * 10**6)) == 2_000


@given(hostile())
def test_nothing_is_obeyed(text):
    """Whatever comes: one line, and of several lines none that was not one before."""
    assert not any(map(is_hidden, printable(text)))
    assert "\n" not in safe_line(text)
    lines = printable_lines(text).split("\n")
    assert len(lines) == len(text.split("\n"))
    assert not any(map(is_hidden, lines))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://node:9400/metrics answered 500", "http://node:9400/metrics answered 500"),
        ("see https://me:secret@node/x?ticket=secret#secret, then", "see https://node/x, then"),
        ("(http://node?secret)", "(http://node)"),
        ("http://me:se/cret@node/x", "http://node/x"),
        ("http://[::1]:80/x?secret", "http://[::1]:80/x"),
        ("HTTPConnectionPool(host='n', port=80): with url: /x?token=secret (Caused by", None),
        ("kafka://u:secret@a:1 and http://b?secret", "kafka://a:1 and http://b"),
        ("is it here?yes", "is it here?yes"),
    ],
)
def test_a_url_in_a_text_keeps_its_secrets(text, told):
    """User, password, query and fragment are not for logs."""
    shown = without_secrets(text)

    assert told is None or shown == told
    assert "secret" not in shown


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8), st.booleans())
def test_a_secret_is_never_told(secret, in_query):
    """Wherever in the URL it stands."""
    url = f"https://node/x?{secret}" if in_query else f"https://me:{secret}@node/x"
    assert secret not in safe_line(f"cannot read {url} now").replace("https://node/x", "").replace("cannot read", "")
