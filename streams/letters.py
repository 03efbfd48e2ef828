"""Dead letters: written before their commit is stored if the broker takes them in time, and owed to it if not.

Storing never waits long for them. A letter that could not be written is noted with its commit, so that it is counted
whatever happens to this worker, and tried again, in bounded memory, until it is written. While nothing can be written
a commit does not even try: one letter now and then does, on behalf of all.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from schema.said import Reasons
from streams.decoded import Refusal, Unwritten

_AT_ONCE: Final = 64
_CONTENT_TYPE_CHARACTERS: Final = 200
_IN_TIME: Final = "the broker did not acknowledge it in time"

log = structlog.get_logger()


class Writer(Protocol):
    """What is asked of the log."""

    async def dead_letter(self, refusal: Refusal) -> None:
        """Keep what was refused; return when it is kept, and raise where it cannot be."""

    def make_dead_letters(self) -> None:
        """Make the topic of the dead letters anew where it is missing; blocks."""


def content_type_kept(refusal: Refusal) -> str | None:
    """Return the content type that a letter has: none of a length that would leave no room for the message."""
    given = refusal.content_type
    return given if given and len(given) <= _CONTENT_TYPE_CHARACTERS else None


def _bytes(refusal: Refusal) -> int:
    """Return how much memory a letter takes that waits, about; a content type stays in it whatever its length."""
    return len(refusal.value or b"") + len(refusal.content_type or "")


class Letters:
    """Writes dead letters, and goes on trying. `written` notes those that were written late, and blocks.

    A commit waits `patience_s` for its letters at most. `most_bytes` bounds what is kept to be tried again, every
    `again_s`: what is beyond stays noted as not written, and lies in the samples topic.
    """

    def __init__(
        self,
        writer: Writer,
        written: Callable[[Sequence[Refusal]], None],
        *,
        patience_s: float = 1.0,
        again_s: float = 5.0,
        most_bytes: int = 32 * 2**20,
    ) -> None:
        self._writer = writer
        self._written = written
        self._patience_s = patience_s
        self._again_s = again_s
        self._most_bytes = most_bytes
        self._owed: deque[Refusal] = deque()
        self._owed_bytes = 0
        self._unable: str | None = None
        self._said = Reasons()
        self._trying: asyncio.Task[None] | None = None
        self.given_up = 0
        """Letters for which there was no room any more."""

    @property
    def waiting(self) -> int:
        """How many letters are tried again."""
        return len(self._owed)

    async def write(self, refusals: Sequence[Refusal]) -> list[Unwritten]:
        """Write letters and return those that could not be written in time."""
        if not refusals:
            return []
        if self._unable is not None:
            return [Unwritten(refusal, self._unable) for refusal in refusals]
        unwritten = await self._attempt(refusals)
        if unwritten:
            # It may be that the topic is not there; a broker says so only by its silence.
            await self._make_topic()
            unwritten = await self._attempt([letter.refusal for letter in unwritten])
        self._judge(len(refusals), unwritten)
        return unwritten

    def owe(self, letters: Sequence[Unwritten]) -> None:
        """Try these again until they are written. They are noted already."""
        for letter in letters:
            size = _bytes(letter.refusal)
            if self._owed_bytes + size > self._most_bytes:
                self.given_up += 1
                log.error("too many dead letters wait; dropped this one", reason=letter.refusal.reason, why=letter.why)
                continue
            self._owed.append(letter.refusal)
            self._owed_bytes += size
        if self._owed and self._trying is None:
            self._trying = asyncio.ensure_future(self._try_again())
            self._trying.add_done_callback(self._tried)

    def _tried(self, _: asyncio.Task[None]) -> None:
        self._trying = None

    async def _try_again(self) -> None:
        while self._owed:
            await asyncio.sleep(self._again_s)
            letters = [self._owed.popleft() for _ in range(min(_AT_ONCE, len(self._owed)))]
            unwritten = await self._attempt(letters)
            if unwritten:
                await self._make_topic()
            self._judge(len(letters), unwritten)
            missing = {id(letter.refusal) for letter in unwritten}
            await self._note([letter for letter in letters if id(letter) not in missing])
            self._owed.extend(letter.refusal for letter in unwritten)

    async def _note(self, letters: Sequence[Refusal]) -> None:
        self._owed_bytes -= sum(_bytes(letter) for letter in letters)
        while letters:
            try:
                await asyncio.to_thread(self._written, letters)
            except Exception:  # noqa: BLE001  whatever keeps the store away is waited out, as in `Ingest`
                await asyncio.sleep(self._again_s)
            else:
                return

    async def _attempt(self, refusals: Sequence[Refusal]) -> list[Unwritten]:
        """Try each once, some at a time, within the patience for all."""
        why: dict[int, str] = {}
        taken: set[int] = set()

        async def one(index: int) -> None:
            try:
                await self._writer.dead_letter(refusals[index])
            except Exception as error:  # noqa: BLE001  any failure is one to be tried again, and told
                why[index] = f"{type(error).__name__}: {error}"[:200]
            else:
                taken.add(index)

        try:
            async with asyncio.timeout(self._patience_s):
                for first in range(0, len(refusals), _AT_ONCE):
                    await asyncio.gather(*(one(index) for index in range(first, min(first + _AT_ONCE, len(refusals)))))
        except TimeoutError:
            pass
        return [
            Unwritten(refusal, why.get(index, _IN_TIME)) for index, refusal in enumerate(refusals) if index not in taken
        ]

    async def _make_topic(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await asyncio.to_thread(self._writer.make_dead_letters)
        except Exception as error:  # noqa: BLE001  the letters say why they cannot be written
            log.debug("cannot create the topic of dead letters", error=str(error)[:200])

    def _judge(self, tried: int, unwritten: Sequence[Unwritten]) -> None:
        """Remember whether anything can be written, and say when that changes."""
        if len(unwritten) < tried:
            if self._unable is not None:
                log.info("dead letters are written again")
            self._unable = None
            self._said.clear()
            return
        self._unable = unwritten[0].why
        if self._said.is_new(self._unable):
            log.error("cannot write dead letters; samples are stored without them", error=self._unable)
