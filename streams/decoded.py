"""The messages of a block as columns, and what of them is refused."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from schema import checks, encoding, explained, samples, wire
from schema.printable import printable
from schema.samples import DESCRIPTION, Ints, Rows, Samples
from streams import forms, json_rows
from streams.blocks import LogMessage
from streams.forms import Form, Forms

_PACKED_FROM_BYTES: Final = 1 << 20
_DETAIL_CHARACTERS: Final = 300
_MOST_TEXTS: Final = 10_000
_TEXT_CHARACTERS: Final = 1_000


@dataclass(frozen=True)
class Refusal:
    """What was refused of one message for one reason: `rows` rows, and what goes to the dead letters."""

    partition: int
    offset: int
    appended_ms: int
    reason: str
    rows: int
    detail: str
    value: bytes | None
    content_type: str | None


@dataclass(frozen=True)
class Unwritten:
    """A dead letter that could not be written, and why."""

    refusal: Refusal
    why: str


class Received(Sequence[pa.RecordBatch]):
    """The batches of messages; one of a known form is decoded when it is asked for."""

    def __init__(self, messages: Sequence[LogMessage], batches: list[pa.RecordBatch | None]) -> None:
        self._messages = messages
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: Any) -> Any:
        found = self._batches[index]
        if found is None:
            message = self._messages[index]
            found = self._batches[index] = wire.decode(message.value, message.content_type)
        return found


@dataclass(frozen=True)
class Decoded:
    """M messages that could be decoded, with their n rows joined end to end, without the identity labels.

    `message_of` [n] indexes `messages`, `forms` and `received`; message m has the `counts[m]` rows from `first[m]` on.
    `forms` has None for a message that has no form.
    """

    messages: list[LogMessage]
    forms: list[Form | None]
    received: Received
    samples: Samples
    counts: Ints
    first: Ints
    message_of: Ints

    def rows_of(self, index: int) -> Rows:
        """Return the rows of one message."""
        return np.arange(self.first[index], self.first[index] + self.counts[index])

    def per_row(self, values: Sequence[int]) -> Ints:
        """Spread one value per message over the rows."""
        return np.array(values, np.int64)[self.message_of]


@dataclass
class Alike:
    """Messages of one layout, each with its form, or of one schema; with their batches as far as they were decoded."""

    messages: list[LogMessage] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    batches: list[Any] = field(default_factory=list)

    def counts(self) -> list[int]:
        """Return how many rows each of them has."""
        return [form.layout.rows for form in self.forms] or [batch.num_rows for batch in self.batches]

    def columns(self) -> Samples:
        """Return all of their rows, end to end."""
        if self.forms:
            return forms.columns([message.value or b"" for message in self.messages], self.forms)
        return wire.columns(self.batches, DESCRIPTION)


def decode(messages: Sequence[LogMessage], known: Forms | None = None) -> tuple[Decoded, list[Refusal]]:
    """Decode what can be decoded, and refuse the rest.

    Messages of one layout or schema are brought together, so that columns are made once for all of them; the order of
    messages therefore changes. It depends on the messages alone, and not on which forms are known.
    """
    known = Forms() if known is None else known
    refusals: list[Refusal] = []
    groups: dict[Hashable, Alike] = {}
    by_layout: dict[int, Alike] = {}  # by the object, which is quicker to look up than what is in it
    for message in messages:
        batch: Any = None
        form = known.find(message.value, message.content_type)
        if form is None:
            try:
                batch = wire.decode(message.value, message.content_type)
            except wire.UndecodableError as error:
                refusals.append(undecodable(message, str(error)))
                continue
            form = known.make(message.value, message.content_type, batch)
        if form is None:
            alike = groups.setdefault(str(batch.schema), Alike())
        else:
            alike = by_layout.get(id(form.layout)) or groups.setdefault(form.layout, Alike())
            by_layout[id(form.layout)] = alike
            alike.forms.append(form)
        alike.messages.append(message)
        alike.batches.append(batch)
    return _joined(list(groups.values())), refusals


def _joined(groups: Sequence[Alike]) -> Decoded:
    messages = [message for alike in groups for message in alike.messages]
    counts = np.array([rows for alike in groups for rows in alike.counts()], np.int64)
    found: list[Form | None] = []
    for alike in groups:
        found += alike.forms or [None] * len(alike.messages)
    return Decoded(
        messages=messages,
        forms=found,
        received=Received(messages, [batch for alike in groups for batch in alike.batches]),
        samples=samples.concat([alike.columns() for alike in groups]),
        counts=counts,
        first=np.cumsum(counts) - counts,
        message_of=np.repeat(np.arange(len(counts)), counts),
    )


def refuse(decoded: Decoded, reasons: checks.Reasons) -> list[Refusal]:
    """Return a refusal per message and reason, each with just those rows, as received and in the message's own form."""
    refusals = []
    for index in np.unique(decoded.message_of[reasons != checks.ACCEPTED]).tolist():
        of_message = reasons[decoded.rows_of(index)]
        for code in np.unique(of_message[of_message != checks.ACCEPTED]).tolist():
            rows = np.flatnonzero(of_message == code)
            refusals.append(_refusal(decoded, index, rows, checks.REASONS[code]))
    return refusals


def _refusal(decoded: Decoded, index: int, rows: Rows, reason: str) -> Refusal:
    message, received = decoded.messages[index], decoded.received[index]
    lines = json_rows.lines_of(message.value, message.content_type, received.num_rows)
    told = f"{len(rows)} of {received.num_rows} rows"
    if why := _why(message, received, int(rows[0]), lines, reason):
        told = f"{why}; {told}"
    if lines is not None:
        value, content_type = json_rows.letter(lines, rows, reason), encoding.NDJSON
        if len(value) > max(_PACKED_FROM_BYTES, len(message.value or b"")):  # it would not fit; a header has the reason
            value = b"\n".join(lines[row] for row in rows.tolist())
    else:
        value, content_type = _arrow_letter(received, rows, reason), encoding.ARROW_STREAM
    return Refusal(
        partition=message.partition,
        offset=message.offset,
        appended_ms=message.appended_ms,
        reason=reason,
        rows=len(rows),
        detail=printable(told, _DETAIL_CHARACTERS),
        value=value,
        content_type=content_type,
    )


def _why(message: LogMessage, received: pa.RecordBatch, row: int, lines: Sequence[bytes] | None, reason: str) -> str:
    """Say of the first of some rows which field breaks the contract; whatever is in it, this stops nothing."""
    one = received.slice(row, 1)
    try:
        said = json_rows.said(lines[row]) if lines is not None else _said(one)
        return explained.explain(reason, said, wire.columns([one]), message.appended_ms)
    except Exception as error:  # noqa: BLE001  a row of any type is to be in its dead letter all the same
        return f"no detail: {type(error).__name__}"


def _said(one: pa.RecordBatch) -> dict[str, object]:
    """Return the fields of the contract of one row as they came; times as text."""
    known = [name for name in one.schema.names if name in samples.SCHEMA.names]
    values = {name: one.column(name)[0] for name in known}
    return {
        name: value.as_py() if name != "ts" or not value.is_valid else str(value)[:_TEXT_CHARACTERS]
        for name, value in values.items()
        if value.is_valid
    }


def _arrow_letter(received: pa.RecordBatch, rows: Rows, reason: str) -> bytes:
    taken = [_taken(column, rows) for column in received.columns]
    batch = pa.RecordBatch.from_arrays(taken, names=received.schema.names)
    if "reason" in batch.schema.names:  # a dead letter that was sent in again keeps only its newest reason
        batch = batch.drop_columns(["reason"])
    batch = batch.append_column("reason", pa.array([reason] * len(rows), pa.utf8()))
    # Of a message near its limit the rejected rows would not fit into one, and 100,000 rows are 12 MB to hand on.
    return encoding.encode(batch, compression="zstd" if batch.nbytes > _PACKED_FROM_BYTES else None)


def _taken(column: pa.Array, rows: Rows) -> pa.Array:
    """Return some rows of a column; as texts where Arrow cannot take them (views, run ends), and then not of many."""
    try:
        return column.take(pa.array(rows))
    except pa.ArrowNotImplementedError:
        if len(rows) > _MOST_TEXTS:
            return pa.nulls(len(rows), pa.utf8())
        values = (column[row].as_py() for row in rows.tolist())
        return pa.array([None if value is None else str(value)[:_TEXT_CHARACTERS] for value in values], pa.utf8())


def undecodable(message: LogMessage, detail: str) -> Refusal:
    """Return the refusal of a whole message."""
    return Refusal(
        partition=message.partition,
        offset=message.offset,
        appended_ms=message.appended_ms,
        reason=checks.UNDECODABLE,
        rows=1,
        detail=printable(detail, _DETAIL_CHARACTERS),  # libraries repeat names that a message brought
        value=message.value,
        content_type=message.content_type,
    )
