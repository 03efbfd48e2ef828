"""Whatever comes as a message: nothing is raised, and every row is accepted or rejected with a reason."""

import io
import math
import re
import time
from typing import Final

import psutil
import pyarrow as pa
from hypothesis import strategies as st

from dashboards.live import terminal
from dashboards.live.alert_lines import alert_lines
from dashboards.live.console import Console
from dashboards.live.rows import (
    Doubtful,
    Fleet,
    Flow,
    Key,
    MethodSum,
    Rows,
    Second,
)
from dashboards.live.summary import summarize
from dashboards.preview import Alert
from schema import checks, encoding, wire
from schema.printable import is_hidden
from schema.samples import DESCRIPTION, IDENTITY, LABELS
from streams import json_rows
from streams.blocks import Block, Commit, LogMessage, Span
from streams.decoded import Refusal
from streams.process import Processor, Stored
from tests.batches import NOW_MS, batch
from tests.fuzz.damage import damaged
from tests.fuzz.messages import VALID_ARROW, odd_batches, odd_lines
from tests.fuzz.timed import Fuzzer
from tests.texts import hidden_in, hostile

_MOST_SECONDS: Final = 20.0
"""Of a processor: four million rows without anything in them are as much as one message may bring."""
_MOST_BYTES: Final = 3 * 2**30
_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")
"""What rich itself writes."""
_SOUND: Final = encoding.encode(batch(power_w=[3.0, 4.0], host=["beside", "it"]))


def processed(value: bytes, content_type: str | None) -> Stored:
    """Process a message beside a sound one, whose rows it must not touch; return what is stored of the first."""
    began = time.process_time()
    messages = [LogMessage(0, 1, NOW_MS, value, content_type)]
    assert messages[0].weight >= 0
    stored = Processor().process(Commit("one", [Block(Span(0, 1, 1), messages), beside()]))
    for table in stored.power:
        table.validate(full=True)
    assert time.process_time() - began < _MOST_SECONDS
    assert psutil.Process().memory_info().rss < _MOST_BYTES
    return stored


def beside() -> Block:
    """Return a block of another partition, with two sound rows."""
    return Block(Span(1, 5, 5), [LogMessage(1, 5, NOW_MS, _SOUND, None)])


def rows_of(value: bytes, content_type: str | None) -> int | None:
    """Return how many rows a message has, None where it is undecodable; any other error is a defect."""
    try:
        decoded = wire.decode(value, content_type)
    except wire.UndecodableError:
        return None
    samples = wire.columns([decoded])
    assert len(samples) == decoded.num_rows
    assert len(checks.refusals(samples, NOW_MS)) == decoded.num_rows
    return decoded.num_rows


def accounted(value: bytes, content_type: str | None) -> Stored:
    """Check that a message's rows are all there: stored, or rejected with a reason and kept as a dead letter."""
    rows = rows_of(value, content_type)
    stored = processed(value, content_type)
    ours, other = sorted(stored.totals, key=lambda totals: totals.block.span.partition)
    assert (other.samples, other.rejected, other.energy_j) == (2, 0, 7.0)
    assert ours.samples + ours.rejected == (1 if rows is None else rows)
    assert math.isfinite(ours.energy_j)
    assert ours.energy_j >= 0
    assert sum(refusal.rows for refusal in stored.refusals) == ours.rejected
    for refusal in stored.refusals:
        assert refusal.reason in checks.REASONS[1:] or (refusal.reason == checks.UNDECODABLE and rows is None)
        assert not refusal.detail.startswith("unexpected"), refusal.detail
        assert not is_hidden(refusal.detail)
        if rows is not None:
            assert reasons_in(refusal) == [refusal.reason] * refusal.rows
    for column in texts_of(stored):
        assert not any(map(is_hidden, column))
    return stored


def reasons_in(refusal: Refusal) -> list[str]:
    """Return the reason of each row that a dead letter holds: a line of JSON each, or rows of Arrow.

    A line that is no object is kept as it came; its reason stands in the headers alone.
    """
    if refusal.content_type == encoding.NDJSON:
        found = [json_rows.said(line) for line in refusal.value.splitlines()]
        return [one["reason"] if one else refusal.reason for one in found]
    return wire.decode(refusal.value, refusal.content_type).column("reason").to_pylist()


def texts_of(stored: Stored) -> list[list[str]]:
    """Return the texts of everything that is stored."""
    tables = [table for table in (*stored.power, stored.raw, stored.series, stored.claims) if table is not None]
    columns = [column for table in tables for column in table.columns]
    return [
        [text for text in pa.compute.unique(column.cast(pa.utf8())).to_pylist() if text is not None]
        for column in columns
        if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)
    ]


def arrow(value: bytes) -> None:
    accounted(value, encoding.ARROW_STREAM)


def test_arrow_messages():
    Fuzzer(arrow).run(st.one_of(damaged(st.sampled_from(VALID_ARROW)), odd_batches(), damaged(odd_batches(), 2)))


def ndjson(value: bytes) -> None:
    accounted(value, encoding.NDJSON)
    rows_of(value, None)  # which the first bytes tell


def test_ndjson_messages():
    Fuzzer(ndjson).run(st.one_of(odd_lines(), damaged(odd_lines(), 3)))


def labels(texts: list[str]) -> None:
    given = dict(zip((*IDENTITY, *DESCRIPTION), texts, strict=True))
    fields = {name: text.encode("utf-8", "replace").decode() for name, text in given.items()}
    for sound in ({}, {"platform": "nvidia", "power_method": "sensor"}):
        one = batch(**{**fields, **sound})
        accounted(encoding.encode(one), None)
        accounted(encoding.encode_ndjson(one), None)
    shown(fields)
    shown(given)


def shown(given: dict[str, str]) -> None:
    """Check what a terminal gets of labels that were stored before they were checked."""
    key = Key(given["site"], given["fleet"], given["platform"])
    second = Second(1_000, 5.0, 6.0, 1.0, 1, 2, 0.5, 0.5, None, 0.0)
    rows = Rows(
        now=1_010.0,
        fleets={key: Fleet(10.0, 2.0, 2.0, heard=True, second=second)},
        lines=[key],
        methods={key: [MethodSum(given["power_method"], 5.0, 1.0, 1)]},
        flow=Flow(newest_ts=1_009.0),
        refused_rows={given["job"]: 3},
        doubtful={key: Doubtful(1, [given["host"], given["chip"]], [given["power_method"], given["model"]])},
    )
    summary = summarize(rows)
    alert = Alert(
        "x", given["site"], "critical", "Alerting", True, dict(given), 0, 1.0, None, given["job"], given["fleet"],
        given["host"], "small", 1,
    )  # fmt: skip
    to = io.StringIO()
    console = Console(file=to, width=200, color_system="truecolor", force_terminal=True, legacy_windows=False)
    console.print(terminal.show(summary), *alert_lines([alert], 1_000_000))
    assert hidden_in(_COLOR.sub("", to.getvalue())) == []
    assert hidden_in(terminal.one_line(summary)) == []


def test_labels():
    Fuzzer(labels).run(st.lists(hostile(), min_size=len(LABELS), max_size=len(LABELS)))
