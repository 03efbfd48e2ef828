import io

from gigawatt.status_line import StatusLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_is_written_over():
    """The latest text stands alone on its line, and is taken away in the end."""
    terminal, now_s = Terminal(), 0.0
    line = StatusLine(terminal, per_second=2, elapsed=lambda: now_s)
    line.show("one")
    now_s = 1.0
    line.show("two")
    line.clear()

    assert terminal.getvalue() == "\r\x1b[2Kone\r\x1b[2Ktwo\r\x1b[2K"


def test_it_is_written_now_and_then_only():
    """A thousand reads a second do not make a thousand writes."""
    terminal = Terminal()
    line = StatusLine(terminal, per_second=2, elapsed=lambda: 0.0)
    for number in range(1000):
        line.show(str(number))

    assert terminal.getvalue() == "\r\x1b[2K0"


def test_where_there_is_no_terminal_nothing_is_written():
    """A log file holds no status lines."""
    stream = io.StringIO()
    line = StatusLine(stream)
    line.show("one")
    line.clear()

    assert stream.getvalue() == ""


def test_where_there_is_no_terminal_a_line_now_and_then_may_be_wanted():
    """A log then tells how far it is."""
    stream, now_s = io.StringIO(), 0.0
    line = StatusLine(stream, line_every_s=10, elapsed=lambda: now_s)
    for now_s in range(25):
        line.show(f"at {now_s}")
    line.clear()

    assert stream.getvalue() == "at 10\nat 20\n"
