"""One engine of ClickHouse 25.8 for all that runs on it here."""

from collections.abc import Iterator

import pytest

from tests import engine as engines


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """Run the oldest engine that is served, in the place of the newest."""
    if not engines.OLDEST.exists():
        pytest.skip("no ClickHouse 25.8 here: `make test` fetches it")
    started = engines.start(tmp_path_factory.mktemp("oldest"), oldest=True)
    yield started
    engines.stop(started)
