from dashboards import generate
from tests.gigawatt.running import gigawatt


def test_build_names_what_it_writes_and_then_has_nothing_to_do(tmp_path):
    """The files are those that are checked in."""
    first = gigawatt("dashboards", "build", "--to", str(tmp_path))
    second = gigawatt("dashboards", "build", "--to", str(tmp_path))

    assert first.stdout.split() == sorted(generate.files())
    assert (second.stdout, second.returncode) == ("", 0)
    assert (tmp_path / "json" / "fleet_power.json").read_text("utf-8") == generate.files()["json/fleet_power.json"]


def test_dry_run_writes_nothing_and_fails_where_something_would_change(tmp_path):
    """For whoever wants to know whether what is checked in is current."""
    run = gigawatt("dashboards", "build", "--dry-run", "--to", str(tmp_path))

    assert run.stdout.split() == sorted(generate.files())
    assert run.returncode == 1
    assert not list(tmp_path.iterdir())
