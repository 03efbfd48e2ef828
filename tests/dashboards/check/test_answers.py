"""What Grafana makes of ClickHouse's types."""

import pytest

from dashboards.check.answers import Answer, kind_of, unfit
from dashboards.check.asked import Asked


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("Float64", "number"),
        ("Nullable(UInt8)", "number"),
        ("Decimal(9, 2)", "number"),
        ("SimpleAggregateFunction(sum, Float64)", "number"),
        ("SimpleAggregateFunction(max, DateTime64(3, 'UTC'))", "time"),
        ("DateTime('UTC')", "time"),
        ("Nullable(DateTime64(3, 'UTC'))", "time"),
        ("Date", "time"),
        ("LowCardinality(Nullable(String))", "text"),
        ("Enum8('a' = 1)", "text"),
        ("Bool", "text"),
        ("Map(String, Float64)", "other"),
        ("Array(Float64)", "other"),
        ("Tuple(Float64, String)", "other"),
        ("SimpleAggregateFunction(sumMap, Map(UInt16, Float64))", "other"),
        ("Nullable(Nothing)", "other"),
        ("IntervalSecond", "other"),
    ],
)
def test_kind(type_, kind):
    assert kind_of(type_) == kind


def test_a_null_that_the_plugin_cannot_read_is_complained_of():
    asked = Asked("json/x.json", "panel 1", "table", "SELECT 1", format=1)
    type_ = "SimpleAggregateFunction(min, DateTime64(3, 'UTC'))"

    assert not list(unfit(asked, Answer([("at", type_)], [])))
    (complaint,) = unfit(asked, Answer([("at", f"Nullable({type_})")], []))
    assert "the plugin cannot read" in complaint.wrong
