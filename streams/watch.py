"""What a worker checks every few seconds besides the messages: that the topic is the one it began with, and in order.

Three faults would go unnoticed otherwise. A topic that was deleted and created again has offsets that mean something
else. A changed configuration can have Kafka delete samples that are not stored, or reject them. And an added partition
is read by nobody: Kafka does not tell a restarted static member that it leads the group, so no member watches for
added partitions (KIP-814).
"""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import structlog
from kafka.errors import KafkaError

from schema.errors import GigawattError
from schema.kafka import KafkaAdmin, KafkaAwayError, TopicMissingError
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_refused import MissingRightError
from schema.said import Reasons
from schema.topics import MADE_ANEW, REJECTED, SAMPLES
from streams.watched import Watched

_EVERY_S: Final = 10.0
_JOIN_AGAIN_S: Final = 30.0
"""A partition that nobody reads is asked for again after so long: each time stops reading for a moment."""

log = structlog.get_logger()


class OtherLogError(GigawattError):
    """The topic was made anew: its offsets mean something else now."""


class Connection:
    """One connection for administration, used by one thread at a time, and made anew after a failure.

    Making one costs the broker and us more than what is asked over it: a handshake, versions, a thread.
    """

    def __init__(self, kafka: str, access: KafkaAccess = OPEN) -> None:
        self._kafka = kafka
        self._access = access
        self._one_at_a_time = threading.Lock()
        self._admin: KafkaAdmin | None = None

    @contextmanager
    def using(self) -> Iterator[KafkaAdmin]:
        """Give it until the block ends. Raises `KafkaAwayError`."""
        with self._one_at_a_time:
            admin, self._admin = self._admin or KafkaAdmin(self._kafka, access=self._access), None
            try:
                yield admin
            except BaseException:
                admin.close()
                raise
            self._admin = admin


class SameLog:
    """Asks whether the topic is still the same, for each commit, by whichever thread."""

    def __init__(self, kafka: str, log_id: str, access: KafkaAccess = OPEN) -> None:
        self._connection = Connection(kafka, access)
        self._log_id = log_id

    def ask(self) -> bool:
        """Say whether it is. Raises `GigawattError` or the client's error while that cannot be known."""
        with self._connection.using() as admin:
            return admin.log_id(SAMPLES) == self._log_id


class Keeper(Protocol):
    """What is asked of the broker about the topic."""

    def log_id(self, topic: str) -> str:
        """Return the identity of the log behind a topic."""

    def keep(self, name: str) -> dict[str, str]:
        """Set back what of a topic's configuration would lose samples; return what it was."""

    def unassigned(self, group: str, topic: str) -> set[int]:
        """Return the partitions that no member of a group has."""


class Configured:
    """Keeps the configuration of the topic so that no sample is lost or misdated by it."""

    def __init__(self) -> None:
        self._said = Reasons()

    def set_again(self, admin: Keeper) -> None:
        """Set it again where it is not so, and log it."""
        try:
            for topic in (SAMPLES, REJECTED):
                if was := admin.keep(topic):
                    settings = ", ".join(f"{key} was {value}" for key, value in was.items())
                    log.warning("restored the topic's configuration", topic=topic, settings=settings)
            if self._said.clear():
                log.info("the topic's configuration can be restored again")
        except GigawattError as error:
            if self._said.is_new(str(error)):
                log.warning("cannot restore the topic's configuration", error=str(error)[:200])


class Watch:
    """Looks every ten seconds, and notes in `watched` what the broker says. `rejoin` has the worker join again."""

    def __init__(
        self,
        kafka: str,
        log_id: str,
        group: str,
        rejoin: Callable[[], Awaitable[None]],
        *,
        watched: Watched | None = None,
        access: KafkaAccess = OPEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Another than that of `SameLog`: no commit is to wait for what is asked here.
        self._connection = Connection(kafka, access)
        self._log_id = log_id
        self._group = group
        self._rejoin = rejoin
        self._watched = watched or Watched()
        self._said = Reasons()
        self._clock = clock
        self._configured = Configured()
        self._unread: set[int] = set()
        self._rejoined_s = -math.inf

    async def run(self) -> None:
        """Look until the worker ends; raise `OtherLogError`, which ends it, when the topic was made anew."""
        while True:
            try:
                found = await asyncio.to_thread(self._look)
            except (KafkaAwayError, MissingRightError, TopicMissingError, KafkaError) as error:
                self._watched.broker_trouble = str(error)
                if self._said.is_new(str(error)):
                    log.warning("cannot check the topic; retrying", error=str(error))
            else:
                if self._said.clear():
                    log.info("the topic is checked again")
                await self.act(*found)
            await asyncio.sleep(_EVERY_S)

    async def act(self, log_id: str, unread: set[int]) -> None:
        """Do what has to be done about what was found."""
        if log_id != self._log_id:
            log.error(f"{MADE_ANEW}; this worker exits and must be restarted", topic=SAMPLES)  # noqa: G004
            raise OtherLogError(f"{SAMPLES}: {MADE_ANEW}")
        lasting, self._unread = self._unread & unread, unread
        if lasting and self._clock() - self._rejoined_s >= _JOIN_AGAIN_S:
            self._rejoined_s = self._clock()
            log.warning("no worker reads these partitions; rejoining the group", partitions=sorted(lasting))
            await self._rejoin()

    def _look(self) -> tuple[str, set[int]]:
        with self._connection.using() as admin:
            found = self.look(admin)
            self._watched.answered({number: end for number, (_, end) in admin.log_ends(SAMPLES).items()})
            return found

    def look(self, admin: Keeper) -> tuple[str, set[int]]:
        """Return the identity of the log and the partitions that nobody reads; the configuration is set back."""
        found = admin.log_id(SAMPLES)
        self._configured.set_again(admin)
        return found, admin.unassigned(self._group, SAMPLES)
