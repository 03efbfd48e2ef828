"""What meters say beside what chips say, on the real engine; and that no meter is taken for a chip."""

import time

import pytest

from schema.clickhouse import connect
from schema.fleet import Budget, RackHost
from schema.migrate import set_budgets
from tests.batches import batch

MINUTE = int(time.time()) // 60 * 60 - 600
"""Start of a whole minute, long ago enough for all that follows it."""
COLUMNS = "hosts, chips_expected, chips_w, coverage, chips_estimated_w, metered_w, meter_coverage, ratio"


def samples(ends, *, interval_s=1, host="host-0", chip=None, minute=MINUTE, **fields):
    """Return a batch of one chip's samples that end at these seconds of the minute."""
    ts = [(minute + end) * 1000 for end in ends]
    return batch(ts=ts, interval_ms=interval_s * 1000, host=host, chip=chip or f"{host}/0", **fields)


def meter(ends, watts, *, host="host-0", kind="host", chassis="1", **fields):
    """Return a batch of a meter's samples, each of the ten seconds before these."""
    given = {"interval_s": 10, "model": f"{kind}-meter", "power_method": "meter", "power_w": watts, **fields}
    return samples(ends, host=host, chip=f"meter/{chassis}", **given)


def chips(count, power_w, *, ends=range(1, 61), **fields):
    return [samples(ends, chip=f"{fields.get('host', 'host-0')}/{n}", power_w=power_w, **fields) for n in range(count)]


WHOLE = range(10, 61, 10)


def reconciled(client, since=MINUTE, until=MINUTE + 60):
    """Return the minutes in order of time and meter: second of the first, meter, and the columns."""
    return client.query(
        f"SELECT toUnixTimestamp(time) - {MINUTE}, meter, {COLUMNS}"
        f" FROM power_reconciled_between(since = toDateTime({since}, 'UTC'), until = toDateTime({until}, 'UTC'))"
        " ORDER BY time, kind, meter, site"
    ).result_rows


def test_a_hosts_chips_stand_beside_its_meter(client, stored):
    """Eight chips of 100 W in a host that draws a kilowatt; a host without a meter is not there."""
    stored(*chips(8, 100.0), meter(WHOLE, 1000.0))
    stored(*chips(8, 300.0, host="host-1"))

    assert reconciled(client) == [(0, "host-0", 1, 8, 800.0, 1.0, 800.0, 1000.0, 1.0, 0.8)]


def test_the_last_quarter_of_an_hour_needs_no_time_and_dashboards_may_ask(engine, stored):
    """The user of dashboards may only read, and has no password."""
    minute = int(time.time()) // 60 * 60 - 300
    stored(*chips(8, 100.0, minute=minute), meter(WHOLE, 1000.0, minute=minute))
    reader = connect(engine.url.replace("http://", "http://grafana@"))

    assert reader.query(f"SELECT toUnixTimestamp(time), site, kind, {COLUMNS} FROM power_reconciled").result_rows == [
        (minute, "north", "host", 1, 8, 800.0, 1.0, 800.0, 1000.0, 1.0, 0.8)
    ]
    assert len(reconciled(reader, minute, minute + 60)) == 1


def test_a_minute_has_its_share_of_a_rectangle(client, stored):
    """A minute of Trainium that ends 20 s into this one, and the next: 20 s at 90 W and 40 s at 120 W."""
    stored(samples([20, 80], interval_s=60, power_w=[90.0, 120.0], platform="trainium", model="trn2"))
    stored(meter(WHOLE, 220.0, platform="trainium"))

    before, this, after = reconciled(client, MINUTE - 60, MINUTE + 120)
    assert before == (-60, "host-0", 1, 1, 60.0, pytest.approx(40 / 60), pytest.approx(90.0), None, 0.0, None)
    assert this == (0, "host-0", 1, 1, 110.0, 1.0, 110.0, 220.0, 1.0, 0.5)
    assert after == (60, "host-0", 1, 1, 40.0, pytest.approx(20 / 60), pytest.approx(120.0), None, 0.0, None)


def test_silent_chips_show_as_coverage(client, stored):
    """Of four chips two report, one of them for half of the minute, and one says that it does not know."""
    stored(
        *chips(4, 100.0, ends=[-600]),
        samples(range(1, 61), chip="host-0/0", power_w=100.0),
        samples(range(31, 61), chip="host-0/1", power_w=100.0),
        samples(range(1, 61), chip="host-0/2", power_w=None, power_method=None),
        meter(WHOLE, 500.0),
    )

    assert reconciled(client) == [(0, "host-0", 1, 4, 150.0, 0.375, 400.0, 500.0, 1.0, 0.8)]


def test_chips_that_say_nothing_draw_unknown_watts(client, stored):
    """No watts are not 0 W."""
    stored(*chips(2, 100.0, ends=[-600]), meter(WHOLE, 500.0))

    assert reconciled(client) == [(0, "host-0", 1, 2, None, 0.0, None, 500.0, 1.0, None)]


def test_a_meter_that_falls_silent_shows_as_its_own_coverage(client, stored):
    """What it said for half a minute is its mean; after that nothing is known of it."""
    stored(*chips(2, 100.0, ends=range(1, 121)), meter([10, 20, 30], [300.0, 200.0, 250.0]))

    assert reconciled(client, until=MINUTE + 120) == [
        (0, "host-0", 1, 2, 200.0, 1.0, 200.0, 250.0, 0.5, 0.8),
        (60, "host-0", 1, 2, 200.0, 1.0, 200.0, None, 0.0, None),
    ]


def test_a_racks_meter_measures_the_hosts_of_the_fleet_file(client, stored):
    """By name and by pattern, each host once, and in no pattern do % and _ stand for anything else."""
    hosts = ["r1_a", "r1-a", "r1%b", "r1xb", "r22", "r23", "r2"]
    for watts, host in enumerate(hosts, start=1):
        stored(*chips(2, float(watts), host=host))
    stored(meter(WHOLE, 100.0, host="r1", kind="rack"), meter(WHOLE, 100.0, host="r2", kind="rack"))
    budgets = [Budget("north", "train", "nvidia", 1e6, 14)]
    set_budgets(client, budgets, [RackHost("north", "r1", host) for host in ("r1_*", "r1%?", "r1_a")])
    set_budgets(client, budgets, [RackHost("south", "r2", "r*")])
    assert [row[1:4] for row in reconciled(client)] == [("r1", 0, 0), ("r2", 0, 0)]

    racks = [RackHost("north", "r1", host) for host in ("r1_*", "r1%?", "r1_a")]
    set_budgets(client, budgets, [*racks, RackHost("north", "r2", "r2?"), RackHost("north", "r2", "r2")])

    assert reconciled(client) == [
        (0, "r1", 2, 4, 8.0, 1.0, 8.0, 100.0, 1.0, 0.08),
        (0, "r2", 3, 6, 36.0, 1.0, 36.0, 100.0, 1.0, 0.36),
    ]


def test_a_host_and_its_rack_may_both_be_metered(client, stored):
    stored(*chips(4, 100.0), *chips(4, 50.0, host="host-1"))
    stored(meter(WHOLE, 500.0), meter(WHOLE, 800.0, host="rack", kind="rack"))
    set_budgets(client, [Budget("north", "train", "nvidia", 1e6, 8)], [RackHost("north", "rack", "host-?")])

    assert reconciled(client) == [
        (0, "host-0", 1, 4, 400.0, 1.0, 400.0, 500.0, 1.0, 0.8),
        (0, "rack", 2, 8, 600.0, 1.0, 600.0, 800.0, 1.0, 0.75),
    ]


def test_what_a_rack_is_above_one_sample_is_put_together_again(client, stored):
    """Half of the time 9 kW in one sample, half of the time 15 kW in two: 12 kW, metered all of the time."""
    stored(meter([10, 20, 30], 9000.0, chassis="rack"), *chips(1, 600.0))
    stored(meter([40, 50, 60], 7500.0, chassis="rack"), meter([40, 50, 60], 7500.0, chassis="rack/2"))

    assert reconciled(client) == [(0, "host-0", 1, 1, 600.0, 1.0, 600.0, 12_000.0, 1.0, 0.05)]


def test_chassis_of_one_host_are_added_up(client, stored):
    """Each with its own mean, also when one of them was read for half of the minute."""
    stored(meter(WHOLE, 300.0, chassis="A"), meter([10, 20, 30], 200.0, chassis="B"), *chips(1, 50.0))

    assert reconciled(client) == [(0, "host-0", 1, 1, 50.0, 1.0, 50.0, 500.0, 0.75, 0.1)]


def test_minutes_are_those_that_begin_in_the_time_asked_for(client, stored):
    stored(*chips(1, 100.0, ends=range(-59, 181)), meter(range(-50, 181, 10), 200.0))

    assert [row[0] for row in reconciled(client, MINUTE - 59, MINUTE + 61)] == [0, 60]
    assert {row[2:] for row in reconciled(client, MINUTE - 60, MINUTE + 180)} == {
        (1, 1, 100.0, 1.0, 100.0, 200.0, 1.0, 0.5)
    }


def test_a_backlog_of_hours_in_one_row_is_found(client, stored):
    """A host was cut off and sends three hours at once."""
    stored(samples([-10_800, -7200, *range(1, 61)], power_w=100.0), meter(WHOLE, 200.0))

    assert reconciled(client) == [(0, "host-0", 1, 1, 100.0, 1.0, 100.0, 200.0, 1.0, 0.5)]


def test_the_same_names_at_two_sites_are_two(client, stored):
    stored(*chips(1, 100.0), *chips(1, 30.0, site="south"), meter(WHOLE, 200.0), meter(WHOLE, 60.0, site="south"))

    assert [row[4:] for row in reconciled(client)] == [
        (100.0, 1.0, 100.0, 200.0, 1.0, 0.5),
        (30.0, 1.0, 30.0, 60.0, 1.0, 0.5),
    ]


def test_the_same_names_in_two_fleets_are_two(client, stored):
    """A rack holds hosts of several fleets, and their chips may be numbered alike."""
    budgets = [Budget("north", "train", "nvidia", 1e6, 8)]
    set_budgets(client, budgets, [RackHost("north", "rack", "host-?")])
    for host, fleet in (("host-0", "train"), ("host-1", "serve")):
        one = [samples(range(1, 61), host=host, fleet=fleet, chip=f"gpu/{n}", power_w=100.0) for n in range(4)]
        stored(*one)
    stored(meter(WHOLE, 1000.0, host="rack", kind="rack"))

    assert reconciled(client) == [(0, "rack", 2, 8, 800.0, 1.0, 800.0, 1000.0, 1.0, 0.8)]


def test_chips_that_state_no_power_by_their_nature_are_not_held_against_a_meter(client, stored):
    stored(*chips(4, 100.0, model="mi250x"), samples(range(1, 61), chip="host-0/9", power_w=None, model="mi250x"))
    stored(meter(WHOLE, 500.0))

    assert reconciled(client) == [(0, "host-0", 1, 4, 400.0, 1.0, 400.0, 500.0, 1.0, 0.8)]


def test_a_meter_is_no_chip_of_the_fleet(client, stored):
    """Its joules are in the sums, which the audit checks, and not in the fleet's megawatts, chips or expected chips."""
    stored(*chips(8, 100.0), meter(WHOLE, 1000.0), meter(WHOLE, 5000.0, host="rack", kind="rack", fleet="racks"))

    columns = "power_w, chips_reporting, chips_expected, coverage, max_chip_w"
    assert client.query(f"SELECT DISTINCT fleet, {columns} FROM fleet_power").result_rows == [
        ("train", 800.0, 8.0, 8.0, 1.0, 100.0)
    ]
    assert client.query("SELECT count(), uniq(model) FROM chips").first_row == (8, 1)
    assert client.query("SELECT fleet, chips_expected FROM expected_chips").result_rows == [("train", 8)]
    assert client.query("SELECT kind, meter FROM meters ORDER BY kind").result_rows == [
        ("host", "host-0"),
        ("rack", "rack"),
    ]
    sums = client.query("SELECT model, sum(energy_j) FROM power_by_minute GROUP BY model ORDER BY model").result_rows
    assert sums == [("h100-sxm", 48_000.0), ("host-meter", 60_000.0), ("rack-meter", 300_000.0)]
    assert client.query("SELECT count() FROM chip_samples WHERE power_method = 'meter'").first_row == (12,)


def test_several_samples_of_one_chip_in_one_row_can_be_unfolded(client, stored):
    """Its name stands once in the row, as everything does that all of its samples share."""
    stored(samples([10, 20]))

    assert client.query("SELECT host, power_w FROM chip_samples").result_rows == [("host-0", 500.0)] * 2
