import asyncio
import threading
from pathlib import Path

import pytest

from local.stack import (
    DEFAULT_CHIPS,
    DEFAULT_CHIPS_IN_MEMORY,
    Plan,
    fleet_of,
    in_thread,
    refuse_to_replace,
    simulated_fleet,
    worker,
)
from schema.address import Address
from schema.errors import GigawattError

SMALL = """
[sites.here]
[[pool]]
site = "here"
fleet = "mine"
model = "h200"
count = 16
budget_w = 11200
"""


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    """Write a fleet file of 16 chips."""
    path = tmp_path / "fleet.toml"
    path.write_text(SMALL)
    return path


@pytest.mark.parametrize(("broker", "chips"), [("kafka", DEFAULT_CHIPS), ("tansu", DEFAULT_CHIPS_IN_MEMORY)])
def test_default_fleet_suits_the_broker(tmp_path: Path, broker: str, chips: int):
    """A broker that keeps its log in memory gets a smaller fleet."""
    fleet, count = fleet_of(Plan(tmp_path), broker)

    assert count == chips == fleet.count


def test_small_fleet_file_is_played_as_it_is(tmp_path: Path, fleet_file: Path):
    """A fleet file below the default size is not blown up; --chips scales it, budgets too."""
    fleet, count = fleet_of(Plan(tmp_path, fleet_file=fleet_file), "kafka")
    scaled, _ = fleet_of(Plan(tmp_path, fleet_file=fleet_file, chips=32), "kafka")

    assert (count, fleet.pools[0].budget_w) == (16, 11_200)
    assert (scaled.count, scaled.pools[0].budget_w) == (32, 22_400)


def test_without_simulated_chips_only_a_named_file_sets_budgets(tmp_path: Path, fleet_file: Path):
    """The default fleet is a picture: it sets no budgets for real chips."""
    named, chips = fleet_of(Plan(tmp_path, chips=0, fleet_file=fleet_file), "kafka")

    assert (named.count, chips) == (16, 0)
    assert fleet_of(Plan(tmp_path, chips=0), "kafka") == (None, 0)


def test_a_simulated_fleet_does_not_replace_budgets_of_ones_own(tmp_path: Path):
    """Nor are those of both added up; of its own, from an earlier run, there is nothing to refuse."""
    refuse_to_replace([], Plan(tmp_path))
    with pytest.raises(
        GigawattError, match=r"budgets of your own \(mine / lab / nvidia\).*--chips 0.*--fleet-file.*--state"
    ):
        refuse_to_replace(["mine / lab / nvidia"], Plan(tmp_path))


def test_call_in_a_thread_is_not_waited_for_when_cancelled():
    """What cannot be interrupted, such as a download, does not hold up the end."""
    release = threading.Event()

    async def cancelled() -> None:
        async with asyncio.timeout(0.05):
            await in_thread(release.wait)

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())
    release.set()


def test_error_in_a_thread_is_raised_where_it_is_awaited():
    """An exception crosses over."""

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(in_thread(fail))


@pytest.mark.parametrize(
    ("metrics", "served"),
    [(None, ["off"] * 3), (Address("::1", 9810), ["[::1]:9810", "[::1]:9811", "[::1]:9812"]),
     (Address("127.0.0.1", 0), ["127.0.0.1:0"] * 3)],
)  # fmt: skip
def test_each_child_serves_its_metrics_on_a_port_of_its_own(tmp_path: Path, metrics: Address | None, served: list[str]):
    """Whatever the environment says, which is the same for all of them."""
    plan = Plan(state=tmp_path, metrics=metrics)
    children = [simulated_fleet(plan, 5), worker(plan, 0), worker(plan, 1)]

    assert [child.argv[child.argv.index("--metrics") + 1] for child in children] == served
