"""What was handed to the Kafka client: which of it is settled, and up to where all is."""

from producers.spool.backlog import Entry

Place = tuple[int, int]
"""Partition and offset of a message."""
NOWHERE: Place = (-1, -1)


class Flight:
    """The entries that are handed over and not settled, in the order of numbers, and those settled ahead of them.

    All before `low` are settled, or were never there.
    """

    def __init__(self, low: int) -> None:
        self.low = low
        self.size = 0
        self._entries: dict[int, Entry] = {}
        self._settled: dict[int, Place] = {}
        self._passed = low - 1

    def __len__(self) -> int:
        return len(self._entries)

    def is_settled(self, number: int) -> bool:
        """Say whether a message needs nothing any more."""
        return number < self.low or number in self._settled

    def passed(self, number: int) -> None:
        """Note that all messages up to this one were handed over, settled, or could not be read."""
        self._passed = number

    def add(self, entry: Entry) -> None:
        """Note that a message is handed over."""
        self._entries[entry.record.number] = entry
        self.size += len(entry.record.body)

    def settle(self, number: int, place: Place) -> Entry | None:
        """Take a message out; None when it is not handed over."""
        entry = self._entries.pop(number, None)
        if entry is not None:
            self.size -= len(entry.record.body)
            self._settled[number] = place
        return entry

    def advance(self) -> dict[int, int] | None:
        """Move `low` on; return the offsets after what it left behind, by partition, or None when it stays."""
        low = next(iter(self._entries), self._passed + 1)
        if low <= self.low:
            return None
        self.low = low
        after: dict[int, int] = {}
        for number in [one for one in self._settled if one < low]:
            partition, offset = self._settled.pop(number)
            if offset >= 0:
                after[partition] = max(after.get(partition, 0), offset + 1)
        return after

    def rewind(self) -> list[Entry]:
        """Forget what is handed over; return those that are in memory alone."""
        entries = [one for one in self._entries.values() if one.segment is None]
        self._entries.clear()
        self.size = 0
        self._passed = self.low - 1
        return entries
