import io

import pytest

from schema.plain_output import plain, write_whatever_comes


@pytest.mark.parametrize(
    ("text", "shown"),
    [("3 MW ± 2 \u2013 1 · x", "3 MW +- 2 - 1 | x"), ("▁█", ".@"), ("Zürich", "Z\\xfcrich"), ("\udcff", "\\udcff")],
)
def test_a_terminal_that_knows_ascii_alone_gets_ascii(text, shown):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="gigawatt.plain")
    write_whatever_comes()
    stream.write(text)
    stream.flush()

    assert stream.buffer.getvalue().decode() == shown


def test_a_broken_text_that_is_read_is_none_of_ours():
    with pytest.raises(UnicodeDecodeError):
        plain(UnicodeDecodeError("ascii", b"\xff", 0, 1, "no"))
