"""The supported range of Grafana is the same everywhere."""

import re
from pathlib import Path

import pytest

import dashboards
from dashboards.supported import KEEPS_FIRING, OLDEST, PLUGIN, TRIED, Version, doubts, version

ROOT = Path(dashboards.__file__).parents[1]


def test_what_is_mounted_is_what_was_tried():
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")

    assert f"image: grafana/grafana:{TRIED}\n" in compose
    assert f"grafana-clickhouse-datasource@{PLUGIN}\n" in compose


def test_the_documentation_states_the_range():
    text = " ".join((ROOT / "docs" / "dashboards.md").read_text("utf-8").split())
    plugin = ".".join(PLUGIN.split(".")[:2])

    assert f"for Grafana {OLDEST} and newer with the ClickHouse plugin {plugin} and newer" in text
    assert f"Grafana {version(TRIED)} was run; {KEEPS_FIRING} is the first that keeps an alert firing" in text
    assert not re.search(r"any Grafana", text)


@pytest.mark.parametrize(
    ("text", "read"),
    [("12.2.0", Version(12, 2)), ("11.6.0-pre", Version(11, 6)), ("13.1.0+security-01", Version(13, 1)), ("", None)],
)
def test_versions_are_compared_by_their_first_two_numbers(text, read):
    assert version(text) == read


def test_a_version_that_is_kept_secret_is_not_doubted():
    assert list(doubts("", "")) == []
