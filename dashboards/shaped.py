"""What a panel's kind needs around its query: nulls where nothing is known, a word where a table is empty.

Grafana draws a line across rows that are missing, and only a null ends it. Its tables say nothing where they have no
rows. And it has no way to give a fleet its color but by what the query returns.
"""

from collections.abc import Sequence
from textwrap import dedent, indent
from typing import Final

from dashboards.fields import FLEET_COLORS, FLEET_PATH

EVERY_S: Final = "greatest($__interval_s, @resolution, 5)"
"""SQL for the seconds between the points of a line; where more than two of them are missing, it ends."""

EACH_MINUTE: Final = "greatest($__interval_s, 60)"
EACH_BLOCK: Final = "greatest($__interval_s, 30)"

# By the place among all fleets that were ever planned, in the order in which they were: a new one moves none. Those
# that nobody planned come after them, by name, as long as they were heard within a day.
_COLOR: Final = """
leftPad(toString(({last} + indexOf(
    (
        SELECT groupArray(path)
        FROM
        (
            SELECT path
            FROM
            (
                SELECT {path} AS path, toUnixTimestamp(since) AS planned_s FROM budget_changes
                UNION ALL
                SELECT {path} AS path, 4294967295 AS planned_s
                FROM power_by_hour
                WHERE time >= toStartOfHour($__toTime - INTERVAL 1 DAY) AND time <= $__toTime
                GROUP BY path
            )
            GROUP BY path
            ORDER BY min(planned_s), path
        )
    ), points.series)) % {count}), 2, '0') AS color"""


def lines(sql: str, values: Sequence[str], *, by_series: bool, every_s: str = EVERY_S) -> str:
    """Return a query of lines with a row of nulls behind each pause, and the color of each fleet.

    `sql` has a column `time`, with `by_series` one `series`, and the value columns. Where the series are fleets or
    sites, a label `color` is added: the same for each in every query and range.
    """
    chosen = ["points.time + if(ends, points.step_s, 0) AS time"]
    chosen += ["points.series AS series"] if by_series else []
    chosen += [indent(color.strip(), "    ").strip()] if by_series and (color := _color(sql)) else []
    chosen += [f"if(ends, NULL, points.{value}) AS {value}" for value in values]
    partition = "PARTITION BY series " if by_series else ""
    return f"""
SELECT
    {", ".join(chosen)}
FROM
(
    SELECT
        *, toUInt32({every_s}) AS step_s,
        toInt64(leadInFrame(time, 1, time) OVER (
            {partition}ORDER BY time ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)) - toInt64(time) AS pause_s
    FROM
    (
{indent(dedent(sql).strip(), "        ")}
    )
) AS points
ARRAY JOIN if(pause_s > 2 * step_s, [0, 1], [0]) AS ends
ORDER BY time{", series" if by_series else ""}
"""  # noqa: S608  of our own text


def is_colored(sql: str) -> bool:
    """Say whether the series of a query have a label `color`."""
    return bool(_color(sql))


def _color(sql: str) -> str:
    """Return SQL for the color of a query's series: fleets and sites have one each, partitions theirs by number."""
    if "AS color" in sql:
        return "points.color AS color"
    path = "@series" if "@series AS series" in sql else "site" if "site AS series" in sql else ""
    return _COLOR.format(path=path, last=len(FLEET_COLORS) - 1, count=len(FLEET_COLORS)) if path else ""


def rows(sql: str, columns: Sequence[str], nothing: str) -> str:
    """Return a query of a table's columns in order, with one row that says why where there is none.

    `nothing` is SQL for these words; they stand in the first column, and the others are null. The column `FLEET_PATH`
    is made of site, fleet and platform.
    """
    made = {FLEET_PATH: "concat(site, ' / ', fleet, ' / ', platform)"}
    first, *others = (made.get(column, column) for column in columns)
    told = ", ".join([f"toNullable(toString({first}))", *(f"toNullable({one})" for one in others)])
    words = ", ".join([nothing, *["NULL"] * len(others)])
    return f"""
SELECT {", ".join(f"told.{at} AS {column}" for at, column in enumerate(columns, 1))}
FROM
(
    SELECT groupArray(tuple({told})) AS found
    FROM
    (
{indent(dedent(sql).strip(), "        ")}
    )
)
ARRAY JOIN if(empty(found), [tuple({words})], found) AS told
"""  # noqa: S608  of our own text


def quoted(words: str) -> str:
    """Return words as SQL."""
    return "'" + words.replace("\\", "\\\\").replace("'", "''") + "'"
