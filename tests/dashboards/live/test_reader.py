"""The summary's rows, read from a real engine. tests/local/test_up.py reads them of a running stack."""

import pytest

from dashboards.live.reader import SummaryReader
from schema.clickhouse import ClickHouseAwayError, connect
from schema.errors import GigawattError
from tests import engine as engines


@pytest.fixture
def mortal(tmp_path):
    """Start an engine of the test's own, which it may stop."""
    engine = engines.start(tmp_path / "engine")
    yield engine
    engines.stop(engine)


def test_an_engine_that_ends_is_told_in_a_few_words(mortal):
    """The client's own text names pools, retries and a whole URL."""
    mortal.migrated_client()
    reader = SummaryReader(lambda: connect(mortal.url), fresh_for_s=0)
    assert reader.read().lines == []

    engines.stop(mortal)
    with pytest.raises(ClickHouseAwayError, match=r"^ClickHouse cannot answer \(\[Errno \d+\] [\w ]+\)$"):
        reader.read()
    with pytest.raises(ClickHouseAwayError, match="does not answer"):
        reader.read()


def test_without_a_schema_it_says_what_to_run(mortal):
    with pytest.raises(GigawattError, match="has no Gigawatt schema yet; run: gigawatt migrate"):
        SummaryReader(lambda: connect(mortal.url, database=None)).read()
