"""`gigawatt dashboards push` with all dashboards and rules of the project, against a server that answers as Grafana."""

import pytest

from tests.dashboards.grafana_server import TOKEN, Fault, GrafanaServer, serving
from tests.gigawatt.running import gigawatt


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("GIGAWATT_GRAFANA_TOKEN", TOKEN)
    monkeypatch.setenv("GIGAWATT_CLICKHOUSE", "http://grafana:hunter2@10.0.0.7:8123")
    with serving(GrafanaServer()) as started:
        monkeypatch.setenv("GIGAWATT_GRAFANA", started.url)
        yield started


def push(*flags):
    return gigawatt("dashboards", "push", *flags)


def test_a_dry_run_shows_what_would_change_and_writes_nothing(server):
    shown = push("--dry-run")

    assert shown.returncode == 1
    assert "create   folder      Gigawatt\n" in shown.stdout
    assert "create   dashboard   Fleet power\n" in shown.stdout
    assert shown.stdout.endswith("; nothing was written\n")
    assert shown.stderr == f"Grafana 12.2.0 at {server.url}\n"
    assert server.writes == []


def test_it_publishes_everything_and_then_has_nothing_to_do(server):
    """Dashboards and rules of the project arrive as they are, and a second run finds them so."""
    first = push()

    assert first.returncode == 0, first.stderr
    assert "created  dashboard   Fleet power\n" in first.stdout
    assert f"{len(server.writes)} created" in first.stdout.splitlines()[-1]
    assert server.data_sources["gigawatt-clickhouse"]["jsonData"]["host"] == "10.0.0.7"
    assert server.secrets["gigawatt-clickhouse"] == {"password": "hunter2"}
    assert {one["meta"]["folderUid"] for one in server.dashboards.values()} == {"gigawatt"}
    assert all("${datasource}" in str(one["dashboard"]["templating"]) for one in server.dashboards.values())
    assert {rule["folderUID"] for rule in server.rules.values()} == {"gigawatt"}
    assert set(server.intervals) == {("gigawatt", rule["ruleGroup"]) for rule in server.rules.values()}

    server.requests.clear()
    second = push()
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines()[-1].endswith(" unchanged")
    assert len(second.stdout.splitlines()) == 1
    assert server.writes == []
    assert "hunter2" not in first.stdout + first.stderr + second.stdout + second.stderr


def test_differences_are_shown_line_by_line(server):
    push()
    server.dashboards["gigawatt-fleet-power"]["dashboard"]["title"] = "Fiddled with"
    server.requests.clear()
    shown = push("--dry-run")

    assert 'update   dashboard   Fleet power\n    title: "Fiddled with" -> "Fleet power"\n' in shown.stdout
    assert "1 to update" in shown.stdout.splitlines()[-1]
    assert server.writes == []
    assert "updated  dashboard   Fleet power: 1 difference\n" in push().stdout


def test_what_is_refused_is_told_and_fails(server):
    server.forbidden = {"/api/datasources": "datasources:create"}
    done = push()

    assert done.returncode == 1
    assert "failed   data source Gigawatt ClickHouse: Grafana rejects POST /api/datasources" in done.stdout
    assert "Permissions needed: datasources:create" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("gigawatt: 1 of ")
    assert server.rules


def test_it_says_that_it_waits(server):
    server.faults = [Fault("GET", "health", 503, headers={"Retry-After": "0"})]
    waited = push("--dry-run").stderr.splitlines()

    assert waited[0] == (
        f"Grafana at {server.url} reports an error: out of order (503 on GET /api/health); retrying in 0.0 s"
    )
    assert waited[1] == f"Grafana 12.2.0 at {server.url}"


def test_the_data_source_may_be_somebody_elses(server):
    done = push("--skip-data-source")

    assert done.returncode == 0, done.stderr
    assert server.data_sources == {}


def test_a_data_source_that_does_not_answer_is_told(server):
    server.reaches_clickhouse = False
    done = push()

    assert done.returncode == 0
    assert "Grafana cannot query the data source: " in done.stderr
    assert "connection refused" in done.stderr


def test_the_check_of_the_data_source_is_of_what_was_just_written(server):
    """Grafana keeps what it knew for some seconds: the old address would be asked."""
    push()
    server.cached_hosts["gigawatt-clickhouse"] = "10.0.0.7"
    server.unreachable = {"10.0.0.9"}

    broken = push("--clickhouse", "http://grafana@10.0.0.9:8123")
    assert "health: dial tcp 10.0.0.9:8123: connection refused" in broken.stderr
    server.cached_hosts["gigawatt-clickhouse"] = "10.0.0.9"
    assert "does not answer" not in push("--clickhouse", "http://grafana@10.0.0.7:8123").stderr


@pytest.mark.parametrize(
    ("version", "plugin", "said"),
    [
        ("12.2.0", "4.20.0", ""),
        ("13.1.0", "5.0.1", ""),
        ("12.0.0", "4.21.0", ""),
        ("11.6.5", "4.20.0", "Grafana 11.6.5 ends alerts at once: keepFiringFor needs 12.0"),
        ("11.1.3", "4.14.1", "Grafana 11.1.3 is too old: plugin 4.20.0 needs 11.6"),
        ("12.2.0", "4.9.0", "the plugin grafana-clickhouse-datasource is 4.9.0 there, older than 4.20.0; update it"),
        ("12.2.0", None, "the plugin grafana-clickhouse-datasource is not installed there"),
    ],
)
def test_another_grafana_than_was_tried_is_told(server, version, plugin, said):
    server.version, server.plugin = version, plugin
    lines = push("--dry-run").stderr.splitlines()

    assert lines[0] == f"Grafana {version} at {server.url}"
    assert lines[1][: len(said)] == said if said else len(lines) == 1


def test_the_folder_that_alerting_files_made_is_used(server):
    """They know it by its title alone, and Grafana gave it a uid."""
    server.folders = {"x7": "Else", "cf3k9": "Gigawatt"}
    done = push()

    assert done.returncode == 0, done.stderr
    assert server.folders == {"x7": "Else", "cf3k9": "Gigawatt"}
    assert {one["meta"]["folderUid"] for one in server.dashboards.values()} == {"cf3k9"}
    assert {rule["folderUID"] for rule in server.rules.values()} == {"cf3k9"}
    assert {folder for folder, _ in server.intervals} == {"cf3k9"}
    server.requests.clear()
    assert push().returncode == 0
    assert server.writes == []


def test_two_folders_of_that_title_are_told(server):
    server.folders = {"cf3k9": "Gigawatt", "gigawatt": "Gigawatt"}

    assert (
        "several folders are named Gigawatt; gigawatt is used. Move the contents of cf3k9 there"
        in push("--dry-run").stderr
    )


def test_another_users_password_stays_here(server):
    done = push("--clickhouse", "http://default:admin@10.0.0.7:8123")

    assert "the password of --clickhouse is not sent" in done.stderr
    assert server.secrets["gigawatt-clickhouse"] == {}


def test_what_is_left_over_is_named_until_it_is_pruned(server):
    push()
    old = server.dashboards["gigawatt-fleet-power"]
    server.dashboards["gigawatt-old"] = old | {"dashboard": old["dashboard"] | {"uid": "gigawatt-old", "title": "Old"}}

    assert "leave    dashboard   Old: no longer part of Gigawatt; --prune deletes it\n" in push().stdout
    assert "delete   dashboard   Old\n" in push("--dry-run", "--prune").stdout
    assert "deleted  dashboard   Old\n" in push("--prune").stdout
    assert "gigawatt-old" not in server.dashboards


@pytest.mark.usefixtures("server")
def test_the_token_may_be_in_a_file(monkeypatch, tmp_path):
    monkeypatch.delenv("GIGAWATT_GRAFANA_TOKEN")
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")

    assert push("--dry-run", "--token-file", str(path)).stdout.endswith("; nothing was written\n")


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (
            "",
            "gigawatt: no token; put the token of a Grafana service account with the role Admin into GIGAWATT_GRAFANA",
        ),
        ("two words", "gigawatt: GIGAWATT_GRAFANA_TOKEN does not contain a Grafana token"),
        ("glsa_old", "gigawatt: Grafana rejects GET /api/folders: Invalid API key (401)"),
    ],
)
def test_without_a_token_that_does_it_says_what_to_do(server, monkeypatch, token, told):
    monkeypatch.setenv("GIGAWATT_GRAFANA_TOKEN", token)
    done = push()

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(told)
    assert server.writes == []


@pytest.mark.usefixtures("server")
def test_an_address_of_nothing_is_one_line():
    done = push("--url", "grafana:3000")

    assert done.returncode == 1
    assert done.stderr == "gigawatt: 'grafana:3000' is not an address of a Grafana; write it as http://host:3000\n"
