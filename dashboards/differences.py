"""How two JSON documents differ, for people to read: one entry a place, named as in `panels[12].targets[A].rawSql`."""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = ("id", "uid", "refId", "name", "title")
"""What tells the elements of a list apart: panels, queries, variables, links."""

_SHOWN: Final = 120
"""Characters of a value that are shown."""


def differences(present: Any, wanted: Any, place: str = "") -> list[str]:
    """Return what changes on the way from `present` to `wanted`, in the order of `wanted`.

    A key with null is as good as none. Entries of texts over several lines have several lines themselves.
    """
    if isinstance(present, Mapping) and isinstance(wanted, Mapping):
        return _each(present, wanted, {key: f"{place}.{key}" if place else str(key) for key in [*wanted, *present]})
    if isinstance(present, list) and isinstance(wanted, list):
        return _lists(present, wanted, place)
    return [] if present == wanted else [f"{place}:{_values(present, wanted)}"]


def _lists(present: list[Any], wanted: list[Any], place: str) -> list[str]:
    name = next((name for name in _NAMES if _tells_apart(name, present) and _tells_apart(name, wanted)), None)
    before, after = (
        {at if name is None else element[name]: element for at, element in enumerate(elements)}
        for elements in (present, wanted)
    )
    places = {key: f"{place}[{_label(key, element)}]" for key, element in [*after.items(), *before.items()]}
    found = _each(before, after, places)
    if [key for key in before if key in after] != [key for key in after if key in before]:
        found.append(f"{place}: in another order")
    return found


def _label(key: Any, element: Any) -> str:
    title = element.get("title") if isinstance(element, Mapping) else None
    return f"{key} {title}" if title and title != key else str(key)


def _each(present: Mapping[Any, Any], wanted: Mapping[Any, Any], places: Mapping[Any, str]) -> list[str]:
    return [entry for key in places for entry in differences(present.get(key), wanted.get(key), places[key])]


def _values(present: Any, wanted: Any) -> str:
    if isinstance(present, str) and isinstance(wanted, str) and (lines := _changed_lines(present, wanted)):
        return "".join(f"\n  {line[:_SHOWN]}" for line in lines)
    if present is None:
        return f" added {_text(wanted)}"
    if wanted is None:
        return f" removed {_text(present)}"
    return f" {_text(present)} -> {_text(wanted)}"


def _changed_lines(present: str, wanted: str) -> list[str]:
    """Return the lines that go and come, of texts of several lines."""
    if "\n" not in present + wanted:
        return []
    changed = list(difflib.unified_diff(present.splitlines(), wanted.splitlines(), n=0, lineterm=""))
    # After the two lines that would name files; @@ would tell where in them.
    return [line for line in changed[2:] if not line.startswith("@@")]


def _tells_apart(name: str, elements: list[Any]) -> bool:
    """Say whether every element has this name, each another one."""
    named = [element.get(name) for element in elements if isinstance(element, Mapping)]
    return len(named) == len(elements) == len({one for one in named if isinstance(one, str | int)})


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
