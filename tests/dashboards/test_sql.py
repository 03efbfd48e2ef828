import pytest

from dashboards.macros import ALL, View, expand
from dashboards.sql import FRAGMENTS, TABLES, compose

NOTHING_CHOSEN = View(0, 60_000, variables=dict.fromkeys(("site", "fleet", "platform", "model"), ALL))


def test_tables_are_put_before_the_query_once_and_in_order():
    """A table that another one builds upon comes first, however often it is used."""
    sql = compose("SELECT a FROM @together WHERE b IN (SELECT b FROM @newest)")

    assert sql.startswith("WITH newest AS\n(")
    assert [sql.count(f"{name} AS\n(") for name in ("newest", "ends", "together", "sums")] == [1, 1, 1, 0]
    assert sql.index("newest AS") < sql.index("ends AS") < sql.index("together AS")
    assert sql.endswith("SELECT a FROM together WHERE b IN (SELECT b FROM newest)")


def test_tables_of_the_query_follow_those_of_ours():
    """A query may have tables of its own, and they may use ours."""
    sql = compose("WITH mine AS (SELECT 1 FROM @newest) SELECT * FROM mine")

    assert sql.count("WITH ") == 1
    assert sql.endswith(", mine AS (SELECT 1 FROM newest) SELECT * FROM mine")


def test_a_fragment_that_nobody_knows_is_an_error():
    """A slip of the pen is no query."""
    with pytest.raises(KeyError, match="chozen"):
        compose("SELECT 1 WHERE @chozen")


def test_no_fragment_is_left_over():
    """They may use one another."""
    assert "@" not in compose(" ".join(f"@{name}" for name in [*FRAGMENTS, *TABLES]))


def test_everything_is_chosen_without_a_condition():
    """Whoever chooses nothing pays for no filter."""
    assert expand(compose("@chosen"), NOTHING_CHOSEN) == "(1=1 AND 1=1 AND 1=1 AND 1=1)"


def test_a_chosen_name_may_have_a_quote_in_it():
    """It is quoted, and ends nothing."""
    chosen = View(0, 60_000, variables={**NOTHING_CHOSEN.variables, "site": ["it's", "b"]})

    assert "site IN ('it\\'s','b')" in expand(compose("@chosen_chips"), chosen)


@pytest.mark.parametrize(
    ("interval_s", "resolution_s"), [(1, 1), (20, 1), (30, 60), (60, 60), (1800, 60), (3600, 3600), (86_400, 3600)]
)
def test_resolution_follows_the_interval(client, interval_s, resolution_s):
    """Seconds are read where points are close together, and minutes and hours where they would be averaged away."""
    sql = expand(compose("SELECT @resolution"), View(0, 1000, interval_s * 1000))

    assert client.command(sql) == resolution_s
