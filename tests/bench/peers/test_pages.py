"""Exporters' pages say what samples say."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.peers.pages import METRICS, pages, simulated
from producers.source import Tick

NOW_S = 1_790_000_000


def test_a_page_says_what_the_samples_of_its_host_say():
    reads = simulated(200, 8).read(Tick((NOW_S + 1) * 1000, 1000))
    made = pages(200, 8, NOW_S, seconds=2)

    assert [page.key for page in made] == [read.key for read in reads]
    assert sum(page.chips for page in made) == 200
    for page, read in zip(made, reads, strict=True):
        said = {
            (family.name, sample.labels["chip"]): sample.value
            for family in text_string_to_metric_families(page.texts[1].decode())
            for sample in family.samples
        }
        rows = read.samples.to_pylist()
        wanted = {
            (metric, row["chip"]): row[name]
            for row in rows
            for name, metric in METRICS.items()
            if row.get(name) is not None
        }
        assert said == pytest.approx(wanted, rel=1e-6)
        assert page.values == len(wanted)
        assert page.labels == {name: rows[0][name] for name in ("site", "fleet", "platform")}


def test_values_change_from_second_to_second():
    (first, *_) = pages(200, 8, NOW_S, seconds=3)

    assert len(set(first.texts)) == 3
