import copy

import pytest

from dashboards import desired
from schema.errors import GigawattError
from tests.dashboards.wanted import RULE


def settings(clickhouse):
    return desired.data_source(clickhouse).body["jsonData"]


def test_a_data_source_asks_as_the_user_who_may_only_read():
    assert settings("http://10.0.0.7:8123") == {
        "host": "10.0.0.7",
        "port": 8123,
        "protocol": "http",
        "secure": False,
        "username": "grafana",
        "defaultDatabase": "gigawatt",
    }
    assert settings("https://default@clickhouse")["username"] == "grafana"
    assert settings("https://clickhouse")["port"] == 8443
    assert settings("https://clickhouse")["secure"]


@pytest.mark.parametrize(
    ("clickhouse", "secret"),
    [
        ("http://grafana:p%40ss@ch:8123", {"password": "p@ss"}),
        ("http://:p%40ss@ch:8123", {"password": "p@ss"}),
        ("http://grafana@ch:8123", None),
        ("http://ch:8123", None),
        ("http://default:admin@ch:8123", None),
    ],
)
def test_only_that_users_password_is_handed_on(clickhouse, secret):
    """The password of the user who may write never reaches Grafana."""
    item = desired.data_source(clickhouse)

    assert item.body.get("secureJsonData") == secret
    assert "admin" not in str(item.body)


def test_a_password_file_is_that_users_where_the_url_names_her(tmp_path):
    """Where it names nobody, the file is the owner's."""
    file = tmp_path / "password"
    file.write_text("p@ss\n")
    named = {"GIGAWATT_CLICKHOUSE_PASSWORD_FILE": str(file)}

    assert desired.data_source("http://grafana@ch", named).body["secureJsonData"] == {"password": "p@ss"}
    for owner in ("http://ch", "http://default@ch", "http://gigawatt@ch"):
        assert "secureJsonData" not in desired.data_source(owner, named).body


def test_whom_to_believe_over_https_is_handed_on(tmp_path):
    """It is no secret, but Grafana keeps it as one; our own certificate and key stay here."""
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    named = {"GIGAWATT_CLICKHOUSE_CA": str(file), "GIGAWATT_CLICKHOUSE_KEY": str(tmp_path / "key")}
    item = desired.data_source("https://ch:8443", named)

    assert item.body["jsonData"]["tlsAuthWithCACert"] is True
    assert item.body["secureJsonData"] == {"tlsCACert": "-----BEGIN CERTIFICATE-----\n"}
    assert desired.compare(item, item.body) == ["tlsCACert: added"]
    assert "secureJsonData" not in desired.data_source("http://ch:8123", named).body
    with pytest.raises(GigawattError, match=r"cannot read certificates from .*none\.pem"):
        desired.data_source("https://ch", {"GIGAWATT_CLICKHOUSE_CA": str(tmp_path / "none.pem")})


@pytest.mark.parametrize("url", ["", "ch:8123", "tcp://ch:9000", "http://"])
def test_an_address_that_cannot_be_is_named(url):
    with pytest.raises(GigawattError, match="not a ClickHouse address"):
        desired.data_source(url)


def test_what_an_operator_set_beside_it_is_kept():
    """More connections, another name, a default: none is a difference, and an update takes none away."""
    item = desired.data_source("http://ch:8123")
    present = item.body | {
        "id": 7,
        "name": "Power",
        "isDefault": True,
        "version": 3,
        "jsonData": item.body["jsonData"] | {"maxOpenConns": 50},
    }

    assert desired.compare(item, present) == []
    moved = desired.data_source("http://other:8123")
    assert desired.compare(moved, present) == ['jsonData.host: "ch" -> "other"']
    merged = desired.merged_data_source(present, moved.body)
    assert (merged["name"], merged["isDefault"]) == ("Power", True)
    assert merged["jsonData"] == moved.body["jsonData"] | {"maxOpenConns": 50}
    assert not {"id", "version"} & merged.keys()


def test_a_missing_password_is_a_difference():
    """A password that is there cannot be compared."""
    item = desired.data_source("http://:secret@ch:8123")

    assert desired.compare(item, item.body) == ["password: added"]
    assert desired.compare(item, item.body | {"secureJsonFields": {"password": True}}) == []


def test_a_dashboard_is_compared_without_id_and_version():
    item = desired.dashboard({"uid": "a", "title": "A", "panels": []})
    present = {"dashboard": {"uid": "a", "title": "A", "panels": [], "id": 12, "version": 4}, "meta": {}}

    assert desired.compare(item, present) == ['folder: added "gigawatt"']
    assert desired.compare(item, present | {"meta": {"folderUid": "gigawatt"}}) == []


def test_a_folder_without_dashboards_says_how_to_make_them(tmp_path):
    with pytest.raises(GigawattError, match="gigawatt dashboards build"):
        desired.read_dashboards(tmp_path)


def as_grafana_keeps(rule):
    """Add what Grafana adds, and write it as Grafana does."""
    kept = copy.deepcopy(rule) | {"id": 3, "orgID": 1, "updated": "2026-11-24", "provenance": "api", "record": None}
    for query in kept["data"]:
        query["model"] = {"intervalMs": 1000, "maxDataPoints": 43200} | query["model"]
        query["queryType"] = ""
    return kept | {"for": "1m30s", "keep_firing_for": "5m", "isPaused": False}


def test_a_rule_is_compared_past_what_grafana_adds():
    item, _ = desired.rules([RULE], {"power": 30})

    assert desired.compare(item, as_grafana_keeps(RULE)) == []
    assert desired.compare(item, as_grafana_keeps(RULE) | {"for": "2m"}) == ['for: "120s" -> "90s"']
    changed = as_grafana_keeps(RULE)
    changed["labels"]["severity"] = "warning"
    assert desired.compare(item, changed) == ['labels.severity: "warning" -> "critical"']


def test_a_grafana_that_keeps_no_alert_firing_is_not_asked_again_and_again():
    """Older ones drop keep_firing_for; that is no difference that could be mended."""
    item, _ = desired.rules([RULE], {"power": 30})
    old = {key: value for key, value in as_grafana_keeps(RULE).items() if key != "keep_firing_for"}

    assert desired.compare(item, old) == []


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m30s", 90), ("0s", 0), ("0", 0), ("1d2h", 93_600)])
def test_durations(text, seconds):
    assert desired.duration_s(text) == seconds
