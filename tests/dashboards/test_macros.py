"""Queries are expanded as Grafana's ClickHouse plugin and its front end expand them."""

import pytest

from dashboards.macros import ALL, MacroError, View, expand, interval_ms

VIEW = View(
    1_790_000_000_500,
    1_790_003_600_000,
    interval_ms=60_000,
    variables={"site": ["iowa", "o'regon"], "fleet": ALL, "chip": "h/0", "platform": ["tpu"]},
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("$__timeFilter(time)", "time >= toDateTime(1790000000) AND time <= toDateTime(1790003600)"),
        (
            "$__timeFilter_ms(ts)",
            "ts >= fromUnixTimestamp64Milli(1790000000500) AND ts <= fromUnixTimestamp64Milli(1790003600000)",
        ),
        ("$__timeInterval(time)", "toStartOfInterval(toDateTime(time), INTERVAL 60 second)"),
        ("$__timeInterval_ms(ts)", "toStartOfInterval(toDateTime64(ts, 3), INTERVAL 60000 millisecond)"),
        ("$__timeGroup(time, 5m)", "toStartOfInterval(toDateTime(time), INTERVAL 300 second)"),
        ("$__fromTime, $__toTime", "toDateTime(1790000000), toDateTime(1790003600)"),
        ("$__timeFrom(time)", "time >= toDateTime(1790000000)"),
        ("$__timeTo(time)", "time <= toDateTime(1790003600)"),
        ("$__interval_s $__interval_ms", "60 60000"),
        ("$__timeFilter(f(a, 1))", "f(a, 1) >= toDateTime(1790000000) AND f(a, 1) <= toDateTime(1790003600)"),
        ("$__nobodyKnows(x)", "$__nobodyKnows(x)"),
        ("-- $__timeFilter()\n1", "\n1"),
        ("'-- no comment' /* but\nthis */", "'-- no comment' "),
        ("site IN (${site:singlequote})", r"site IN ('iowa','o\'regon')"),
        ("site IN (${site:sqlstring})", "site IN ('iowa','o''regon')"),
        ("platform IN ($platform)", "platform IN ('tpu')"),
        ("$chip ${chip} ${chip:raw}", "h/0 h/0 h/0"),
        ("$unknown ${unknown:raw}", "$unknown ${unknown:raw}"),
        ("$__conditionalAll(site IN (${site:singlequote}), $site)", r"site IN ('iowa','o\'regon')"),
        ("a AND $__conditionalAll(f(fleet, 1) IN (${fleet:singlequote}), $fleet) AND b", "a AND 1=1 AND b"),
    ],
)  # fmt: skip
def test_expansion(sql, expected):
    assert expand(sql, VIEW) == expected


@pytest.mark.parametrize("sql", ["$__timeFilter()", "$__timeFilter(a, b)", "$__timeGroup(time)", "$__timeFilter(a"])
def test_wrong_arguments_are_an_error(sql):
    with pytest.raises(MacroError):
        expand(sql, VIEW)


@pytest.mark.parametrize(
    ("range_s", "points", "expected_s"),
    [(300, 1000, 1), (3_600, 1_000, 5), (21_600, 1_000, 20), (86_400, 1_000, 60), (86_400 * 30, 1_000, 1_800)],
)
def test_the_interval_is_the_one_that_grafana_takes(range_s, points, expected_s):
    assert interval_ms(range_s * 1000, points) == expected_s * 1000


def test_no_interval_is_below_the_panels_own():
    assert interval_ms(300_000, 1_000, at_least_ms=60_000) == 60_000
