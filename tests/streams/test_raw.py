"""Raw rows: what shares one, and under which time it stands."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from streams.raw import ROW_SAMPLES, ROW_SPAN_MS
from tests.batches import NOW_MS, batch
from tests.streams.test_process import process, unfold

LATE_MS = 71 * 3_600_000


def spans(raw: pa.Table) -> list[tuple[int, int, int]]:
    """Return of each row the time under which it stands, the last end of a sample, and how many it has."""
    found = []
    for row in raw.select(["time", "ts_delta_ms", "rows"]).to_pylist():
        time_ms = int(row["time"].timestamp() * 1000)
        found.append((time_ms, time_ms + max(row["ts_delta_ms"]), row["rows"]))
    return sorted(found)


def test_a_late_sample_takes_no_fresh_one_with_it():
    """It once stood for 1,600 others: out of every board's view, and gone with it within an hour."""
    late = batch(ts=NOW_MS - LATE_MS, chip="late")
    fresh = [batch(host=f"h{number}", chip=[f"{number}/{chip}" for chip in range(8)]) for number in range(40)]

    assert spans(process(*fresh[:20], late, *fresh[20:]).raw) == [
        (NOW_MS - LATE_MS, NOW_MS - LATE_MS, 1),
        (NOW_MS, NOW_MS, 320),
    ]


def test_a_late_row_within_a_message_stands_alone_too():
    raw = process(batch(ts=[NOW_MS, NOW_MS - LATE_MS, NOW_MS], chip=["a", "b", "c"])).raw

    assert spans(raw) == [(NOW_MS - LATE_MS, NOW_MS - LATE_MS, 1), (NOW_MS, NOW_MS, 2)]


def test_seconds_that_are_stored_together_share_rows():
    raw = process(*(batch(ts=NOW_MS // ROW_SPAN_MS * ROW_SPAN_MS - 1000 * second) for second in range(1, 11))).raw

    assert [row[2] for row in spans(raw)] == [10]


def test_a_row_is_full_at_its_bound():
    """Segments are never cut: one that would not fit begins the next row."""
    half = ROW_SAMPLES // 2
    sent = [
        batch(ts=NOW_MS, host=f"h{number}", chip=[f"{number}/{chip}" for chip in range(size)])
        for number, size in enumerate((half, half, 1, half))
    ]

    assert [row[2] for row in spans(process(*sent).raw)] == [half + 1, ROW_SAMPLES]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 60_000), st.sampled_from("ab")), min_size=1, max_size=30),
        min_size=1,
        max_size=12,
    )
)
def test_every_sample_is_in_one_row_of_its_fleet_and_time(messages):
    """Whatever the order in which they come."""
    batches = [
        batch(
            ts=[NOW_MS - back for back, _ in rows],
            fleet=[fleet for _, fleet in rows],
            chip=[f"{number}/{row}" for row in range(len(rows))],
            host=f"h{number % 5}",
        )
        for number, rows in enumerate(messages)
    ]
    raw = process(*batches).raw

    assert all(last - first < ROW_SPAN_MS + 1000 and rows <= ROW_SAMPLES for first, last, rows in spans(raw))
    deltas, rows = unfold(raw, "ts_delta_ms"), raw.select(["time", "fleet", "rows"]).to_pylist()
    owners = [(row["fleet"], int(row["time"].timestamp() * 1000)) for row in rows for _ in range(row["rows"])]
    stored = sorted((fleet, time_ms + delta) for (fleet, time_ms), delta in zip(owners, deltas, strict=True))
    assert stored == sorted((fleet, NOW_MS - back) for sent in messages for back, fleet in sent)
