"""Values that are meant, however they are written."""

import pytest

from producers.redfish.values import link, number, reading, thing, things


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (6240, 6240.0),
        ("6240", 6240.0),
        (" 6240.5 ", 6240.5),
        ("+6.24e3", 6240.0),
        ("6240 W", None),
        ("6,240", None),
        ("6_240", None),
        ("٦٢٤٠", None),
        ("0x1860", None),
        ("nan", None),
        ("inf", None),
        ("1e99", None),
        ("-5", None),
        ("", None),
        (-5, None),
        (float("nan"), None),
        (10**400, None),
        (True, None),
        (None, None),
        ([6240], None),
    ],
)
def test_a_number_may_be_a_text_and_nothing_else(value, expected):
    """A unit or a thousands' comma behind or in it may mean something else."""
    assert number(value, 1e7) == expected


@pytest.mark.parametrize("value", [0, 0.0, "0", "0.0"])
def test_a_zero_is_a_number_only_where_it_may_be_one(value):
    assert number(value, 1e7) is None
    assert number(value, 1e7, or_zero=True) == 0.0


def test_an_object_may_stand_where_a_list_should_and_the_other_way_round():
    one = {"a": 1}

    assert things(one) == things([one]) == things([one, None, 3, "x"]) == [one]
    assert thing(one) == thing([one]) == one
    assert thing([one, one]) == thing("x") == thing(None) == {}
    assert things(None) == things("x") == []


def test_a_reading_is_that_of_an_excerpt_or_bare():
    for told in ({"Reading": 5}, {"Reading": "5"}, [{"Reading": 5}], 5, "5"):
        assert reading({"PowerWatts": told}, "PowerWatts", 10) == 5.0
    for told in ({"Reading": None}, {}, [], None, {"Reading": {"Reading": 5}}):
        assert reading({"PowerWatts": told}, "PowerWatts", 10) is None


def test_a_link_is_an_object_or_bare():
    for given in ({"@odata.id": "/a/"}, [{"@odata.id": "/a/"}], "/a/"):
        assert link(given) == "/a/"
    for given in ({"@odata.id": 5}, {"@odata.id": "a"}, {}, [], None, 7, [{"@odata.id": "/a"}, {"@odata.id": "/b"}]):
        assert link(given) is None
