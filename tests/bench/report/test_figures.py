"""Figures survive their file, and a file of something else is told in one line."""

import json

import pytest

from bench.peers.measure import PeerResult
from bench.report.figures import MEASURED, begun, read
from schema.errors import GigawattError
from tests.bench.runs import runs


def test_figures_come_back_as_they_were_written(tmp_path):
    figures = begun()
    figures.runs = runs()
    figures.peers = [(runs()[0], [PeerResult("One", "what", "1", 1_000, 8, skipped="not here")])]
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(figures.as_json()))

    assert read(path) == figures


def test_figures_say_where_and_with_what_they_were_made():
    figures = begun()

    assert figures.machine.keys() == {"cpu", "cores", "memory", "kernel"}
    assert {"Python", "Apache Kafka", "ClickHouse (chDB)", "gigawatt"} <= figures.versions.keys()
    assert all([*figures.machine.values(), *figures.versions.values()])


def test_the_figures_that_are_checked_in_are_whole():
    figures = read(MEASURED)

    assert {8, 4096} <= {run.batch for run in figures.runs}
    assert figures.date >= "2026-11-27"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"peers": [], "runs": [{}], "date": 1, "machine": 1, "versions": 1}']
)
def test_a_file_of_something_else_is_told_in_one_line(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)

    with pytest.raises(GigawattError, match="has no figures of gigawatt bench in it"):
        read(path)


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(GigawattError, match="cannot read"):
        read(MEASURED.with_name("none.json"))
