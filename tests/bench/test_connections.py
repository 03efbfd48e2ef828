"""Messages are dealt out to connections, and reads that wait together keep their own times."""

from collections import Counter

import pyarrow as pa
import pytest

from bench.connections import Alone, Dealer, joined
from producers.sink import Sent
from producers.source import Batch, Tick
from producers.sources.simulated import Simulated
from schema import fleet as fleets
from tests.batches import NOW_MS, batch


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.sent = Sent()
        self.batches = []
        self.watched = 0

    def publish(self, one):
        self.batches.append(one)

    def watch(self):
        self.watched += 1

    def waiting_bytes(self):
        return 0

    def close(self, timeout_s):
        pass


def read(host: str, second: int) -> Batch:
    return Batch(host, batch(ts=NOW_MS + 1000 * second, host=host, chip=[f"{host}/0", f"{host}/1"]))


@pytest.mark.parametrize("every", [1, 3])
def test_each_host_keeps_to_one_connection(every):
    sinks = [Kept() for _ in range(4)]
    dealer = Dealer(sinks, every)
    for second in range(7):
        for host in range(10):
            dealer.publish(read(f"host-{host}", second))

    places = [{one.key for one in sink.batches} for sink in sinks]
    assert sum(len(keys) for keys in places) == len(set.union(*places)) == 10
    assert max(map(len, places)) - min(map(len, places)) <= 1


def test_reads_that_wait_are_one_message_with_all_their_times():
    sink = Kept()
    dealer = Dealer([sink], every=3)
    for second in range(9):
        for host in range(6):
            dealer.publish(read(f"host-{host}", second))

    for key in {one.key for one in sink.batches}:
        rows = pa.Table.from_batches([one.samples for one in sink.batches if one.key == key]).to_pylist()
        times = [round(row["ts"].timestamp() * 1000 - NOW_MS) // 1000 for row in rows]
        assert times == sorted(times)
        assert set(Counter(times).values()) == {2}  # each chip once a second
        assert times[0] == 0
    assert max(one.samples.num_rows for one in sink.batches) == 6
    # Hosts are due in turn, not all in one second.
    assert {one.samples.num_rows for one in sink.batches[:6]} != {6}


def test_joined_batches_have_one_dictionary_a_column():
    one = joined([batch(host="a", chip=["a/0", "a/1"]), batch(host="a", chip=["a/1", "a/2"])])

    assert one.column("chip").to_pylist() == ["a/0", "a/1", "a/1", "a/2"]
    assert len(one.column("host").dictionary) == 1


def test_every_connection_is_looked_after():
    sinks = [Kept(), Kept()]
    Dealer(sinks).watch()

    assert [sink.watched for sink in sinks] == [1, 1]


def test_a_message_has_the_labels_of_its_own_chips_alone():
    fleet, tick = fleets.scaled(fleets.load(None), 400), Tick(NOW_MS, 1_000)
    alone = Alone(Simulated(fleet, batch=8, cadence_s=1))

    alike = [(one.key, pa.Table.from_batches([one.samples]).to_pylist()) for one in alone.read(tick)]
    assert alike == [
        (one.key, pa.Table.from_batches([one.samples]).to_pylist())
        for one in Simulated(fleet, batch=8, cadence_s=1).read(tick)
    ]
    for one in alone.read(tick):
        assert len(one.samples.column("chip").dictionary) == one.samples.num_rows
        assert len(one.samples.column("site").dictionary) == 1
    alone.close()
