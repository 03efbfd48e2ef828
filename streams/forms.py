"""Messages that came before in all but their numbers: whose they are and what they say is known by their bytes.

A host sends its labels with every read. A message that was decoded once, and of which rows were accepted, leaves its
form: where its numbers lie, its roster, its job and power method, its nulls. The next one of that form needs no
decoding. Whoever would have a message taken for another one's must find a collision of a hash whose seed nobody knows.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa

from schema import wire
from schema.encoding import ARROW_STREAM
from schema.layout import Layout, stack, survey
from schema.samples import DESCRIPTION, Bools, Label, Samples
from streams.rosters import Roster

_FORM_BYTES: Final = 400
_MOST_LENGTHS: Final = 1_024
_LAYOUTS_OF_A_LENGTH: Final = 4
_NONE: Final[Mapping[Layout, int]] = {}


@dataclass(frozen=True, eq=False)
class Description:
    """Job and power method of n rows."""

    labels: Mapping[str, Label]


@dataclass(eq=False, slots=True)
class Form:
    """A message but for its numbers. `known` has of each column with nulls which rows [n] have a value.

    `roster` is there once somebody has looked whose it is.
    """

    layout: Layout
    description: Description
    known: Mapping[str, Bools]
    roster: Roster | None = None

    @property
    def nbytes(self) -> int:
        """How much memory this form takes, about, its roster included."""
        roster = 0 if self.roster is None else self.roster.nbytes
        return _FORM_BYTES + roster + sum(known.nbytes for known in self.known.values())


class Forms:
    """The forms met lately, at most `max_bytes` of them; the longest unused one goes first."""

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._seed = secrets.randbits(63)
        self.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self._bytes = 0
        self._forms: OrderedDict[bytes, Form] = OrderedDict()
        self._layouts: OrderedDict[int, dict[Layout, int]] = OrderedDict()
        self._descriptions: WeakValueDictionary[tuple[object, ...], Description] = WeakValueDictionary()
        self._numbered = 0

    def find(self, value: bytes | None, content_type: str | None) -> Form | None:
        """Return the form of a message, if it is known."""
        if not value or (content_type and content_type != ARROW_STREAM):
            return None
        for layout, number in self._layouts.get(len(value), _NONE).items():
            key = layout.digest(value, self._seed ^ number)
            if (found := self._forms.get(key)) is not None:
                self._forms.move_to_end(key)
                return found
        return None

    def make(self, value: bytes | None, content_type: str | None, batch: pa.RecordBatch) -> Form | None:
        """Return the form of a message of which this is the batch, None where it has none; it is not kept."""
        if not value or (content_type or wire.told_apart(value)) != ARROW_STREAM:
            return None
        layout = survey(value, batch)
        if layout is None:
            return None
        known = {one.name: np.asarray(batch.column(one.name).is_valid(), bool) for one in layout.columns if one.nulls}
        return Form(layout, self._described(batch), known)

    def keep(self, value: bytes, form: Form) -> None:
        """Keep the form of a message, unless it is too large."""
        if form.nbytes > self._max_bytes // 16:
            return
        form.layout, number = self._placed(form.layout)
        key = form.layout.digest(value, self._seed ^ number)
        if (before := self._forms.pop(key, None)) is not None:
            self._bytes -= before.nbytes
        self._forms[key] = form
        self._bytes += form.nbytes
        while self._bytes > self._max_bytes:
            _, gone = self._forms.popitem(last=False)
            self._bytes -= gone.nbytes

    def _placed(self, layout: Layout) -> tuple[Layout, int]:
        """Return the layout that stands for all that are equal to it, and its number."""
        same_length = self._layouts.setdefault(layout.length, {})
        self._layouts.move_to_end(layout.length)
        for known, number in same_length.items():
            if known == layout:
                return known, number
        self._numbered += 1
        same_length[layout] = self._numbered
        if len(same_length) > _LAYOUTS_OF_A_LENGTH:
            del same_length[next(iter(same_length))]
        if len(self._layouts) > _MOST_LENGTHS:
            self._layouts.popitem(last=False)
        return layout, self._numbered

    def _described(self, batch: pa.RecordBatch) -> Description:
        """Return the description that stands for all that are equal to it."""
        labels = wire.labels(batch, DESCRIPTION)
        key = tuple((label.codes.tobytes(), tuple(label.values.to_pylist())) for label in labels.values())
        found = self._descriptions.get(key)
        if found is None:
            # Of its own memory: the message that it came with is not to be kept for it.
            own = {
                name: Label(label.codes.copy(), pa.array(label.values.to_pylist(), pa.utf8()))
                for name, label in labels.items()
            }
            found = self._descriptions[key] = Description(own)
        return found


def columns(values: Sequence[bytes], forms: Sequence[Form]) -> Samples:
    """Turn messages of one layout into columns, end to end, as `schema.wire.columns` would."""
    layout = forms[0].layout
    known = {one.name: np.concatenate([form.known[one.name] for form in forms]) for one in layout.columns if one.nulls}
    numbers = wire.columns([stack(layout, values, known)], names=())
    return Samples(numbers.ts_ms, numbers.interval_ms, _labels(forms), measures=numbers.measures, given=numbers.given)


def _labels(forms: Sequence[Form]) -> dict[str, Label]:
    """Return job and power method of messages of one layout."""
    place: dict[Description, int] = {}
    of = np.fromiter((place.setdefault(form.description, len(place)) for form in forms), np.intp, len(forms))
    labels = {}
    for name in DESCRIPTION:
        parts = [description.labels[name] for description in place]
        base = np.cumsum([0, *(len(part.values) for part in parts[:-1])])
        codes = np.stack([part.codes for part in parts])
        codes = np.where(codes < 0, np.int32(-1), codes + base[:, None].astype(np.int32))
        labels[name] = Label(codes[of].ravel(), pa.concat_arrays([part.values for part in parts]))
    return labels
