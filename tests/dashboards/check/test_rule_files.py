"""What would go wrong with provisioning files is found without a Grafana."""

import pytest

from dashboards.check.rule_files import two_folders, unfit, unguarded

PANELS = {("trust", 5), ("runbooks", 2)}
RULE = {
    "dashboardUid": "trust",
    "panelId": 5,
    "annotations": {
        "__dashboardUid__": "trust",
        "__panelId__": "5",
        "runbook_url": "{{ externalURL }}d/runbooks?viewPanel=2",
        "summary": "{{ with $values.B }}{{ humanize $values.B.Value }}{{ end }}",
    },
}


def wrong(**annotations: str) -> list[str]:
    return [one.wrong for one in unfit(RULE | {"annotations": RULE["annotations"] | annotations}, PANELS)]


def test_a_rule_in_order_is_not_complained_of():
    assert wrong() == []


def test_a_provider_with_a_uid_makes_a_second_folder():
    """Rules come before dashboards, and name their folder by title."""
    groups = [{"folder": "Gigawatt"}]

    assert list(two_folders({"folder": "Gigawatt"}, groups)) == []
    (found,) = two_folders({"folder": "Gigawatt", "folderUid": "gigawatt"}, groups)
    assert found.wrong.startswith("folderUid requests a second folder")
    (found,) = two_folders({"folder": "Power"}, groups)
    assert found.wrong == "the rules are in Gigawatt, the dashboards in Power"


def test_a_rule_that_links_to_no_panel_is_found():
    assert wrong(__panelId__="6") == ["its annotations name no panel, so notifications have no link"]
    bare = {"annotations": {"runbook_url": RULE["annotations"]["runbook_url"]}}
    assert [one.wrong for one in unfit(RULE | bare, PANELS)] == [
        "its annotations name no panel, so notifications have no link"
    ]


def test_annotations_and_keys_name_one_panel():
    assert wrong(__dashboardUid__="runbooks", __panelId__="2") == ["its annotations name another panel than its keys"]


@pytest.mark.parametrize("url", ["docs/runbooks.md#a", "", "{{ externalURL }}d/runbooks?viewPanel=9", "/d/runbooks"])
def test_a_runbook_that_nobody_can_reach_is_found(url):
    assert wrong(runbook_url=url) == ["its runbook_url is a dead link"]


def test_a_text_that_cannot_be_filled_in_is_found():
    assert wrong(summary="{{ $labels.site }}") == [
        "summary cannot be filled in where $labels.site is missing, as after an error"
    ]


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("no template", []),
        ("{{ humanize $values.B.Value }}", ["$values.B"]),
        ("{{ with $values.B }}{{ humanize $values.B.Value }}{{ end }}", []),
        ("{{ with $values.B }}{{ else }}{{ humanize $values.B.Value }}{{ end }}", ["$values.B"]),
        ("{{ with $values.B }}{{ end }}{{ $values.B }}", ["$values.B"]),
        ("{{ with $values.A }}{{ with $values.B }}{{ $values.A.Value }}{{ end }}{{ end }}", []),
        ("{{ with $labels.site }}{{ . }}{{ else }}?{{ end }}", []),
        ("{{ with $values.A }}{{ $labels.site }}{{ else }}{{ $labels.site }}{{ end }}", ["$labels.site"]),
    ],
)
def test_what_may_be_missing_is_guarded(template, found):
    assert unguarded(template) == found
