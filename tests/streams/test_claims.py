"""By which ways samples of a chip come: one claim of each, told with the inventory."""

import pyarrow as pa

from schema import encoding
from streams.blocks import Block, Commit, LogMessage, Span
from streams.claims import RENEWED_AT_ONCE_MS, RENEWED_EVERY_MS
from streams.process import Processor, Stored
from tests.batches import NOW_MS, batch


def arrives(processor: Processor, *batches: pa.RecordBatch, partition: int = 3, appended_ms: int = NOW_MS) -> Stored:
    messages = [
        LogMessage(partition, offset, appended_ms, encoding.encode(one), None) for offset, one in enumerate(batches)
    ]
    return processor.process(Commit("one", [Block(Span(partition, 0, len(messages) - 1), messages)]))


def claims(stored: Stored) -> set[tuple[int, int]]:
    if stored.claims is None:
        return set()
    return set(zip(stored.claims["chip_key"].to_pylist(), stored.claims["claim"].to_pylist(), strict=True))


def test_a_chip_that_one_producer_reports_has_one_claim():
    """It is told at its first sample, and again after a while."""
    processor = Processor()
    first = arrives(processor, batch(chip=["a", "b"]))
    later = [
        arrives(processor, batch(chip=["a", "b"], ts=NOW_MS + at), appended_ms=NOW_MS + at)
        for at in (1000, RENEWED_EVERY_MS, RENEWED_EVERY_MS + 1000)
    ]

    assert len(claims(first)) == 2
    assert [claims(stored) == claims(first) for stored in later] == [False, True, False]
    assert claims(arrives(Processor(), batch(chip=["b", "a"]))) == claims(first)


def test_claims_are_renewed_together_and_a_bounded_number_at_once(monkeypatch):
    """Those that were not for longest; the others a while later."""
    monkeypatch.setattr("streams.claims.RENEWED_ROWS", 3)
    processor = Processor()
    hosts = [batch(host=host, chip=[f"{host}/0", f"{host}/1"]) for host in "abc"]
    for nth, host in enumerate(hosts):
        arrives(processor, host, appended_ms=NOW_MS + nth)
    renewed = []
    for at in range(0, 3 * RENEWED_AT_ONCE_MS, 1000):
        stored = arrives(processor, *hosts, appended_ms=NOW_MS + 10 + RENEWED_EVERY_MS + at)
        renewed.append(0 if stored.claims is None else sum(not one for one in stored.claims["overlaps"].to_pylist()))

    assert [(at, count) for at, count in enumerate(renewed) if count] == [(0, 4), (RENEWED_AT_ONCE_MS // 1000, 2)]


def test_another_host_partition_or_message_is_another_claim_of_the_same_chip():
    stored = [
        arrives(Processor(), batch(host="a", chip="x")),
        arrives(Processor(), batch(host="b", chip="x")),
        arrives(Processor(), batch(host="a", chip="x"), partition=4),
        arrives(Processor(), batch(host=["first", "a"], chip=["y", "x"])),
    ]

    (one,) = claims(stored[0])
    same = [pair for each in stored for pair in claims(each) if pair[0] == one[0]]
    assert len(same) == len(set(same)) == 4
    assert claims(arrives(Processor(), batch(host="a", chip="x", fleet="other"))).isdisjoint(same)


def test_samples_that_overlap_are_a_claim_of_their_own():
    processor = Processor()
    first = arrives(processor, batch(chip=["a", "b"]))
    again = arrives(processor, batch(chip=["a", "b"]))

    assert again.series is None
    assert {key for key, _ in claims(again)} == {key for key, _ in claims(first)}
    assert claims(again).isdisjoint(claims(first))


def test_meters_claim_nothing():
    stored = arrives(Processor(), batch(model=["host-meter", "h100-sxm"], chip=["meter/host-0", "a"]))

    assert stored.series.num_rows == 2
    assert stored.claims.num_rows == 1
    assert arrives(Processor(), batch(model="rack-meter"), batch(model="rack-meter")).claims is None


def test_who_has_met_too_many_chips_forgets_and_begins_anew():
    """Every chip is told once more, and no joule is lost."""
    processor = Processor()
    processor._overlaps._most = 1
    first = arrives(processor, batch(chip=["a", "b"]))
    again = arrives(processor, batch(chip=["a", "b"], ts=NOW_MS + 1000))

    assert claims(again) == claims(first)
    assert again.totals[0].samples == 2
