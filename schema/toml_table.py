"""Reading an operator's TOML table field by field, with errors that name file, line and field."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from schema.chips import suggestion
from schema.errors import GigawattError
from schema.printable import is_hidden
from schema.toml_lines import Step, line_of

MAX_TEXT_BYTES = 100
"""Of a name in an operator's file: it becomes a label of 128 bytes at most, often with a number behind it."""


class TomlFieldError(GigawattError):
    """A field of an operator's file cannot be used; one line with file, line and field."""


@dataclass(frozen=True)
class Table:
    """A table of a TOML text: its `values`, its `path` from the root, the `text` and the file's `name`."""

    values: Mapping[str, Any]
    path: tuple[Step, ...]
    text: str
    name: str

    def fail(self, field: str, problem: str) -> NoReturn:
        """Raise `TomlFieldError` at the line of the field, or of the table when it has no such field."""
        line = line_of(self.text, (*self.path, field))
        raise TomlFieldError(f"{self.name}:{line}: {field}: {problem}")

    def allow(self, keys: Collection[str]) -> None:
        """Raise `TomlFieldError` for a key that is not among these, naming the closest."""
        for key in self.values:
            if key not in keys:
                self.fail(key, f"unknown key, {suggestion(key, keys)}")

    def string(self, key: str, default: str | None = None) -> str:
        """Return a text of 1 to 100 bytes; without a default the key is required."""
        value = self._get(key, default)
        return self._checked_text(key, value)

    def strings(self, key: str) -> tuple[str, ...]:
        """Return an array of texts, empty when the key is absent."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.fail(key, f"must be an array of strings, not {value!r}")
        return tuple(self._checked_text(key, item) for item in value)

    def choice(self, key: str, known: Collection[str], default: str | None = None) -> str:
        """Return one of the known texts."""
        value = self.string(key, default)
        if value not in known:
            self.fail(key, f"unknown {key} {value!r}, {suggestion(value, known)}")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """Return a required whole number from `low` to `high`."""
        value = self._get(key, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            self.fail(key, f"must be a whole number of at least {low}, not {value!r}")
        if value > high:
            self.fail(key, f"must be at most {high}, not {value!r}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a number from `low` to `high`."""
        value = self._get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            self.fail(key, f"must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    def tables(self, key: str) -> list["Table"]:
        """Return the tables of an array (`[[key]]`), empty when absent."""
        items = self.values.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self.fail(key, f"must be an array of tables: write [[{key}]]")
        return [self._child(item, key, index) for index, item in enumerate(items)]

    def named_tables(self, key: str) -> dict[str, "Table"]:
        """Return the tables `[key.NAME]` by name, empty when absent."""
        items = self.values.get(key, {})
        if not isinstance(items, dict):
            self.fail(key, f"must be tables: write [{key}.NAME]")
        for name, item in items.items():
            if not isinstance(item, dict):
                self._child(items, key).fail(name, f"must be a table: write [{key}.{name}]")
        return {name: self._child(item, key, name) for name, item in items.items()}

    def _child(self, values: Mapping[str, Any], *steps: Step) -> "Table":
        return Table(values, (*self.path, *steps), self.text, self.name)

    def _get(self, key: str, default: object) -> object:
        value = self.values.get(key, default)
        if value is None:
            self.fail(key, "missing")
        return value

    def _checked_text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value.encode()) <= MAX_TEXT_BYTES:
            self.fail(key, f"must be a string of 1 to {MAX_TEXT_BYTES} bytes, not {value!r}")
        if is_hidden(value):
            self.fail(key, f"{value!r} has invisible or control characters; remove them")
        return value
