"""Runs: messages of one partition as they were fetched together, handed on as one.

What is done for each of them is what a worker's time goes into: a fleet of hosts sends a message a host and second.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from streams.blocks import LogMessage

_OFFSET: Final = attrgetter("offset")


class Run(NamedTuple):
    """Messages of one partition, at least one, by offset; there may be offsets between them that have no message.

    `nbytes` is the size of all their values.
    """

    messages: Sequence[LogMessage]
    nbytes: int

    @property
    def partition(self) -> int:
        """The partition of all of them."""
        return self.messages[0].partition

    @property
    def offset(self) -> int:
        """The offset of the last one."""
        return self.messages[-1].offset

    @property
    def latest_ms(self) -> int:
        """The latest time of any of them, in epoch milliseconds."""
        return max(message.appended_ms for message in self.messages)

    def beyond(self, offset: int) -> Sequence[LogMessage]:
        """Return its messages beyond an offset."""
        if self.messages[0].offset > offset:
            return self.messages
        return self.messages[bisect_right(self.messages, offset, key=_OFFSET) :]


def neighbours(messages: Sequence[LogMessage]) -> Sequence[LogMessage]:
    """Return the messages up to the first hole in their offsets."""
    first, most = messages[0].offset, len(messages)
    if messages[-1].offset - first == most - 1:
        return messages
    return messages[: bisect_left(range(most), 1, key=lambda at: messages[at].offset - first - at)]
