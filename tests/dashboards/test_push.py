import copy

import pytest

from dashboards import desired, push
from dashboards.grafana import Grafana
from dashboards.grafana_http import GrafanaError, Patience
from tests.dashboards.grafana_server import TOKEN, Fault, GrafanaServer, serving
from tests.dashboards.wanted import CLICKHOUSE, MODELS, RULE, items

QUICK = Patience(answer_s=60.0, attempts=3, wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture
def server():
    with serving(GrafanaServer()) as started:
        yield started


@pytest.fixture
def grafana(server):
    return Grafana(server.url, TOKEN, QUICK)


def planned(grafana, wanted, **options):
    return push.plan(wanted, push.look(grafana, wanted), **options)


def pushed(grafana, wanted, **options):
    """Push, and return what was done: action, uid and trouble of each write."""
    return [
        (change.action, change.item.uid, trouble)
        for change, trouble in push.apply(grafana, planned(grafana, wanted, **options))
    ]


def model(changes):
    """Return the first dashboard with other values, in front of the second."""
    return (copy.deepcopy(MODELS[0]) | changes, MODELS[1])


def test_everything_is_made_where_nothing_is(server, grafana):
    done = pushed(grafana, items())

    assert [uid for action, uid, trouble in done if action == "create" and not trouble] == [
        "gigawatt", "gigawatt-clickhouse", "gigawatt-a", "gigawatt-b", "gigawatt-over-budget", "power",
    ]  # fmt: skip
    assert server.folders == {"gigawatt": "Gigawatt"}
    assert server.secrets["gigawatt-clickhouse"] == {"password": "secret"}
    assert server.dashboards["gigawatt-a"]["meta"]["folderUid"] == "gigawatt"
    assert server.rules["gigawatt-over-budget"]["folderUID"] == "gigawatt"
    assert server.intervals == {("gigawatt", "power"): 30}


def test_a_second_run_writes_nothing(server, grafana):
    pushed(grafana, items())
    server.requests.clear()

    assert {change.action for change in planned(grafana, items())} == {"unchanged"}
    assert pushed(grafana, items()) == []
    assert server.writes == []


def test_only_what_differs_is_written(server, grafana):
    pushed(grafana, items())
    server.requests.clear()
    rule = RULE | {"for": "3m"}
    done = pushed(grafana, items(models=model({"title": "Power"}), rules=[rule], interval_s=60))

    assert server.writes == [
        "POST /api/dashboards/db",
        "PUT /api/v1/provisioning/alert-rules/gigawatt-over-budget",
        "PUT /api/v1/provisioning/folder/gigawatt/rule-groups/power",
    ]
    assert done == [("update", uid, "") for uid in ("gigawatt-a", "gigawatt-over-budget", "power")]
    assert server.dashboards["gigawatt-a"]["dashboard"]["title"] == "Power"
    assert server.dashboards["gigawatt-a"]["dashboard"]["version"] == 2
    assert server.rules["gigawatt-over-budget"]["for"] == "3m"
    assert server.intervals == {("gigawatt", "power"): 60}


def test_the_plan_says_how_it_differs(grafana):
    pushed(grafana, items())
    panels = [MODELS[0]["panels"][0] | {"targets": [{"refId": "A", "rawSql": "SELECT 2\nFROM one"}]}]
    change = next(one for one in planned(grafana, items(models=model({"panels": panels}))) if one.differences)

    assert change.action == "update"
    assert change.differences == ("panels[1 Power now].targets[A].rawSql:\n  -SELECT 1\n  +SELECT 2",)


def test_folder_and_data_source_are_updated_by_uid(server, grafana):
    """No numeric id is asked for, and what an operator set beside ours stays."""
    pushed(grafana, items())
    server.folders["gigawatt"] = "Old"
    server.data_sources["gigawatt-clickhouse"]["jsonData"]["maxOpenConns"] = 50
    server.requests.clear()
    pushed(grafana, items(clickhouse="http://grafana:other@10.0.0.7:8123"))

    assert server.writes == ["PUT /api/folders/gigawatt", "PUT /api/datasources/uid/gigawatt-clickhouse"]
    settings = server.data_sources["gigawatt-clickhouse"]["jsonData"]
    assert (settings["host"], settings["maxOpenConns"]) == ("10.0.0.7", 50)
    assert server.secrets["gigawatt-clickhouse"] == {"password": "other"}


def test_a_password_alone_is_sent_when_asked_for(server, grafana):
    """Grafana does not tell whether it is the same."""
    pushed(grafana, items())
    changed = CLICKHOUSE.replace("secret", "fresh")

    assert pushed(grafana, items(clickhouse=changed)) == []
    assert pushed(grafana, items(clickhouse=changed), send_password=True) == [("update", "gigawatt-clickhouse", "")]
    assert server.secrets["gigawatt-clickhouse"] == {"password": "fresh"}


def test_a_dashboard_that_somebody_saves_meanwhile_is_not_overwritten(server, grafana):
    """The one refused is told of; the rest is made all the same."""
    pushed(grafana, items())
    plan = planned(grafana, items(models=model({"title": "Ours"}), interval_s=60))
    grafana.save_dashboard({**MODELS[0], "title": "Theirs", "version": 1}, "gigawatt")
    done = [(change.item.uid, trouble) for change, trouble in push.apply(grafana, plan)]

    assert done[0][0] == "gigawatt-a"
    assert "changed by someone else (412)" in done[0][1]
    assert done[1] == ("power", "")
    assert server.dashboards["gigawatt-a"]["dashboard"]["title"] == "Theirs"


def test_a_refused_rule_does_not_keep_others_back(server, grafana):
    done = pushed(grafana, items(rules=[RULE | {"uid": "broken", "data": []}, RULE]))

    (trouble,) = [trouble for _, uid, trouble in done if uid == "broken"]
    assert trouble.startswith("Grafana rejects POST /api/v1/provisioning/alert-rules: invalid alert rule: no queries")
    assert set(server.rules) == {"gigawatt-over-budget"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("status", [None, 503], ids=["cut", "503"])
@pytest.mark.parametrize("path", ["folders", "datasources", "dashboards/db", "alert-rules"])
def test_a_creation_whose_answer_is_lost_is_made_once(server, grafana, path, status, after):
    """Whether the request was carried out or not: before it is sent again, it is looked for."""
    server.faults = [Fault("POST", path, status, after=after)]
    done = pushed(grafana, items())

    assert [trouble for _, _, trouble in done] == [""] * 6
    assert server.writes.count(next(one for one in server.writes if path in one)) == (3 if "db" in path else 2) - after
    assert server.dashboards["gigawatt-a"]["dashboard"]["version"] == 1
    assert {change.action for change in planned(grafana, items())} == {"unchanged"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_update_whose_answer_is_lost_is_made_once(server, grafana, after):
    pushed(grafana, items())
    server.faults = [Fault("POST", "dashboards/db", after=after)]
    done = pushed(grafana, items(models=model({"title": "Power"})))

    assert done == [("update", "gigawatt-a", "")]
    assert server.dashboards["gigawatt-a"]["dashboard"]["version"] == 2


def test_without_an_answer_the_rest_is_not_tried(server, grafana):
    server.faults = [Fault("POST", "dashboards/db", 503) for _ in range(9)]

    with pytest.raises(GrafanaError, match="reports an error"):
        pushed(grafana, items())
    assert server.writes.count("POST /api/dashboards/db") == QUICK.attempts
    assert server.rules == {}


def test_without_the_folder_the_rest_is_not_tried(server, grafana):
    server.forbidden = {"/api/folders": "folders:create"}

    with pytest.raises(GrafanaError, match="folders:create"):
        pushed(grafana, items())
    assert server.writes == ["POST /api/folders"]


def test_what_a_file_provides_is_named_and_left(server, grafana):
    """Grafana would refuse it; as long as it is the same, there is nothing to say."""
    pushed(grafana, items())
    server.data_sources["gigawatt-clickhouse"]["readOnly"] = True
    server.dashboards["gigawatt-a"]["meta"]["provisioned"] = True
    server.rules[RULE["uid"]]["provenance"] = "file"
    server.requests.clear()
    assert {change.action for change in planned(grafana, items())} == {"unchanged"}

    other = items(models=model({"title": "Power"}), rules=[RULE | {"for": "3m"}], clickhouse="http://other:8123")
    locked = [change for change in planned(grafana, other) if change.action == "locked"]
    assert [change.item.kind for change in locked] == ["data source", "dashboard", "rule"]
    assert locked[0].reason == "a provisioning file of that Grafana manages it"
    assert locked[2].reason == "another provisioner of that Grafana manages it: file"
    assert pushed(grafana, other) == []
    assert server.writes == []


@pytest.fixture
def crowded(server, grafana):
    """Leave a dashboard and a rule of ours that are no longer wanted, beside others that are not ours."""
    pushed(grafana, items())
    gone = {"uid": "gigawatt-old", "title": "Old", "tags": ["gigawatt"]}
    grafana.save_dashboard(gone, "gigawatt")
    grafana.create_rule(RULE | {"uid": "gigawatt-gone", "title": "Gone"})
    server.folders["else"] = "Else"
    grafana.save_dashboard(gone | {"uid": "elsewhere"}, "else")
    grafana.save_dashboard({"uid": "by-hand", "title": "By hand", "tags": []}, "gigawatt")
    grafana.create_rule(RULE | {"uid": "rule-elsewhere", "folderUID": "else"})
    grafana.create_rule(RULE | {"uid": "rule-by-hand"})
    server.rules["rule-by-hand"]["provenance"] = ""
    server.requests.clear()
    return server


def test_what_is_left_over_stays_unless_asked(crowded, grafana):
    left = [change.item.uid for change in planned(grafana, items()) if change.action == "leave"]

    assert left == ["gigawatt-gone", "gigawatt-old"]
    assert pushed(grafana, items()) == []
    assert crowded.writes == []


def test_pruning_deletes_what_is_ours_and_no_longer_wanted(crowded, grafana):
    done = pushed(grafana, items(), prune=True)

    assert done == [("delete", "gigawatt-gone", ""), ("delete", "gigawatt-old", "")]
    assert set(crowded.dashboards) == {"gigawatt-a", "gigawatt-b", "elsewhere", "by-hand"}
    assert set(crowded.rules) == {RULE["uid"], "rule-elsewhere", "rule-by-hand"}
    assert pushed(grafana, items(), prune=True) == []


def test_a_deletion_whose_answer_is_lost_is_a_deletion(crowded, grafana):
    """Sent again, it finds nothing, and that is well."""
    crowded.faults = [Fault("DELETE", "dashboards", after=True), Fault("DELETE", "alert-rules", 503, after=True)]

    assert [trouble for _, _, trouble in pushed(grafana, items(), prune=True)] == ["", ""]
    assert "gigawatt-old" not in crowded.dashboards
    assert "gigawatt-gone" not in crowded.rules


def test_a_data_source_that_does_not_answer_is_told(server, grafana):
    pushed(grafana, items())

    assert grafana.data_source_trouble("gigawatt-clickhouse") == ""
    server.reaches_clickhouse = False
    assert "connection refused" in grafana.data_source_trouble("gigawatt-clickhouse")


def test_dashboards_are_read_from_files(tmp_path):
    (tmp_path / "b.json").write_text('{"uid": "b", "title": "B"}')
    (tmp_path / "a.json").write_text('{"uid": "a", "title": "A"}')

    assert [item.uid for item in desired.read_dashboards(tmp_path)] == ["a", "b"]
