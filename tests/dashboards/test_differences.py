import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboards.differences import differences

VALUES = st.integers(0, 3) | st.sampled_from(["", "x", "x\n", "x\ny"])
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "name", "title", "sql"]), inner),
    max_leaves=12,
)


@given(DOCUMENTS, DOCUMENTS)
@settings(max_examples=200)
@example([{"id": 1}, {"id": 1}], [{"id": 1}])
@example([{"id": 1}, {"id": "1"}], [{"id": "1"}, {"id": 1}])
def test_only_equal_documents_do_not_differ(present, wanted):
    assert (differences(present, wanted) == []) == (present == wanted)
    assert differences(wanted, wanted) == []


def test_null_is_as_good_as_nothing():
    document = {"title": "Power", "panels": [{"id": 1, "targets": []}], "refresh": None}

    assert differences(document, {"title": "Power", "panels": [{"id": 1, "targets": []}]}) == []


@pytest.mark.parametrize(
    ("present", "wanted", "entry"),
    [
        ({"a": 1}, {"a": 2}, "a: 1 -> 2"),
        ({}, {"a": "x"}, 'a: added "x"'),
        ({"a": ["x"]}, {}, 'a: removed ["x"]'),
        ({"a": {"b": True}}, {"a": {"b": False}}, "a.b: true -> false"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a[1]: 2 -> 3"),
        ({"a": [1, 2]}, {"a": [1]}, "a[1]: removed 2"),
        ({"a": "x"}, {"a": ["x"]}, 'a: "x" -> ["x"]'),
        ({"a": "x\n"}, {"a": "x"}, 'a: "x\\n" -> "x"'),
        ({"a": "b" * 200}, {"a": "c"}, f'a: "{"b" * 116}... -> "c"'),
    ],
)
def test_each_place_has_its_entry(present, wanted, entry):
    assert differences(present, wanted) == [entry]


def test_elements_of_lists_are_told_apart_by_name():
    """A panel in front moves no other; a query is named by its refId."""
    present = {"panels": [{"id": 2, "title": "Power now", "targets": [{"refId": "A", "format": 0}]}]}
    wanted = {"panels": [{"id": 1}, {"id": 2, "title": "Power now", "targets": [{"refId": "A", "format": 1}]}]}

    assert differences(present, wanted) == [
        'panels[1]: added {"id": 1}',
        "panels[2 Power now].targets[A].format: 0 -> 1",
    ]


def test_another_order_is_a_difference():
    assert differences([{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}]) == [": in another order"]


def test_texts_differ_by_line():
    """Of a query only the lines that go and come are shown."""
    present, wanted = "SELECT time,\n  power_w\nFROM fleet_power", "SELECT time,\n  power_estimated_w\nFROM fleet_power"

    assert differences({"sql": present}, {"sql": wanted}) == ["sql:\n  -  power_w\n  +  power_estimated_w"]
