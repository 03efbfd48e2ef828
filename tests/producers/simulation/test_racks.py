"""How a pool is cut into racks."""

import numpy as np
import pytest

from producers.simulation.racks import racks
from schema.fleet import parse

POOL = """
[sites.a]
[[pool]]
site = "a"
fleet = "f"
model = "h100-sxm"
count = {count}
budget_w = 1
workload = "training"
jobs = ["x", "y", "z"]
host_prefix = "h"
"""


def pool(count):
    """Return a training pool of so many H100s."""
    return parse(POOL.format(count=count), "fleet.toml").pools[0]


@pytest.mark.parametrize("count", [1, 8, 1001, 40_000])
@pytest.mark.parametrize("batch", [1, 64, 256, 100_000])
@pytest.mark.parametrize("cadence_s", [1, 60])
def test_every_chip_is_in_one_rack(count, batch, cadence_s):
    """Racks tile the pool, are no wider than asked for (or one host), and hold whole hosts."""
    cut = racks(pool(count), batch, cadence_s)
    chips = [name for rack in cut for name in rack.chip.to_pylist()]

    assert len(chips) == len(set(chips)) == count
    assert [rack.start for rack in cut] == list(np.cumsum([0] + [rack.count for rack in cut])[:-1])
    assert max(rack.count for rack in cut) <= max(batch, 8)
    hosts = [set(rack.host.to_pylist()) for rack in cut]
    assert sum(map(len, hosts)) == len(set.union(*hosts))


def test_a_chip_is_named_after_its_host():
    """The host of `h00001/3` is `h00001`, and the first host is the key."""
    (rack,) = racks(pool(3), 64, 1)

    assert rack.chip.to_pylist() == ["h00000/0", "h00000/1", "h00000/2"]
    assert rack.host.to_pylist() == ["h00000"] * 3
    assert rack.key == "h00000"


def test_the_first_job_is_the_largest():
    """Jobs hold hosts by weight 1, 1/2, 1/3; no rack mixes two of them."""
    cut = racks(pool(8 * 1100), 256, 1)
    chips = np.bincount([rack.job for rack in cut], weights=[rack.count for rack in cut])

    assert list(chips) == [8 * 600, 8 * 300, 8 * 200]


def test_a_slow_pool_is_spread_over_its_cadence():
    """Of a pool that is read once a minute, each second has its sixtieth."""
    cut = racks(pool(8 * 6000), 256, 60)
    chips = np.bincount([rack.second for rack in cut], weights=[rack.count for rack in cut])

    assert len(chips) == 60
    assert np.ptp(chips) <= 8 * 3
