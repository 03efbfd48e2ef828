"""The page has the figures that are checked in, and what is written by hand is left alone."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.peers.measure import PeerResult
from bench.report.figures import MEASURED, begun, read
from bench.report.page import BEGIN, END, checked, drawn, put
from schema.errors import GigawattError
from tests.bench.runs import runs

DOCS = Path(__file__).parents[3] / "docs"


def figures():
    made = begun()
    made.runs = runs()
    peer = {"cpu_us_per_sample": {"server": 30.0, "total": 30.0}, "memory_mb": {"server": 300.0}}
    ran = PeerResult("Some <peer>", "what it does", "1.2", 1_000, 8, **peer)
    made.peers = [(made.runs[0], [ran, PeerResult("Another", "the same", "", 1_000, 8, skipped="it is not here")])]
    return made


def test_the_page_has_the_figures_that_are_checked_in():
    """It is made anew by `gigawatt bench --report docs/performance.md --measured bench/measured.json`."""
    page = (DOCS / "performance.md").read_text("utf-8")

    assert put(page, read(MEASURED), "performance.svg") == page
    assert drawn(read(MEASURED)) == (DOCS / "performance.svg").read_text("utf-8")


def test_what_is_written_by_hand_stays():
    made = put(f"# Before\n\n{BEGIN}\nold\n{END}\n\nafter\n", figures(), "one.svg")

    assert made.startswith(f"# Before\n\n{BEGIN}\n")
    assert made.endswith(f"{END}\n\nafter\n")
    assert "old" not in made
    assert put(made, figures(), "one.svg") == made


def test_every_shape_connection_worker_and_peer_has_its_figures():
    made = put(f"{BEGIN}\n{END}", figures(), "one.svg")

    for said in ("### Hosts of 8", "### Pods of 4,096", "### A connection for each host", "### More workers"):
        assert said in made
    assert "![CPU time a sample against fleet size](one.svg)" in made
    assert "| Some <peer> |" in made
    assert "not run: it is not here" in made
    tables = [part for part in made.split("\n\n") if part.startswith("| ")]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1


def test_a_page_without_marks_is_refused():
    with pytest.raises(GigawattError, match="lacks the lines"):
        put("# Performance", figures(), "one.svg")


def test_terms_are_held_beside_what_was_measured():
    head, *rows = checked(runs())

    assert head[1:] == [f"{role}: measured, by terms" for role in ("broker", "worker", "store")]
    assert len(rows) == len(runs())
    for cell in (cell for row in rows for cell in row[1:]):
        said, by_terms = map(float, cell.split(", "))
        assert by_terms == pytest.approx(said, abs=0.002)  # runs without noise


def test_the_plot_is_a_picture_with_every_line_named():
    root = ET.fromstring(drawn(figures()))  # noqa: S314  our own
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {"Hosts of 8", "Pods of 4,096", "Some <peer>", "1,000", "1,000,000"} <= set(texts)
    assert "Another" not in texts
