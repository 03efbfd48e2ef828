"""As much of Go's text/template, with Prometheus' functions and Grafana's data, as annotations of rules use.

As Grafana 12.2 expands them (`ngalert/state/template`): a key that a map has not is no value, prints as such, and is an
error where a function wants a number of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dashboards.rule_text import humanize, humanize_duration, percentage

_TOKEN = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_NONE = object()

FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "humanize": humanize,
    "humanizePercentage": percentage,
    "humanizeDuration": humanize_duration,
    'printf "%.0f"': lambda number: f"{number:.0f}",
}


class TemplateError(Exception):
    """Grafana would send the template itself."""


def rendered(template: str, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    """Return what is sent."""
    parts = _TOKEN.split(template)
    tokens = iter([(at % 2 == 1, part) for at, part in enumerate(parts)])
    text, ended_by = _block(tokens, {"labels": labels, "values": values}, dot=None, shown=True)
    assert ended_by == "", f"{ended_by} without a beginning"
    return text


def _block(tokens: Iterator[tuple[bool, str]], data: Mapping[str, Any], *, dot: Any, shown: bool) -> tuple[str, str]:
    """Return the text up to the end of the block, and the word that ends it."""
    said = ""
    for is_action, part in tokens:
        if not is_action:
            said += part
        elif part in ("else", "end"):
            return said, part
        elif part.startswith("with "):
            value = _of(part.removeprefix("with "), data)
            holds = shown and value not in (_NONE, "", 0)
            first, word = _block(tokens, data, dot=value, shown=holds)
            second = ""
            if word == "else":
                second, word = _block(tokens, data, dot=dot, shown=shown and not holds)
            assert word == "end"
            said += first if holds else second
        elif shown:
            said += _action(part, data, dot)
    return said, ""


def _action(part: str, data: Mapping[str, Any], dot: Any) -> str:
    if part == "externalURL":
        return "http://grafana.example/"
    if part == ".":
        return str(dot)
    name, _, argument = part.rpartition(" ")
    value = _of(argument, data)
    if name:
        if value is _NONE:
            raise TemplateError(f"{part}: can't convert <nil> to float")
        return FUNCTIONS[name](value)
    return "[no value]" if value is _NONE else str(value)


def _of(name: str, data: Mapping[str, Any]) -> Any:
    match = re.fullmatch(r"\$(labels|values)\.(\w+)(\.Value)?", name)
    assert match, f"{name} is not known here"
    return data[match[1]].get(match[2], _NONE)
