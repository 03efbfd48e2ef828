"""Rows with labels that every worker would refuse stay here, and the rest of their batch goes on."""

import threading

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from producers.refused import refused_rows, without_refused
from producers.sampler import Sampler
from producers.source import Batch, SourceDoneError, Where
from schema import checks, wire
from schema.errors import GigawattError
from schema.printable import is_hidden
from tests.batches import NOW_MS, batch
from tests.texts import hidden_in, hostile


def test_a_good_batch_is_passed_on_as_it_is():
    good = Batch("h", batch(job=[None, "büro", "a"]))

    assert without_refused(good) == (good, [])


def test_only_the_rows_with_such_labels_are_kept_back():
    """What is kept no longer has the label, in its dictionary either."""
    mixed = Batch("h", batch(chip=["a", "b\x1b", "c"], job=["x", None, "y\u200b"], power_w=[1.0, 2.0, 3.0]))
    kept, lines = without_refused(mixed)

    assert kept.samples["power_w"].to_pylist() == [1.0]
    assert kept.samples.schema == mixed.samples.schema
    assert without_refused(kept) == (kept, [])
    assert refused_rows(mixed, kept) == 2
    assert [line.split()[:3] for line in lines] == [["label", "chip", r"b\x1b"], ["label", "job", r"y\u200b"]]


def test_a_label_that_no_row_uses_costs_nothing():
    """A dictionary may have more than its rows need."""
    rows = batch(chip=["a", "b\x1b"]).slice(0, 1)
    kept, lines = without_refused(Batch("h", rows))

    assert (kept.samples.num_rows, lines) == (1, [])


@given(st.lists(st.tuples(hostile(surrogates=False), hostile(surrogates=False)), min_size=1, max_size=4))
def test_what_is_passed_on_is_no_bad_label_for_the_worker(rows):
    """Source and worker follow one table."""
    sent = Batch("h", batch(host=[host for host, _ in rows], job=[job for _, job in rows]))
    kept, lines = without_refused(sent)
    codes = checks.refusals(wire.columns([sent.samples]), NOW_MS)
    bad = sum(any(map(is_hidden, row)) for row in rows)

    assert refused_rows(sent, kept) == bad
    assert bool(lines) == bool(bad)
    assert not any(map(hidden_in, lines))
    assert sum(checks.REASONS[code] == "bad_label" for code in codes) <= bad
    if kept is not None:
        passed = checks.refusals(wire.columns([kept.samples]), NOW_MS)
        assert "bad_label" not in {checks.REASONS[code] for code in passed}


def test_a_producer_says_it_once_and_counts():
    """Not every second; and the other chips' samples go on."""

    class Source:
        default_period_s = 0.0
        left = 3

        def read(self, tick):
            if not self.left:
                raise SourceDoneError
            self.left -= 1
            return [Batch("h", batch(chip=["a\x1b]0;x\x07", "b"])), Batch("i", batch(host="i\u202e"))]

        def close(self):
            """Nothing is open."""

    published = []
    sampler = Sampler(Source(), published.append, period_s=0.0, stop=threading.Event())
    with capture_logs() as logs:
        sampler.run()

    assert (sampler.counts.samples, sampler.counts.rejected) == (3, 6)
    assert [one.samples.num_rows for one in published] == [1, 1, 1]
    said = [entry["reason"] for entry in logs if entry["event"] == "samples are rejected before publishing"]
    assert len(said) == 2
    assert said[0].startswith(r"label chip a\x1b]0;x\x07 has invisible or control characters")


@pytest.mark.parametrize("field", ["site", "fleet", "host"])
def test_a_flag_that_is_no_label_is_refused_at_once(field):
    """All samples would be rejected for it."""
    with pytest.raises(GigawattError, match=rf"^{field} a\\x1b: "):
        Where(**{field: "a\x1b"})
    with pytest.raises(GigawattError, match="at most 128 bytes"):
        Where(**{field: "é" * 65})
    assert getattr(Where(**{field: "é" * 64}), field)


def test_other_types_of_columns_are_left_to_the_worker():
    """A recording may have any."""
    odd = pa.RecordBatch.from_pydict({"host": pa.array([1]), "site": pa.array(["a"], pa.large_utf8())})

    assert without_refused(Batch("h", odd))[1] == []
