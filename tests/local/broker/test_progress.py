import io

from rich.console import Console

from local.broker.progress import download_shown


def test_plain_lines_tell_the_quarters_of_a_download():
    """Without a terminal there are five lines, however often the function is called."""
    said = io.StringIO()
    with download_shown(Console(file=said, width=20)) as downloaded:
        for done in range(0, 40_000_001, 1_000_000):
            downloaded(done, 40_000_000)

    assert said.getvalue().splitlines() == [
        f"downloading Apache Kafka (once): {done} of 40 MB" for done in (0, 10, 20, 30, 40)
    ]


def test_nothing_to_download_shows_nothing():
    """Neither as lines nor as a bar."""
    for terminal in (False, True):
        said = io.StringIO()
        with download_shown(Console(file=said, force_terminal=terminal, width=80)):
            pass

        assert "downloading" not in said.getvalue()
