"""Which tests are integration tests, which process runs which, and what begins first."""

from types import ModuleType
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

PARTS = {"broker", "browser", "either", "engine", "front", "kafka", "page", "seeded", "stack"}
"""Fixtures that run a part of a stack, or a browser."""
STARTERS = {"subprocess", "tests.engine", "tests.gigawatt.running", "tests.local.clickhouse.conftest", "tests.stack"}
"""Modules that start processes: a test whose module takes anything from them may do so."""
FOLDERS = tuple(f"tests/{name}/" for name in ("bench", "deploy", "foreign", "fuzz", "local", "oldest", "secured"))
"""Where tests start parts by other means, too."""
ALONE = {f"tests/{name}.py" for name in ("test_bad_input", "test_topic_changes")}
"""Files whose tests share nothing but what a session has: any process runs any of them."""
TOGETHER = {
    "tests/dashboards/page/test_browser.py": "page",
    "tests/dashboards/page/test_server.py": "page",
    "tests/dashboards/page/test_outside.py": "page",
    "tests/secured/": "secured",
}
"""Files, and folders, that one process runs after each other, since they share what takes long to start."""
LONGEST = (
    *("test_hosts_exactly_once", "test_bad_input", "test_topic_changes", "dashboards/rules/test_outages"),
    *("local/clickhouse/test_outside", "dashboards/rules/test_scenarios", "dashboards/rules/test_pauses"),
    *("oldest/test_oldest", "dashboards/rules/test_starts", "dashboards/check/test_checked_in", "test_exactly_once"),
    *("schema/test_reconciled", "dashboards/rules/test_pipeline", "local/test_up", "dashboards/page/test_day"),
    *("dashboards/page/test_browser", "deploy/test_image", "bench/test_measure", "bench/test_attacks"),
    *("bench/peers/test_measure", "bench/test_soak", "bench/test_backlog"),
    *("test_four_platforms", "local/test_up_listen", "secured/test_whole", "schema/test_rights"),
    *("producers/spool/test_kill", "secured/test_stack", "test_metrics"),
)
"""Files that take longer than half a minute, the longest first."""


def is_integration(item: pytest.Item) -> bool:
    """Say whether a test runs more than this process: a broker, an engine, a browser, the project's own command."""
    return (
        item.nodeid.startswith(FOLDERS)
        or item.nodeid.count("/") == 1
        or not PARTS.isdisjoint(item.fixturenames)
        or not STARTERS.isdisjoint(map(home, vars(item.module).values()))
    )


def home(found: object) -> str:
    """Return the name of a module, or of the one in which a function or class is."""
    return str(getattr(found, "__name__" if isinstance(found, ModuleType) else "__module__", ""))


def unit_of(nodeid: str) -> str:
    """Return a name that the tests have in common which one process runs after each other."""
    file = nodeid.partition("::")[0]
    if file in ALONE:
        return nodeid
    return next((name for place, name in TOGETHER.items() if file.startswith(place)), file)


class Units(LoadScopeScheduling):
    """Gives each process one unit after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Units:
    """Give processes our units, whatever --dist says."""
    return Units(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "integration: runs a real broker, engine, browser or command")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the integration tests, and begin with what takes longest: else one process is at it long after the others.

    The tests of a unit follow each other, for what they share is then started once.
    """
    place = {f"tests/{name}.py": number for number, name in enumerate(LONGEST)}
    first: dict[str, int] = {}
    for item in items:
        if is_integration(item):
            item.add_marker(pytest.mark.integration)
        unit, here = unit_of(item.nodeid), place.get(item.nodeid.partition("::")[0], len(place))
        first[unit] = min(first.get(unit, here), here)
    units = {unit: number for number, unit in enumerate(first)}
    items.sort(key=lambda item: (first[unit_of(item.nodeid)], units[unit_of(item.nodeid)]))
