"""The state of a spool, over a broker that is a list: what was handed over, what of it arrived, and what was told."""

import os
import random
import resource
from collections import Counter
from contextlib import contextmanager

import pytest

from producers.spool.bounds import Bounds
from producers.spool.record import HEADER_BYTES
from producers.spool.spool import Spool
from schema.errors import GigawattError

KEY = b"node"
BOUNDS = Bounds(disk_bytes=64 * 2**10, age_s=3600.0, memory_bytes=4_000)


def kill(spool):
    """End it as a kill does: nothing more is written."""
    spool._closed.set()
    spool._keeper.join()
    spool._mark_file.close()
    spool.files.end()
    for descriptor in (spool._lock_fd, *spool.files._unsynced):
        os.close(descriptor)


def value(number, size=100):
    """Return bytes that do not compress and say what they are."""
    return f"{number}:".encode() + random.Random(number).randbytes(size)


def named(entry):
    return int(entry.record.value().partition(b":")[0])


class Log:
    """A topic of one partition."""

    def __init__(self):
        self.messages = []

    def arrive(self, spool, entry):
        self.messages.append((entry.identity(spool.mark), entry.record.number, named(entry)))
        return len(self.messages) - 1

    def look(self, spool):
        there = {(identity, number): at for at, (identity, number, _) in enumerate(self.messages)}
        doubts = spool.in_doubt()
        return {one.number: (0, there[place]) for one in doubts if (place := (one.identity, one.number)) in there}

    def payloads(self):
        return [payload for _, _, payload in self.messages]


def send_all(spool, log):
    """Hand over and acknowledge whatever waits."""
    while entries := spool.take(0):
        for entry in entries:
            spool.settle(entry.record.number, 0, log.arrive(spool, entry))


def recovered(path, log, bounds=BOUNDS, **options):
    spool = Spool(path, bounds, **options)
    spool.rewind()
    spool.judge(log.look(spool))
    return spool


def files(path):
    return sorted(one.name for one in path.iterdir() if one.name not in {"lock", "mark"})


def test_what_was_acknowledged_leaves_no_file(tmp_path):
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(3):
        spool.append(KEY, 8, value(number))
    send_all(spool, log)
    spool.close()

    assert log.payloads() == [0, 1, 2]
    assert files(tmp_path) == []
    assert (spool.sent.messages, spool.sent.samples, spool.sent.lost, spool.sent.spooled) == (3, 24, 0, 0)


def test_what_waits_is_sent_by_the_next_process_in_order(tmp_path):
    clock = {"now": lambda: 1_700_000_000.5}
    spool, log = Spool(tmp_path, BOUNDS, **clock), Log()
    for number in range(200):
        spool.append(KEY, 8, value(number))
    spool.close()
    after = recovered(tmp_path, log, **clock)
    entries = after.take(0)
    after.append(KEY, 8, value(200))
    for entry in entries:
        after.settle(entry.record.number, 0, log.arrive(after, entry))
    send_all(after, log)
    after.close()

    assert spool.sent.spooled == 1600
    assert entries[0].record.time_ms == 1_700_000_000_500
    assert log.payloads() == list(range(201))
    assert len({number for _, number, _ in log.messages}) == 201


def test_one_process_at_a_time_has_it(tmp_path):
    spool = Spool(tmp_path, BOUNDS)
    with pytest.raises(GigawattError, match="in use by another producer"):
        Spool(tmp_path, BOUNDS)
    spool.close()

    Spool(tmp_path, BOUNDS).close()


def test_a_directory_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GigawattError, match="cannot be used: Not a directory; choose another directory"):
        Spool(tmp_path / "file" / "spool", BOUNDS)


def test_when_it_is_full_the_oldest_are_dropped_and_counted(tmp_path):
    """By whole files; what is left is in order and without a gap."""
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(1000):
        spool.append(KEY, 8, value(number))
    size = sum(path.stat().st_size for path in tmp_path.glob("*.spool"))
    send_all(spool, log)
    dropped = 1000 - len(log.messages)

    assert log.payloads() == list(range(dropped, 1000))
    assert spool.sent.dropped == {"spool_full": 8 * dropped}
    assert BOUNDS.disk_bytes * 0.8 < size <= BOUNDS.disk_bytes
    spool.close()


def test_what_is_too_old_is_dropped_and_counted(tmp_path):
    clock = [1_700_000_000.0]
    spool, log = Spool(tmp_path, BOUNDS, now=lambda: clock[0]), Log()
    for number in range(60):
        clock[0] += 300.0
        spool.append(KEY, 8, value(number))
    send_all(spool, log)
    dropped = 60 - len(log.messages)

    assert log.payloads() == list(range(dropped, 60))
    assert dropped in range(46, 49)  # an hour is kept
    assert spool.sent.dropped == {"spool_age": 8 * dropped}
    spool.close()


def test_what_was_handed_over_is_never_dropped_for_room(tmp_path):
    """It may arrive; counted as dropped, it would be both."""
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(50):
        spool.append(KEY, 8, value(number))
    handed = spool.take(0)
    for number in range(50, 1000):
        spool.append(KEY, 8, value(number))
    for entry in handed:
        spool.settle(entry.record.number, 0, log.arrive(spool, entry))
    send_all(spool, log)

    assert log.payloads()[: len(handed)] == list(range(len(handed)))
    assert len(log.messages) * 8 + spool.sent.dropped["spool_full"] == 8000
    spool.close()


def test_drops_are_counted_for_the_life_of_the_spool(tmp_path):
    """And once, wherever the process is killed."""
    spool = Spool(tmp_path, BOUNDS)
    for number in range(1000):
        spool.append(KEY, 8, value(number))
    dropped = spool.sent.dropped["spool_full"]
    kill(spool)
    gone = tmp_path / f"{spool.mark.gone[-1]:020d}.spool"
    gone.write_bytes(next(tmp_path.glob("*.spool")).read_bytes())  # as if it had been killed before it was deleted
    again = Spool(tmp_path, BOUNDS)

    assert again.mark.dropped == {"spool_full": dropped}
    assert not gone.exists()
    again.close()


def test_a_torn_record_is_counted_and_costs_no_other(tmp_path):
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(5):
        spool.append(KEY, 8, value(number))
    kill(spool)
    (file,) = tmp_path.glob("*.spool")
    os.truncate(file, file.stat().st_size - 7)
    after = recovered(tmp_path, log)
    send_all(after, log)
    after.close()

    assert log.payloads() == [0, 1, 2, 3]
    assert after.sent.damaged == 1


def test_what_is_damaged_is_counted_by_one_process_alone(tmp_path):
    """However many read its file before it can be deleted."""
    spool = Spool(tmp_path, BOUNDS)
    for number in range(5):
        spool.append(KEY, 8, value(number))
    kill(spool)
    (file,) = tmp_path.glob("*.spool")
    os.truncate(file, file.stat().st_size - 7)
    counted = []
    for _ in range(3):
        again = Spool(tmp_path, BOUNDS)
        counted.append((again.sent.damaged, again.mark.damaged))
        kill(again)

    assert counted == [(1, 1), (0, 1), (0, 1)]


def test_a_damaged_file_is_set_aside_and_the_rest_is_sent(tmp_path):
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(5):
        spool.append(KEY, 8, value(number))
    kill(spool)
    (file,) = tmp_path.glob("*.spool")
    data = bytearray(file.read_bytes())
    data[HEADER_BYTES + (len(data) - HEADER_BYTES) // 2] ^= 1
    file.write_bytes(data)
    after = recovered(tmp_path, log)
    send_all(after, log)
    after.close()

    assert log.payloads() == [0, 1, 3, 4]
    assert after.sent.damaged == 1
    assert [name.rpartition(".")[2] for name in files(tmp_path)] == ["damaged"]


@pytest.mark.parametrize("damage", [b"", b"\0" * 500, b"garbage" * 50])
def test_a_file_that_is_none_ends_nothing(tmp_path, damage):
    (tmp_path / "00000000000000000042.spool").write_bytes(damage)
    (tmp_path / "strange.spool").write_bytes(damage)
    spool, log = recovered(tmp_path, Log()), Log()
    spool.append(KEY, 8, value(1))
    send_all(spool, log)
    spool.close()

    assert log.payloads() == [1]
    assert spool.sent.damaged == (2 if damage else 0)


def test_a_file_that_is_damaged_while_it_waits_is_counted(tmp_path):
    """Read again from a disk that lost it: its samples are known to the last."""
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(100):
        spool.append(KEY, 8, value(number, 200))
    oldest = min(tmp_path.glob("*.spool"))
    spool.rewind()  # what is in memory is forgotten, and read again
    oldest.write_bytes(b"")
    send_all(spool, log)
    lost = 100 - len(log.messages)

    assert log.payloads() == list(range(lost, 100))
    assert (spool.sent.damaged, spool.sent.dropped) == (lost, {"damaged": 8 * lost})
    assert lost > 0
    spool.close()


def test_without_its_mark_all_is_looked_for(tmp_path):
    """Nothing is known of what was handed over; numbers are not given again, for the identity is another."""
    spool, log = Spool(tmp_path, BOUNDS), Log()
    for number in range(5):
        spool.append(KEY, 8, value(number))
    entries = spool.take(0)
    for entry in entries[:3]:
        log.arrive(spool, entry)
    kill(spool)
    (tmp_path / "mark").write_bytes(b"\0" * 2**16)
    after = recovered(tmp_path, log)
    after.append(KEY, 8, value(5))
    send_all(after, log)
    after.close()

    assert log.payloads() == list(range(6))
    assert len({identity for identity, _, _ in log.messages}) == 2


def test_after_a_power_cut_all_is_looked_for(tmp_path):
    """The mark of the last second may not have reached the disk."""
    spool, log = Spool(tmp_path, BOUNDS, boot="before"), Log()
    stale = (tmp_path / "mark").read_bytes()
    for number in range(5):
        spool.append(KEY, 8, value(number))
    for entry in spool.take(0):
        log.arrive(spool, entry)
    kill(spool)
    (tmp_path / "mark").write_bytes(stale)
    after = recovered(tmp_path, log, boot="after")
    send_all(after, log)
    after.close()

    assert log.payloads() == list(range(5))


def test_what_cannot_be_known_is_dropped_and_counted(tmp_path):
    """And what was never handed over is sent."""
    bounds = Bounds(disk_bytes=64 * 2**10)
    spool, log = Spool(tmp_path, bounds), Log()
    for number in range(3):
        spool.append(KEY, 8, value(number))
    spool.take(0)
    for number in range(3, 6):
        spool.append(KEY, 8, value(number))
    kill(spool)
    after = Spool(tmp_path, bounds)
    after.rewind()
    after.judge({one.number: None for one in after.in_doubt()})
    send_all(after, log)
    after.close()

    assert log.payloads() == [3, 4, 5]
    assert after.sent.dropped == {"unknown": 24}


def test_numbers_only_grow(tmp_path):
    """Over processes and lost files."""
    numbers = []
    for _ in range(4):
        spool = Spool(tmp_path, BOUNDS)
        for number in range(3):
            spool.append(KEY, 8, value(number))
        spool.rewind()
        numbers += [entry.record.number for entry in spool.take(0)][-3:]
        kill(spool)
        for file in tmp_path.glob("*.spool"):
            file.unlink()

    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_each_message_arrives_once_or_is_counted(tmp_path, seed):
    """Kills, failing clients, acknowledgements that are late or never come, and full spools, in any order."""
    chance = random.Random(seed)
    bounds = Bounds(disk_bytes=chance.choice([16, 64, 1024]) * 2**10)
    spool, log = Spool(tmp_path, bounds), Log()
    appended, in_flight = 0, []
    for _ in range(600):
        what = chance.random()
        if what < 0.6:
            spool.append(KEY, 1, value(appended, chance.randrange(300)))
            appended += 1
        elif what < 0.8:
            in_flight += spool.take(0, alone=chance.random() < 0.1)
        elif what < 0.97:
            # One partition's order holds: a client sends the next when the one before is there.
            for entry in in_flight[: chance.randrange(1, 20)]:
                at = log.arrive(spool, entry)
                in_flight.remove(entry)
                if chance.random() < 0.95:
                    spool.settle(entry.record.number, 0, at)
                else:
                    break
        else:
            if chance.random() < 0.5:
                kill(spool)
                spool = Spool(tmp_path, bounds)
            in_flight = []
            spool.rewind()
            spool.judge(log.look(spool))
    spool.rewind()
    spool.judge(log.look(spool))
    send_all(spool, log)
    spool.close()
    counted = Counter(log.payloads())

    assert max(counted.values()) == 1
    assert log.payloads() == sorted(log.payloads())
    assert len(counted) + sum(spool.mark.dropped.values()) == appended
    assert files(tmp_path) == []


@contextmanager
def files_of_at_most(limit):
    """Let no file become larger: to the process it is a disk that takes nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_while_the_disk_takes_nothing_messages_wait_in_memory(tmp_path):
    """In order with those before and after, up to the bound of memory; what is more is dropped and counted."""
    spool, log = Spool(tmp_path, Bounds(disk_bytes=2**20, memory_bytes=4_000)), Log()
    spool.append(KEY, 8, value(0))
    with files_of_at_most(600):
        for number in range(1, 100):
            spool.append(KEY, 8, value(number))
        trouble = spool.files.trouble
    spool.files._again_s = 0.0
    spool.append(KEY, 8, value(100))
    mended = spool.files.trouble
    send_all(spool, log)
    spool.close()
    kept = len(log.messages) - 1

    assert (trouble, mended) == ("File too large", None)
    assert 30 < kept < 60
    assert log.payloads() == [*range(kept), 100]
    assert spool.sent.dropped == {"memory_full": 8 * (100 - kept)}
    assert files(tmp_path) == []


def test_what_is_in_memory_alone_at_the_end_is_counted(tmp_path):
    """What is on disk waits for the next process."""
    spool = Spool(tmp_path, Bounds(disk_bytes=2**20))
    spool.append(KEY, 8, value(0))
    with files_of_at_most(200):
        spool.append(KEY, 8, value(1))
    spool.close()

    assert (spool.sent.spooled, spool.sent.lost, spool.sent.dropped) == (8, 8, {"stopped": 8})


def test_a_disk_without_room_for_the_mark_stops_nothing(tmp_path):
    with files_of_at_most(100):
        spool, log = Spool(tmp_path, Bounds(disk_bytes=2**20)), Log()
        for number in range(3):
            spool.append(KEY, 8, value(number))
        send_all(spool, log)
        spool.close()

    assert log.payloads() == [0, 1, 2]
    assert spool.files.trouble == "File too large"
