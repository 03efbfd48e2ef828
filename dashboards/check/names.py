"""What a query uses, by the engine's own resolution of it (`EXPLAIN QUERY TREE`), held against what is published.

The engine tells a table from a common table expression, an alias or a text, and keeps views as they are. What it works
out in advance, such as a scalar subquery or `now()`, it still shows. Written against ClickHouse 26.9.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dashboards.check.complaint import Complaint
from schema.clickhouse import DATABASE
from schema.published import PUBLISHED, RULE_VIEWS, STORE

_TABLE: Final = re.compile(r" *TABLE id: (\d+),.*?\btable_name: ([^,\s]+)")
_TABLE_FUNCTION: Final = re.compile(r" *TABLE_FUNCTION id: (\d+),.*?\btable_function_name: ([^,\s]+)")
_COLUMN: Final = re.compile(r" *COLUMN id: \d+, .*?column_name: (.+?), result_type: .*\bsource_id: (\d+)")
_FUNCTION: Final = re.compile(r" *FUNCTION id: \d+, function_name: ([^,\s]+)")

_FREE: Final = frozenset({"system.one", "system.numbers", "numbers", "zeros", "values", "generateseries"})
"""Tables and table functions that hold nothing of anybody's."""

_OF_THE_CLOCK: Final = frozenset(
    {"now", "now64", "nowinblock", "nowinblock64", "today", "yesterday", "utctimestamp", "curdate", "current_date"}
)
_LAST_MINUTES: Final = ("power_reconciled", "doubtful_chips", "doubtful_fleets")
"""Views of now; each has one by range of the same name."""


@dataclass(frozen=True)
class Used:
    """Tables, views and table functions with the columns that are read of them, and the names of all functions."""

    columns: Mapping[str, frozenset[str]]
    functions: frozenset[str]


def used(tree: Iterable[str]) -> Used:
    """Read the lines of `EXPLAIN QUERY TREE`."""
    sources: dict[str, str] = {}
    read: list[tuple[str, str]] = []
    functions = set()
    for line in tree:
        if match := _TABLE.match(line) or _TABLE_FUNCTION.match(line):
            sources[match[1]] = match[2].removeprefix(f"{DATABASE}.")
        elif match := _COLUMN.match(line):
            read.append((match[2], match[1]))
        elif match := _FUNCTION.match(line):
            functions.add(match[1].lower())
    columns: dict[str, set[str]] = {name: set() for name in sources.values()}
    for source, column in read:
        if source in sources:  # others are of subqueries
            columns[sources[source]].add(column)
    return Used({name: frozenset(found) for name, found in columns.items()}, frozenset(functions))


def unpublished(found: Used) -> Iterator[Complaint]:
    """Say what of it is not published, and what depends on the time at which it is asked."""
    for name, columns in sorted(found.columns.items()):
        if name.lower() in _FREE or name in STORE or name in RULE_VIEWS:
            continue
        if name not in PUBLISHED:
            remedy = "use the views that schema/published.py lists: the rest may change with any migration"
            yield Complaint(f"it reads {name}, which is not published", remedy)
            continue
        if name in _LAST_MINUTES:
            remedy = f"use {name}_between(since = $__fromTime, until = $__toTime)"
            yield Complaint(f"{name} covers the last minutes, whatever the time range", remedy)
        # The engine may read a part of a column, as in newest_ts.null.
        for column in sorted(one for one in columns if one.split(".")[0] not in PUBLISHED[name]):
            yield Complaint(f"it reads {name}.{column}, which is not published", "see schema/published.py")
    for name in sorted(found.functions & _OF_THE_CLOCK):
        remedy = "use $__toTime, so that last week's range shows last week"
        yield Complaint(f"it calls {name}(), which ignores the time range", remedy)
