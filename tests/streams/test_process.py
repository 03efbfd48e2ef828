"""A block of messages becomes tables: what is accepted is summed and kept, what is refused is kept with its reason."""

import pyarrow as pa
import pyarrow.compute
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import checks, encoding, wire
from schema.printable import is_hidden
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor, Stored
from streams.rosters import Roster, RosterCache
from tests.batches import NOW_MS, batch
from tests.texts import hostile


def process(*values: bytes | pa.RecordBatch, processor: Processor | None = None, partition: int = 3) -> Stored:
    return (processor or Processor()).process(Commit("one", [block(*values, partition=partition)]))


def block(*values: bytes | pa.RecordBatch, partition: int = 3) -> Block:
    messages = [
        LogMessage(partition, 100 + index, NOW_MS, value if isinstance(value, bytes) else encoding.encode(value), None)
        for index, value in enumerate(values)
    ]
    return Block(Span(partition, 100, 99 + len(messages)), messages)


def totals(stored: Stored) -> tuple[int, int, float]:
    (only,) = stored.totals
    return only.samples, only.rejected, only.energy_j


def unfold(raw: pa.Table, column: str) -> list:
    """Return a raw column sample by sample: an array of one stands for as many as the row has."""
    values = []
    for row in raw.select([column, "rows"]).to_pylist():
        values += row[column] * (row["rows"] if len(row[column]) == 1 else 1)
    return values


def test_accepted_samples_are_counted_with_their_joules():
    stored = process(batch(power_w=[100.0, 200.0]), batch(power_w=300.0, interval_ms=500))

    assert totals(stored) == (3, 0, 450.0)
    assert stored.totals[0].newest_ts_ms == NOW_MS


def test_a_message_without_rows_stops_nothing():
    """It once took the worker down with all that stood beside it."""
    stored = process(batch().slice(0, 0), batch(power_w=100.0), batch(power_w=200.0, chip="host-0/1"))

    assert totals(stored) == (2, 0, 300.0)


@pytest.mark.parametrize(
    "extra",
    [
        pa.array(["a", "b"], pa.string_view()),
        pa.array([b"a", b"b"], pa.binary_view()),
        pa.compute.run_end_encode(pa.array(["a", "b"])),
        pa.array([["a"], ["b"]], pa.list_(pa.string_view())),
    ],
    ids=str,
)
def test_a_column_of_any_type_beside_them_costs_no_row(extra: pa.Array):
    """Of some types Arrow cannot take single rows; the rejected one is in its dead letter all the same."""
    stored = process(batch(power_w=[100.0, -1.0]).append_column("extra", extra))

    assert totals(stored) == (1, 1, 100.0)
    (refusal,) = stored.refusals
    assert refusal.reason == "bad_power"
    assert "b" in str(wire.decode(refusal.value).column("extra")[0])


def test_sums_are_kept_apart_by_group_and_power_method():
    stored = process(
        batch(power_method=["counter", "sensor", None], power_w=[1.0, 2.0, None], fleet="a"),
        batch(power_method="model", power_w=4.0, fleet="b", platform="tpu"),
    )

    seconds = pa.concat_tables(stored.power).filter(pa.compute.field("resolution_s") == 1)
    rows = seconds.select(["fleet", "platform", "power_method", "energy_j", "chip_seconds"]).to_pylist()
    assert sorted(tuple(row.values()) for row in rows) == [
        ("a", "nvidia", "", 0.0, 1.0),
        ("a", "nvidia", "counter", 1.0, 1.0),
        ("a", "nvidia", "sensor", 2.0, 1.0),
        ("b", "tpu", "model", 4.0, 1.0),
    ]


def test_what_idle_chips_draw_is_summed_beside_the_rest():
    """A chip whose utilization nobody states is not taken for idle, nor one at the limit."""
    stored = process(
        batch(
            power_w=[100.0, 10.0, 20.0, None],
            utilization=[0.05, 0.049, None, 0.0],
            power_method=["counter"] * 3 + [None],
        )
    )

    seconds = pa.concat_tables(stored.power).filter(pa.compute.field("resolution_s") == 1)
    assert sum(seconds["idle_j"].to_pylist()) == 10.0
    assert sum(seconds["idle_chip_seconds"].to_pylist()) == 2.0


def test_throttled_chips_are_summed_by_cause():
    """1 power cap, 2 thermal, 4 hardware, 8 other; a chip may have several at once, and some say nothing."""
    stored = process(batch(throttle=[0, 1, 3, 4, 8, None], interval_ms=500))

    (row,) = pa.concat_tables(stored.power).filter(pa.compute.field("resolution_s") == 1).to_pylist()
    assert row["throttle_chip_seconds"] == 2.5
    assert (row["power_capped_chip_seconds"], row["thermal_chip_seconds"]) == (1.0, 0.5)
    assert row["hardware_throttled_chip_seconds"] == 0.5


def test_no_dictionary_holds_a_value_twice():
    """ClickHouse refuses such a one."""
    stored = process(batch(fleet=["a", "b", "a"], model=["x", "x", "y"], job=["j", "j", "k"]))

    for table in (*stored.power, stored.raw, stored.series):
        for column in table.columns:
            if pa.types.is_dictionary(column.type):
                values = column.chunk(0).dictionary.to_pylist()
                assert len(values) == len(set(values))


def test_raw_values_are_integers_at_the_sensors_resolution():
    stored = process(
        batch(
            power_w=[28.722, None],
            power_error_w=5.0,
            utilization=0.5,
            memory_used_bytes=7 * 2**20,
            temperature_c=[55.0, -3.5],
            throttle=[0, 5],
            job=["a", None],
        )
    )

    assert unfold(stored.raw, "power_dw") == [287, 2**32 - 1]
    assert unfold(stored.raw, "power_method") == [1, 0]
    assert stored.raw["power_error_dw"].to_pylist() == [[50]]
    assert unfold(stored.raw, "utilization_pm") == [500, 500]
    assert unfold(stored.raw, "tensor_pm") == [65535, 65535]
    assert unfold(stored.raw, "memory_used_mib") == [7, 7]
    assert unfold(stored.raw, "temperature_dc") == [550, -35]
    assert unfold(stored.raw, "throttle") == [0, 5]
    assert stored.raw["jobs"].to_pylist() == [["a"]]
    assert unfold(stored.raw, "job_index") == [1, 0]


def test_a_raw_sample_knows_its_message():
    stored = process(batch(host="b"), batch(host=["a", "a"]), batch(host="c"))

    assert sorted(unfold(stored.raw, "kafka_offset")) == [100, 101, 101, 102]
    assert set(unfold(stored.raw, "kafka_partition")) == {3}


def test_blocks_of_a_commit_have_totals_of_their_own():
    commit = Commit("one", [block(batch(power_w=1.0), b"garbage", partition=0), block(batch(power_w=4.0), partition=7)])

    stored = Processor().process(commit)

    assert [(t.samples, t.rejected, t.energy_j) for t in stored.totals] == [(1, 1, 1.0), (1, 0, 4.0)]
    assert sorted(unfold(stored.raw, "kafka_partition")) == [0, 7]


def test_refused_rows_are_kept_as_received_with_their_reason():
    stored = process(batch(power_w=[1.0, -1.0, 3.0], host=["a", "b", None]))

    assert totals(stored) == (1, 2, 1.0)
    letters = {refusal.reason: wire.decode(refusal.value) for refusal in stored.refusals}
    assert letters["bad_power"]["power_w"].to_pylist() == [-1.0]
    assert letters["bad_power"]["reason"].to_pylist() == ["bad_power"]
    assert letters["missing_label"]["host"].to_pylist() == [None]


def test_an_undecodable_message_is_kept_as_it_was_and_the_others_go_on():
    stored = process(batch(power_w=1.0), b"garbage", batch(power_w=2.0))

    (refusal,) = stored.refusals
    assert (refusal.reason, refusal.value, refusal.offset) == ("undecodable", b"garbage", 101)
    assert totals(stored) == (2, 1, 3.0)


def test_messages_of_different_schemas_share_a_block():
    narrow = batch(power_w=2.0).drop_columns(["job", "energy_j"])

    stored = process(batch(power_w=1.0), narrow, encoding.encode_ndjson(batch(power_w=4.0)))

    assert totals(stored) == (3, 0, 7.0)


def test_a_message_without_rows_is_no_refusal():
    stored = process(batch().slice(0, 0))

    assert totals(stored) == (0, 0, 0.0)
    assert stored.power == ()


def test_a_roster_that_comes_twice_hides_no_new_one():
    processor = Processor()
    stored = process(batch(chip="a"), batch(chip="a"), batch(chip="b"), processor=processor)

    assert sorted(stored.series["chip"].to_pylist()) == ["a", "b"]


def test_every_chip_is_told_to_the_inventory_at_its_first_sample():
    stored = process(batch(chip=["c0", "c1"], ts=[NOW_MS - 1000, NOW_MS]), batch(chip="c0"))

    rows = {row["chip"]: row for row in stored.series.to_pylist()}
    assert rows.keys() == {"c0", "c1"}
    assert rows["c0"]["first_seen"].timestamp() * 1000 == NOW_MS - 2000
    assert rows["c0"]["last_seen"].timestamp() * 1000 == NOW_MS


def test_a_chip_is_the_same_series_in_every_batch_and_another_on_another_host():
    processor = Processor()
    series = [
        set(unfold(process(batch(host=host, chip=["x", "y"]), processor=processor).raw, "series"))
        for host in ("a", "a", "b")
    ]

    assert series[0] == series[1]
    assert not series[0] & series[2]


def test_late_samples_are_summed_where_they_belong_and_counted():
    """Late is what ended more than half a minute before the broker had it."""
    stored = process(batch(power_w=[5.0, 7.0, 9.0], ts=[NOW_MS - 30_000, NOW_MS - 30_001, NOW_MS - 600_000]))

    assert stored.totals[0].late_samples == 2
    assert totals(stored) == (3, 0, 21.0)


def test_a_message_of_strange_types_costs_only_itself(strange_batch):
    sound, broken = batch(power_w=1.0), strange_batch

    stored = process(sound, broken, sound)

    samples, rejected, energy_j = totals(stored)
    assert (samples, energy_j) == (2, 2.0)
    assert rejected >= 1


@pytest.fixture
def strange_batch() -> pa.RecordBatch:
    """Make a batch that decodes and whose columns are of types that nobody expects."""
    return pa.RecordBatch.from_pydict(
        {"ts": pa.array([[1]]), "host": pa.array([{"a": 1}]), "power_w": pa.array([b"\xff"]), "interval_ms": ["x"]}
    )


def test_the_same_block_gives_the_same_tables_whoever_processes_it():
    values = (batch(power_w=[1.0, 2.0], chip=["a", "b"]), batch(power_w=3.0, host="z"))
    seasoned = Processor()
    process(*values, processor=seasoned)

    first, second = process(*values), process(*values, processor=seasoned)

    assert list(first.power) == list(second.power)
    assert first.raw.equals(second.raw)


class BreaksAt(RosterCache):
    """Stands for our own code that breaks at the message of one host."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host_key = xxhash.xxh64_intdigest(host.encode())

    def put(self, key: bytes, made: Roster) -> None:
        """Break, or keep it."""
        if made.host_key == self._host_key:
            raise RuntimeError("a defect of ours")
        super().put(key, made)


def test_a_new_chip_beside_a_message_that_breaks_our_code_is_told_to_the_inventory_once():
    """What was only tried counts for nothing: neither as told nor as stored."""
    stored = process(
        batch(host="a", power_w=100.0),
        batch(host="breaks", power_w=200.0),
        batch(host="c", power_w=300.0),
        processor=Processor(BreaksAt("breaks")),
    )

    assert totals(stored) == (2, 1, 400.0)
    assert [(refusal.reason, refusal.detail) for refusal in stored.refusals] == [
        ("undecodable", "unexpected RuntimeError: a defect of ours")
    ]
    assert sorted(stored.series["host"].to_pylist()) == ["a", "c"]
    assert set(stored.claims["overlaps"].to_pylist()) == {0}


@settings(deadline=None)
@given(st.lists(st.lists(hostile(surrogates=False), min_size=7, max_size=7), min_size=1, max_size=4), st.booleans())
def test_every_row_is_accounted_for_whatever_its_labels(rows, as_json):
    """As Arrow or as JSON: none raises, none is lost, and what is accepted can be seen."""
    names = ("site", "fleet", "platform", "model", "host", "chip", "job")
    labels = {name: [row[index] for row in rows] for index, name in enumerate(names)}
    labels["platform"] = ["nvidia" if index % 2 else text for index, text in enumerate(labels["platform"])]
    sent = batch(**labels)
    stored = process(encoding.encode_ndjson(sent) if as_json else sent)

    samples, rejected, joules = totals(stored)
    assert samples + rejected == len(rows)
    assert joules == pytest.approx(500.0 * samples)
    assert sum(refusal.rows for refusal in stored.refusals) == rejected
    for refusal in stored.refusals:
        assert refusal.reason in checks.REASONS
        assert wire.decode(refusal.value, refusal.content_type).num_rows == refusal.rows
    for table in [stored.series, *stored.power]:
        for text in _texts(table):
            assert not is_hidden(text)


def _texts(table: pa.Table | None) -> list[str]:
    columns = [] if table is None else [column.to_pylist() for column in table.columns]
    return [value for column in columns for value in column if isinstance(value, str)]


def test_why_a_message_cannot_be_decoded_is_one_harmless_line():
    """It goes into a header of the dead letter, a table, and from there to boards and terminals."""
    message = LogMessage(0, 1, NOW_MS, b"x", "text/\x1b]0;x\x07\u202e")
    (refusal,) = Processor().process(Commit("one", [Block(Span(0, 1, 1), [message])])).refusals

    assert refusal.reason == "undecodable"
    assert not is_hidden(refusal.detail)
