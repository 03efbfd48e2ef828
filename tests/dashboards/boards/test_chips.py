"""Panels of hosts and chips on the real engine: single chips, found among others."""

import datetime as dt
import time

import pytest

from dashboards.boards import chips
from schema.fleet import Budget
from schema.migrate import set_budgets
from tests.batches import batch
from tests.dashboards.asking import as_json, ask, view

BOARD = as_json(chips.build())


@pytest.fixture
def now():
    """Return the second after the next: samples may not be of the future."""
    return int(time.time()) + 2


def until(now, range_s=900, **variables):
    """Return a range that ends half a minute later: blocks are stored by the real clock, however slow it is."""
    return view(now + 30, range_s, **{"chip": "", **variables})


def second(at, power_w, *, host="host-0", **fields):
    """Return a sample of each chip of a host that ends at a second; chips are named by host and number."""
    fields = {"chip": [f"{host}/{number}" for number in range(len(power_w))], **fields}
    return batch(ts=at * 1000, host=host, power_w=power_w, **fields)


def table(client, panel, now, **variables):
    """Return the rows of a panel; times are epoch seconds."""
    return [
        {name: int(value.timestamp()) if hasattr(value, "timestamp") else value for name, value in row.items()}
        for row in ask(client, BOARD, panel, until(now, **variables))
    ]


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_top_and_bottom_chips_are_of_the_newest_second(client, stored, now):
    """What was hot a minute ago is not; a chip without power is in no list of power."""
    stored(second(now - 60, [900.0, 1.0], temperature_c=[99.0, 1.0]))
    told = {
        "power_method": ["counter", "counter", None, "counter"], "temperature_c": [50.0, 40.0, 70.0, None],
        "utilization": [0.5, 1.0, None, 0.25], "job": ["a", "b", None, None],
    }  # fmt: skip
    stored(second(now - 3, [300.0, 500.0, None, 400.0], **told))

    assert columns(table(client, "Most power", now), "chip", "power_w") == [
        ("host-0/1", 500.0), ("host-0/3", 400.0), ("host-0/0", 300.0)
    ]  # fmt: skip
    assert columns(table(client, "Least power", now), "chip") == [("host-0/0",), ("host-0/3",), ("host-0/1",)]
    assert columns(table(client, "Hottest chips", now), "chip", "temperature_c") == [
        ("host-0/2", 70.0), ("host-0/0", 50.0), ("host-0/1", 40.0)
    ]  # fmt: skip
    assert table(client, "Coolest chips", now)[0] == {
        "site": "north", "fleet": "train", "platform": "nvidia", "host": "host-0", "chip": "host-0/1",
        "power_w": 500.0, "temperature_c": 40.0, "utilization": 1.0, "job": "b",
    }  # fmt: skip


def test_top_ten_are_ten_chips_once_each(client, stored, now):
    """Of the variables' fleets alone, and no meter among them."""
    stored(second(now - 3, [100.0 + chip for chip in range(30)]))
    stored(second(now - 3, [9000.0], host="rack", model="rack-meter", power_method="meter"))
    stored(second(now - 3, [700.0], host="other", fleet="serve"))

    rows = table(client, "Most power", now, fleet=["train"])
    assert columns(rows, "power_w") == [(129.0 - rank,) for rank in range(10)]
    assert table(client, "Most power", now)[0]["fleet"] == "serve"


def test_of_trainium_the_newest_minute_counts(client, stored, now):
    """Its chips tell a mean of a minute, each at another second, and the newest ones are not there yet."""
    labels = {"platform": "trainium", "model": "trn2", "interval_ms": 60_000}
    for age in (10, 70, 130):
        told = (
            second(now - age, [100.0 + age], **labels),
            second(now - age - 30, [200.0 + age], host="host-1", **labels),
        )
        stored(*told)

    assert columns(table(client, "Most power", now), "chip", "power_w") == [("host-1/0", 210.0), ("host-0/0", 110.0)]


def test_a_worker_that_catches_up_stores_several_seconds_at_once(client, stored, now):
    """A row of samples stands under its earliest second; how far it reaches is that of the blocks."""
    stored(*[second(now - age, [100.0 + age, 50.0], utilization=age / 10) for age in (7, 6, 5, 4, 3)])
    reach = {"appended_from": now - 7, "appended_to": now - 3, "stored_at": now - 2}
    client.insert("ingest_blocks", [[dt.datetime.fromtimestamp(at, dt.UTC) for at in reach.values()]], list(reach))

    rows = table(client, "Most power", now)
    assert columns(rows, "chip", "power_w", "utilization") == [
        ("host-0/0", 103.0, pytest.approx(0.3)), ("host-0/1", 50.0, pytest.approx(0.3))
    ]  # fmt: skip


def test_hosts_that_stand_out_are_far_from_the_mean_of_their_fleet(client, stored, now):
    """One of five hosts draws half; another fleet at twice the power is no outlier."""
    for host, power_w in (("a", 500.0), ("b", 500.0), ("c", 250.0), ("d", 500.0), ("e", 500.0)):
        stored(second(now - 3, [power_w, power_w], host=host, temperature_c=[60.0, 61.0], utilization=0.5))
    stored(second(now - 3, [1000.0, 1000.0], host="z", fleet="serve"))

    first, *others = table(client, "Hosts that stand out", now)
    assert first == {
        "site": "north", "fleet": "train", "platform": "nvidia", "model": "h100-sxm", "host": "c", "host_w": 250.0,
        "of_fleet": pytest.approx(250 / 450), "busy": 0.5, "hottest_c": 61.0,
    }  # fmt: skip
    assert {row["host"]: round(row["of_fleet"], 6) for row in others} == {
        **dict.fromkeys("abde", round(500 / 450, 6)), "z": 1.0
    }  # fmt: skip


def test_heatmap_has_a_row_for_each_host_that_stands_out(client, stored, now):
    """A cell is the mean of the host's chips, in the first second of each minute."""
    minute = now // 60 * 60 - 120
    for at in (minute, minute + 60, now - 4, now - 3):
        stored(second(at, [500.0, 300.0], host="a"), second(at, [800.0 if at == minute else 100.0], host="b"))

    rows = ask(client, BOARD, "Watts per chip of hosts that stand out", until(now))
    cells = {(row["time"] - minute, row["series"]): row["Value"] for row in rows}
    assert {at: cells[at] for at in cells if at[0] < 120} == {
        (0, "north / a"): 400.0, (0, "north / b"): 800.0, (60, "north / a"): 400.0, (60, "north / b"): 100.0
    }  # fmt: skip


def test_throttled_chips_are_counted_and_listed_by_cause(client, stored, now):
    """One is at a power cap and too hot at once, one says that it is not throttled, one says nothing."""
    stored(second(now - 3, [400.0] * 4, throttle=[3, 4, 0, None], temperature_c=[90.0, 95.0, 50.0, 50.0]))

    assert columns(table(client, "Throttled now", now), "cause", "chips") == [
        ("power cap", 1), ("heat", 1), ("hardware", 1), ("other", 0)
    ]  # fmt: skip
    assert columns(table(client, "List of throttled chips", now), "chip", "causes", "temperature_c") == [
        ("host-0/1", "hardware", 95.0), ("host-0/0", "power cap, heat", 90.0)
    ]  # fmt: skip


@pytest.mark.parametrize("range_s", [900, 86_400])
def test_share_of_throttled_chips_is_of_those_that_say_so(client, stored, now, range_s):
    """From seconds and from minutes."""
    stored(second(now - 30, [400.0] * 5, throttle=[1, 1, 2, 0, None]))

    (row,) = ask(client, BOARD, "Throttled chips by cause", until(now, range_s))[-1:]
    assert (row["capped"], row["hot"], row["slowed"]) == (0.5, 0.25, 0.0)


def test_silent_chips_are_told_by_host(client, stored, now):
    """Seen within a day and not for five minutes: one of two of a host, both of another; one was moved and reports."""
    stored(second(now - 1000, [400.0, 400.0], host="a"), second(now - 1000, [400.0, 400.0], host="b"))
    stored(second(now - 2000, [400.0], host="old", chip="moved"), second(now - 3, [400.0], host="new", chip="moved"))
    stored(second(now - 90_000, [400.0], host="long ago"))
    stored(second(now - 3, [400.0], host="a"))

    rows = table(client, "Silent chips by host", now)
    assert columns(rows, "host", "silent", "chips", "last_seen") == [("b", 2, 2, now - 1000), ("a", 1, 2, now - 1000)]


def test_chips_are_silent_only_where_newer_samples_are_stored(client, stored, now):
    """Where the whole pipeline is behind, no chip fell silent."""
    stored(second(now - 1000, [400.0, 400.0]), second(now - 990, [400.0], host="a"))

    assert table(client, "Silent chips by host", now) == []


def test_chips_that_are_reported_twice_are_listed_with_who_reports_them(client, stored, now):
    """By another host, and by another method of the same; another's seconds follow each other."""
    for at in (now - 4, now - 3):
        another = second(at, [100.0], host="b", chip="host-0/0")
        stored(second(at, [400.0] * 3), another, second(at, [390.0], chip="host-0/1", power_method="sensor"))
    stored(second(now - 3, [400.0], host="b", chip="host-0/0", fleet="serve"))

    rows = table(client, "Chips reported twice", now, fleet=["train"])
    assert columns(rows, "chip", "reported_by", "power_methods", "samples_at_once", "counted_w", "newest") == [
        ("host-0/0", "b, host-0", "counter", 2, 500.0, now - 4),
        ("host-0/1", "host-0", "counter, sensor", 2, 790.0, now - 4),
    ]
    assert columns(rows, "seconds") == [(2,), (2,)]
    assert table(client, "Chips reported twice", now, fleet=["serve"]) == []


def test_a_chip_under_two_names_is_found(client, stored, now):
    """One chip, told of two hosts at the same time; a chip of another fleet may have the same name."""
    stored(second(now - 3, [400.0], host="a", chip="GPU-1"), second(now - 3, [400.0], host="b", chip="GPU-1"))
    stored(second(now - 3, [400.0], host="c", chip="GPU-1", fleet="serve"))
    stored(second(now - 3, [400.0], host="d", chip="GPU-2"), second(now - 900, [400.0], host="e", chip="GPU-2"))

    assert columns(table(client, "Chips under two names", now), "fleet", "chip", "names", "reported_as") == [
        ("train", "GPU-1", 2, "h100-sxm on a, h100-sxm on b")
    ]


def test_fleets_are_held_against_their_limits(client, stored, now):
    """Of 20 chips one is silent and one reported twice: 5 % where 1 % is allowed. A tenth is throttled, of 5 %."""
    limits = {"silent_share": 0.01, "throttled_share": 0.05}
    set_budgets(client, [Budget("north", "train", "nvidia", 1e6, 20, limits)])
    begin = now - 400
    stored(second(begin - 600, [400.0] * 20))
    for ends in (range(begin, now - 3), [now - 3]):
        stored(*[second(at, [400.0] * 19, throttle=[1, 2, *[0] * 17]) for at in ends])
        stored(*[second(at, [400.0], chip="host-0/7") for at in ends])

    (row,) = table(client, "Chips of each fleet", now)
    assert row == {
        "site": "north", "fleet": "train", "platform": "nvidia", "known": 20, "silent": 1,
        "silent_of_limit": pytest.approx(5.0), "twice": pytest.approx(1.0), "twice_of_limit": pytest.approx(100 / 19),
        "capped": pytest.approx(1 / 19), "hot": pytest.approx(1 / 19), "slowed": 0.0,
        "throttled_of_limit": pytest.approx(20 / 19),
    }  # fmt: skip


def test_a_fleet_that_fell_silent_is_still_in_the_table(client, stored, now):
    stored(second(now - 1000, [400.0, 400.0]), second(now - 3, [400.0], host="a", fleet="serve"))

    rows = table(client, "Chips of each fleet", now)
    assert columns(rows, "fleet", "known", "silent", "twice", "capped") == [
        ("train", 2, 2, None, None), ("serve", 1, 0, 0.0, None)
    ]  # fmt: skip


def test_history_of_a_chip_is_its_own(client, stored, now):
    """A chip that is named in the variable; without a name there is none."""
    for age, power_w in ((40, 100.0), (20, 200.0), (3, 300.0)):
        stored(second(now - age, [900.0, power_w], utilization=0.5, tensor_utilization=[None, 0.25],
                      temperature_c=[None, 60.0]))  # fmt: skip

    def history(panel, chip):
        rows = ask(client, BOARD, panel, until(now, chip=chip))
        known = [row for row in rows if row["reading"] is not None]
        return {(row["series"], now - row["time"]): row["reading"] for row in known}

    name = "north / train / host-0"
    assert history("Power of the chip", "host-0/1") == {(name, 40): 100.0, (name, 20): 200.0, (name, 3): 300.0}
    assert history("Temperature of the chip", "host-0/1") == dict.fromkeys([(name, 40), (name, 20), (name, 3)], 60.0)
    assert history("Utilization of the chip", "host-0/1") == {
        **dict.fromkeys([(f"{name}, busy", 40), (f"{name}, busy", 20), (f"{name}, busy", 3)], 0.5),
        **dict.fromkeys([(f"{name}, tensor", 40), (f"{name}, tensor", 20), (f"{name}, tensor", 3)], 0.25),
    }
    assert history("Temperature of the chip", "host-0/0") == history("Power of the chip", "") == {}
    assert columns(table(client, "Chip", now, chip="host-0/1"), "host", "chip", "first_seen") == [
        ("host-0", "host-0/1", now - 41)
    ]  # fmt: skip


def test_a_name_with_a_quote_is_a_name(client, stored, now):
    stored(second(now - 3, [400.0], chip="it's"))

    assert columns(table(client, "Chip", now, chip="it's"), "chip") == [("it's",)]
    assert len(ask(client, BOARD, "Power of the chip", until(now, chip="it's"))) == 1
