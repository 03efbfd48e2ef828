"""The operator's fleet file."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import chips
from schema.fleet import (
    DEFAULT_FILE,
    Budget,
    FleetFileError,
    Pool,
    Rack,
    RackHost,
    Site,
    apportion,
    budgets,
    load,
    parse,
    rack_hosts,
    scaled,
)
from schema.fleet_limits import DEFAULTS

TEXT = """\
[sites.iowa]
utc_offset_h = -6

[sites.oregon]

[[pool]]
site = "iowa"
fleet = "frontier"
model = "tpu-v7"
count = 9216
budget_mw = 7.5
workload = "training"
jobs = ["base-model", "tuning"]
host_prefix = "ia-t"

[[pool]]  # a second model of the same fleet
site = "iowa"
fleet = "frontier"
platform = "tpu"
model = "tpu-v6e"
count = 256
budget_w = 60_000.0
"""


def test_a_fleet_file_becomes_pools():
    """Every field is where it was written; a pool without a workload is idle, hosts get a prefix."""
    iowa = Site("iowa", -6.0)

    assert parse(TEXT, "fleet.toml").pools == (
        Pool(
            site=iowa,
            fleet="frontier",
            chip=chips.chip("tpu-v7"),
            count=9216,
            budget_w=7.5e6,
            workload="training",
            jobs=("base-model", "tuning"),
            host_prefix="ia-t",
        ),
        Pool(
            site=iowa,
            fleet="frontier",
            chip=chips.chip("tpu-v6e"),
            count=256,
            budget_w=60_000.0,
            workload="idle",
            jobs=(),
            host_prefix="iowa-frontier-tpu-v6e-",
        ),
    )


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("count = 256", "cuont = 256", "21: cuont: unknown key, did you mean count?"),
        ("count = 256", "count = -1", "21: count: must be a whole number of at least 1, not -1"),
        ("count = 256", 'count = "256"', "21: count: must be a whole number of at least 1, not '256'"),
        ("count = 256", "count = true", "21: count: must be a whole number of at least 1, not True"),
        ("count = 256", "", "16: count: missing"),
        ("count = 256", "count =", "not TOML: Invalid value (at line 21, column 8)"),
        ('"tpu-v6e"', '"tpu-v6"', "20: model: unknown model 'tpu-v6', did you mean tpu-v6e"),
        ('platform = "tpu"', 'platform = "gpu"', "19: platform: unknown platform 'gpu', did you mean tpu?"),
        ('platform = "tpu"', 'platform = "amd"', "19: platform: tpu-v6e has platform 'tpu'"),
        ('site = "iowa"\nfleet = "frontier"\nmodel', 'site = "iova"\nmodel', "7: site: unknown site 'iova', did"),
        ('fleet = "frontier"\nmodel', 'fleet = ""\nmodel', "8: fleet: must be a string of 1 to 100 bytes, not ''"),
        ('fleet = "frontier"\nmodel', 'fleet = "a\\u001b"\nmodel', r"8: fleet: 'a\x1b' has invisible or control"),
        ('fleet = "frontier"\nmodel', 'fleet = "a\u202eb"\nmodel', r"8: fleet: 'a\u202eb' has invisible or control"),
        ("utc_offset_h = -6", "utc_offset_h = -60", "2: utc_offset_h: must be a number from -14 to 14, not -60"),
        ("[sites.oregon]", "[site.oregon]", "4: site: unknown key, did you mean sites?"),
        ("[sites.oregon]", "[sites]\noregon = 8", "5: oregon: must be a table: write [sites.oregon]"),
        ('"training"', '"trainning"', "12: workload: unknown workload 'trainning', did you mean training?"),
        ('jobs = ["base-model", "tuning"]', "", "6: jobs: a pool of training needs at least one job"),
        ('"base-model", "tuning"', '"tuning", "tuning"', "13: jobs: lists a job twice"),
        ('["base-model", "tuning"]', '"tuning"', "13: jobs: must be an array of strings, not 'tuning'"),
        ("budget_w = 60_000.0", 'budget_w = 1\njobs = ["a"]', "23: jobs: an idle pool has no jobs"),
        ("budget_w = 60_000.0", "", "16: budget_mw: set either budget_mw or budget_w"),
        ("budget_w = 60_000.0", "budget_w = nan", "22: budget_w: must be a number from 0 to 1e+12, not nan"),
        ('"tpu-v6e"', '"tpu-v7"', "20: model: a second pool of tpu-v7 in fleet 'frontier' at 'iowa'"),
        ("budget_w", 'host_prefix = "ia-t"\nbudget_w', "22: host_prefix: 'ia-t' already names the hosts of another"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(wrong, right, message):
    """Every mistake names the file, the line, the field, and the closest known name where there is one."""
    text = TEXT.replace(wrong, right, 1) if "[sites" in wrong else right.join(TEXT.rsplit(wrong, 1))

    with pytest.raises(FleetFileError) as raised:
        parse(text, "fleet.toml")

    assert str(raised.value).startswith(("fleet.toml:" + message, "fleet.toml: " + message))
    assert "\n" not in str(raised.value)


RACKS = """
[[rack]]
site = "iowa"
name = "row-3-rack-12"
hosts = ["ia-t00012", "ia-t0002?"]

[[rack]]
site = "oregon"
name = "row-3-rack-12"
hosts = ["ia-t00012"]
"""


def test_racks_name_their_hosts():
    """One row per host or pattern; names are of their site, and scaling the fleet moves no host."""
    fleet = parse(TEXT + RACKS, "fleet.toml")

    assert fleet.racks[0] == Rack(Site("iowa", -6.0), "row-3-rack-12", ("ia-t00012", "ia-t0002?"))
    assert rack_hosts(scaled(fleet, 10)) == [
        RackHost("iowa", "row-3-rack-12", "ia-t00012"),
        RackHost("iowa", "row-3-rack-12", "ia-t0002?"),
        RackHost("oregon", "row-3-rack-12", "ia-t00012"),
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('"oregon"\nname', '"oregan"\nname', "30: site: unknown site 'oregan', did you mean oregon?"),
        ('"oregon"\nname', '"iowa"\nname', "31: name: a second rack 'row-3-rack-12' at 'iowa'"),
        ('name = "row-3-rack-12"\nhosts = ["ia-t00012"]', "", "29: name: missing"),
        ('hosts = ["ia-t00012"]', "", "29: hosts: lists no hosts"),
        ('hosts = ["ia-t00012"]', 'hosts = "ia-t00012"', "32: hosts: must be an array of strings, not 'ia-t00012'"),
        ('["ia-t00012"]', '["ia-t0001[23]"]', "32: hosts: 'ia-t0001[23]': only the wildcards ? and * are supported"),
        ("hosts =", "host =", "27: host: unknown key, did you mean hosts?"),
        (
            'site = "oregon"\nname = "row-3-rack-12"',
            'site = "iowa"\nname = "b"',
            "32: hosts: 'ia-t00012' is already in rack 'row-3-rack-12'",
        ),
    ],
)
def test_a_mistake_in_a_rack_is_one_line_with_its_place(wrong, right, message):
    """As everywhere in the file."""
    with pytest.raises(FleetFileError) as raised:
        parse(TEXT + RACKS.replace(wrong, right, 1), "fleet.toml")

    assert str(raised.value).startswith("fleet.toml:" + message)


def test_a_file_without_pools_says_what_it_needs():
    """An empty file is no fleet."""
    with pytest.raises(FleetFileError, match=r"fleet.toml:1: pool: missing; .* at least one \[\[pool\]\]"):
        parse("", "fleet.toml")


def test_a_pool_needs_declared_sites():
    """Sites are declared first, so that a typo in one cannot make a new one."""
    with pytest.raises(FleetFileError, match=r"fleet.toml:2: site: declare the site as \[sites.NAME\]"):
        parse('[[pool]]\nsite = "iowa"\n', "fleet.toml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A wrong path is one line, and so is a file that is not text."""
    with pytest.raises(FleetFileError, match=r"cannot read the fleet file .*none\.toml: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FleetFileError, match=r"binary\.toml: it is not UTF-8 text"):
        load(tmp_path / "binary.toml")


def test_a_file_is_read(tmp_path):
    """What stands in a file is what `parse` makes of its text."""
    path = tmp_path / "fleet.toml"
    path.write_text(TEXT)

    assert load(path) == parse(TEXT, str(path))


def test_budgets_are_summed_by_fleet_and_platform():
    """Two models of one platform in one fleet share one row."""
    assert budgets(parse(TEXT, "fleet.toml")) == [Budget("iowa", "frontier", "tpu", 7.56e6, 9472)]


def test_the_default_fleet_is_a_gigawatt():
    """The default file has a million chips of three platforms in several sites, on more than a gigawatt."""
    fleet = load()
    rows = budgets(fleet)

    assert fleet.count == 1_000_000
    assert sum(row.budget_w for row in rows) > 1e9
    assert sum(pool.count * pool.chip.peak_w for pool in fleet.pools) > 1e9
    assert {row.platform for row in rows} == {"tpu", "trainium", "nvidia"}
    assert len({row.site for row in rows}) == 4
    assert {pool.workload for pool in fleet.pools} == {"training", "inference", "idle"}
    assert DEFAULT_FILE.endswith(".toml")


@given(st.integers(0, 3_000_000))
def test_scaling_keeps_the_picture(count):
    """Scaled counts add up; no pool vanishes while there are chips enough; watts a chip stay the same."""
    fleet = load()

    small = scaled(fleet, count)

    assert small.count == count
    for before, after in zip(fleet.pools, small.pools, strict=True):
        assert after.count >= (1 if count >= len(fleet.pools) else 0)
        assert abs(after.count - count * before.count / fleet.count) < len(fleet.pools)
        assert after.budget_w == pytest.approx(before.budget_w / before.count * after.count)
        assert dataclasses.replace(after, count=before.count, budget_w=before.budget_w) == before


def test_scaling_to_the_same_size_changes_nothing():
    """A fleet scaled to its own size is itself."""
    assert scaled(load(), load().count) == load()


def test_nothing_has_fewer_than_no_chips():
    """A negative size is a mistake of the caller."""
    with pytest.raises(ValueError, match="cannot share out -1"):
        scaled(load(), -1)


def test_parts_are_rounded_by_largest_remainder():
    """Seven among 3 : 2 : 1 is 3.5, 2.33 and 1.17: the half gets the odd one."""
    assert apportion(7, [3, 2, 1]) == [4, 2, 1]


def test_limits_are_the_defaults_and_then_what_the_file_says():
    """Of two entries that hold for a fleet, the later one counts."""
    more = """
[[limits]]
coverage_share = 0.8
idle_share = 0.2

[[limits]]
site = "iowa"
fleet = "frontier"
idle_share = 1.0
"""
    (budget,) = budgets(parse(TEXT + more, "fleet.toml"))

    assert budget.limits == {**DEFAULTS, "coverage_share": 0.8, "idle_share": 1.0}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("idle_shore = 1.0", "idle_shore: unknown key, did you mean idle_share"),
        ("idle_share = 1.5", "idle_share: must be a number from 0 to 1, not 1.5"),
        ('fleet = "frontiers"\nidle_share = 1.0', "fleet: unknown fleet 'frontiers', did you mean frontier?"),
        ('fleet = "frontier"', "limits: sets no limit"),
    ],
)
def test_limits_that_cannot_be_are_refused(entry, message):
    with pytest.raises(FleetFileError, match=re.escape(message)):
        parse(f"{TEXT}\n[[limits]]\n{entry}\n", "fleet.toml")


OWN = """\
[sites.iowa]

[chips.h100-custom]
platform = "nvidia"

[[pool]]
site = "iowa"
fleet = "lab"
model = "h100-custom"
count = 16
budget_w = 12_000
"""


def test_a_model_of_the_operators_own_has_a_budget():
    """It needs its platform, and nothing else."""
    assert [one[:5] for one in budgets(parse(OWN, "fleet.toml"))] == [("iowa", "lab", "nvidia", 12_000.0, 16)]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "[chips.h100-custom]",
            "[chips.h100-costum]",
            "9: model: unknown model 'h100-custom', did you mean h100-costum",
        ),
        ("h100-custom", "h100-sxm", "3: h100-sxm: is already in the chip catalogue"),
        ('"nvidia"', '"nvidea"', "4: platform: unknown platform 'nvidea', did you mean nvidia"),
        ('platform = "nvidia"', "", "3: platform: missing"),
        ('"nvidia"', '"nvidia"\npeak_w = 80\nidle_w = 90', "5: peak_w: must be more than idle_w"),
        ('"nvidia"', '"nvidia"\nwatts = 80', "5: watts: unknown key"),
    ],
)
def test_a_mistake_in_a_model_of_ones_own_is_told_with_its_place(old, new, error):
    with pytest.raises(FleetFileError, match=re.escape(f"fleet.toml:{error}")):
        parse(OWN.replace(old, new), "fleet.toml")
