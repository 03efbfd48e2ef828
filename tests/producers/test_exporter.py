import gzip
import threading
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import structlog

from producers.discovery import Machine
from producers.estimate import Estimate
from producers.exporter import Dialect, Exporter, job_of, look_for, open_exporters, options, share, whole
from producers.machine_name import machine_name
from producers.prometheus_text import Reading, Rule
from producers.scrape import Scraper
from producers.source import SourceError, Tick, Where
from schema.errors import GigawattError
from tests.producers.exporter import Exporter as Server
from tests.producers.exporter import serving

START_MS = 1_790_000_000_000
DIALECT = Dialect(
    exporter="a toaster's exporter",
    chip="toaster",
    platform="nvidia",
    url="http://127.0.0.1:9999/metrics",
    got="toasters bring it",
    rules={
        "toaster_watts": Rule("power_w"),
        "toaster_joules": Rule("energy_j"),
        "toaster_load": Rule("utilization"),
    },
    described_by=("toaster_owner",),
    chip_of=lambda labels: labels.get("id"),
    host_labels=("kitchen",),
    model_of=lambda reading: reading.label("kind") or "unknown",
    fields_of=lambda reading: {"utilization": share(reading.values.get("utilization"))},
)


@pytest.fixture
def server():
    with serving(Server()) as running:
        yield running


@pytest.fixture
def opened(server):
    """Open exporters of a dialect at that server."""
    sources = []

    def open_one(dialect=DIALECT, where=Where("north", "train")):  # noqa: B008  immutable
        sources.append(open_exporters(dialect, where, urls=[server.url], timeout_s=60))
        return sources[-1]

    yield open_one
    for source in sources:
        source.close()


def at(source, second=0):
    """Read at that second; return the samples of all batches as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 1000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def power(sample):
    return sample["power_w"], sample["power_method"], sample["power_error_w"]


def test_a_dialect_is_all_that_an_exporter_needs(server, opened):
    """Table and functions say what a sample holds; the rest is the same for all."""
    server.body = (
        b'toaster_watts{id="t1",kind="two-slice",kitchen="k"} 800\n'
        b'toaster_load{id="t1"} 1.001\n'
        b'toaster_owner{id="t1",pod="bread",namespace="food"} 1\n'
    )
    sample = {name: value for name, value in at(opened())[0].items() if value is not None}
    sample.pop("ts")

    assert sample == {
        "interval_ms": 1000,
        "site": "north",
        "fleet": "train",
        "platform": "nvidia",
        "model": "two-slice",
        "host": "k",
        "chip": "t1",
        "job": "food/bread",
        "power_w": 800,
        "power_method": "sensor",
        "utilization": 1.0,
    }


def test_watts_are_estimated_only_where_nothing_measured_them(server, opened):
    """Each sample says how its own watts are known."""
    source = opened(replace(DIALECT, power_error_w=5.0, estimate=lambda _: Estimate(70.0, 20.0)))
    server.body = b'toaster_watts{id="t1"} 800\ntoaster_load{id="t2"} 1\n'

    assert [power(sample) for sample in at(source)] == [(800, "sensor", 5), (70, "model", 20)]


def test_what_cannot_be_estimated_has_no_watts(server, opened):
    """None is none: not zero."""
    server.body = b'toaster_load{id="t1"} 1\n'

    assert power(at(opened())[0]) == (None, None, None)


@pytest.mark.parametrize(("counter", "expected"), [(True, (500, "counter")), (False, (800, "sensor"))])
def test_a_counter_goes_before_the_sensor_where_the_dialect_trusts_it(server, opened, counter, expected):
    """Its difference is then the power of the whole time."""
    source = opened(replace(DIALECT, counter=counter))
    for second in range(2):
        server.body = f'toaster_watts{{id="t1"}} 800\ntoaster_joules{{id="t1"}} {500 * second + 9}\n'.encode()
        sample = at(source, second)[0]

    assert power(sample)[:2] == expected


def test_a_chip_that_freezes_beside_others_falls_silent(server, opened):
    """Its counter counts whatever it does: where nothing at all of it changes, nothing is known of it."""
    source = opened(replace(DIALECT, counter=True))
    told = []
    for second in range(8):
        of_second = 3 if 3 <= second < 7 else second
        server.body = "".join(
            f'toaster_watts{{id="{name}"}} 800\ntoaster_joules{{id="{name}"}} {800 * at_s + 9}\n'
            for name, at_s in (("t1", second), ("t2", of_second))
        ).encode()
        told.append({sample["chip"]: (sample["power_w"], sample["interval_ms"]) for sample in at(source, second)})

    assert [set(samples) for samples in told] == [{"t1", "t2"}] * 4 + [{"t1"}] * 3 + [{"t1", "t2"}]
    assert told[7] == {"t1": (800.0, 1000), "t2": (800.0, 4000)}


def test_a_chip_without_a_counter_may_rest_beside_others(server, opened):
    source = opened()
    for second in range(3):
        server.body = f'toaster_watts{{id="t1"}} {second + 1}\ntoaster_watts{{id="t2"}} 80\n'.encode()
        assert [sample["chip"] for sample in at(source, second)] == ["t1", "t2"]


@pytest.mark.parametrize(("live", "samples"), [(True, [1, 1, 1]), (False, [1, 0, 0])])
def test_a_page_that_stays_the_same_is_news_where_the_dialect_says_so(server, opened, live, samples):
    """Of a page that is a copy it may be the same reading once more; a live one is read anew."""
    source = opened(replace(DIALECT, live=live))
    server.body = b'toaster_watts{id="t1"} 800\n'
    told = [at(source, second) for second in range(3)]

    assert [len(batch) for batch in told] == samples
    assert {sample["interval_ms"] for batch in told for sample in batch} == {1000}


def test_a_page_may_be_arranged_as_a_whole(server, opened):
    """Some exporters name one chip in several ways."""
    source = opened(replace(DIALECT, arranged=lambda chips: {f"kitchen/{name}": chips[name] for name in chips}))
    server.body = b'toaster_watts{id="t1"} 800\n'

    assert at(source)[0]["chip"] == "kitchen/t1"


def test_a_page_without_chips_asks_what_it_is(server, opened):
    """The line names page, chip and exporter."""
    server.body = b'kettle_watts{id="k"} 3000\n'
    with pytest.raises(SourceError, match=r"/metrics has no toaster; check whether it is a toaster's exporter$"):
        at(opened())


def test_a_host_is_named_by_the_page_the_operator_or_the_address(server, opened):
    """In the order of who knows it best; a loopback address is this machine's own name."""
    named, nameless = b'toaster_watts{id="t",kitchen="k"} 1\n', b'toaster_watts{id="t"} 1\n'
    remote = Exporter(DIALECT, Scraper("http://oven.example:9999/metrics"), Where())
    server.body = named
    by_page, by_operator = at(opened())[0], at(opened(where=Where(host="h")))[0]
    server.body = nameless

    assert [by_page["host"], by_operator["host"]] == ["k", "h"]
    assert at(opened())[0]["host"] not in ("", "127.0.0.1")
    assert remote._fallback_host() == "oven.example"  # nothing can be read at an address of documentation's


def test_flags_are_the_dialects():
    """What is not given is the exporter's usual page."""
    url, timeout, *access = options(DIALECT, timeout_s=7)

    assert url.default == ("http://127.0.0.1:9999/metrics",)
    assert "a toaster's exporter" in url.help
    assert timeout.default == 7
    assert [option.opts[0] for option in access] == [
        "--user", "--password-file", "--token-file", "--ca", "--cert", "--key", "--insecure",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "job"),
    [
        ({"pod": {"p"}, "namespace": {"n"}}, "n/p"),
        ({"pod": {"p"}}, "p"),
        ({"batch": {"b"}, "pod": {"p"}}, "b"),
        ({"batch": {"b1", "b2"}, "pod": {"p"}}, None),
        ({"namespace": {"n"}}, None),
        ({}, None),
    ],
)
def test_a_job_is_named_when_it_is_one(labels, job):
    """The first label that is set decides; several values are no answer."""
    assert job_of(Reading(labels=labels), ("batch", "pod")) == job


def test_a_share_may_overshoot_by_a_rounding_error():
    """What is further out is no rounding error."""
    assert [share(value) for value in (None, 0.5, 1.0, 1.004, 1.2, -0.1)] == [None, 0.5, 1.0, 1.0, 1.2, -0.1]


def test_a_count_is_whole_and_fits():
    """What cannot be bytes is none."""
    assert [whole(value) for value in (None, 0.0, 5.9, -1.0, 1e300)] == [None, 0, 5, None, None]


MACHINE = Machine(environment={}, listens=lambda _host, _port: True)


def test_a_look_finds_an_exporter(server):
    """The line counts chips; the options open it."""
    server.body = b'toaster_watts{id="t1"} 800\ntoaster_watts{id="t2"} 800\n'
    finding = look_for(DIALECT, MACHINE, server.url, within_s=60)
    port = server.url.split(":")[2].split("/")[0]

    assert finding.says == f"a toaster's exporter on port {port}: 2 toasters"
    assert finding.options == {"urls": (server.url,)}


def test_a_look_asks_as_the_environment_says(server, tmp_path):
    """A page behind a login is found with it, and without it is said to want one; the options open it."""
    page, file = server.page, tmp_path / "token"
    file.write_text("tok")
    server.body = b'toaster_watts{id="t1"} 800\n'

    def respond(handler):
        if handler.headers.get("Authorization") == "Bearer tok":
            page(handler)
        else:
            handler.send_error(401)

    server.respond = respond
    environment = {"GIGAWATT_EXPORTER_TOKEN_FILE": str(file)}
    found = look_for(DIALECT, Machine(environment=environment, listens=lambda *_: True), server.url, within_s=60)
    nobody = look_for(DIALECT, Machine(environment={}, listens=lambda *_: True), server.url, within_s=60)
    mistaken = Machine(environment={"GIGAWATT_EXPORTER_USER": "me"}, listens=lambda *_: True)

    assert found.options == {"urls": (server.url,), "token_file": file}
    assert not nobody.found
    assert nobody.says.endswith(
        "use --user or --token-file, or set GIGAWATT_EXPORTER_USER or GIGAWATT_EXPORTER_TOKEN_FILE"
    )
    assert "no password for user 'me'" in look_for(DIALECT, mistaken, server.url).says


@pytest.mark.parametrize("body", [b"", b"kettle_watts 3\n", b"\xff\xfe", b"<html>", b'toaster_watts{id="t1\n'])
def test_a_look_is_not_taken_in_by_another_page(server, body):
    """The port is open, and what is there is not what is looked for."""
    server.body = body
    finding = look_for(DIALECT, MACHINE, server.url, within_s=60)

    assert not finding.found
    assert "is not a toaster's exporter" in finding.says


def test_a_look_at_a_closed_port_says_where_to_get_one():
    """It does not even ask."""
    finding = look_for(DIALECT, Machine(listens=lambda _host, _port: False))

    assert finding.says == "nothing listens on port 9999, the port of a toaster's exporter; toasters bring it"
    assert not finding.found


def test_a_look_at_a_slow_page_does_not_wait_for_it(server):
    """An exporter may ask its chips first: it is taken for one, and reading will tell."""
    answers = threading.Event()
    server.respond = lambda _handler: answers.wait(60)
    began = time.monotonic()
    finding = look_for(DIALECT, MACHINE, server.url)
    answers.set()

    assert time.monotonic() - began < 30
    assert finding.found
    assert "answers slowly" in finding.says


def test_a_look_at_what_vanished_is_no_error():
    """Between the knock and the question it went away."""
    assert not look_for(DIALECT, MACHINE, "http://127.0.0.1:1/metrics").found


def test_one_that_never_answers_costs_the_others_no_sample(server):
    """Beside it, every tick of the others is read and their counters are believed."""
    counted = iter(range(1, 100))
    server.respond = lambda handler: _page(server, handler, next(counted))
    hung = threading.Event()
    with serving(Server()) as other:
        other.respond = lambda _: hung.wait(60)
        source = open_exporters(replace(DIALECT, counter=True), Where(), urls=[other.url, server.url], timeout_s=20)
        told = []
        for second in range(5):
            try:
                told += at(source, second)
            except SourceError as error:
                told += [sample for batch in error.batches for sample in batch.samples.to_pylist()]
        hung.set()
        source.close()

    assert [sample["power_method"] for sample in told] == ["sensor"] + ["counter"] * 4


def test_several_are_read_as_often_as_the_operator_wants(server):
    """More often than is usual, as one alone is."""
    server.body = b'toaster_watts{id="t1"} 800\n'
    with serving(Server(server.body)) as other:
        source = open_exporters(replace(DIALECT, live=True), Where(), urls=[server.url, other.url], timeout_s=60)
        source.wait_s = 5.0  # a deadline that only a defect misses
        told = [
            batch.samples.num_rows for number in range(3) for batch in source.read(Tick(START_MS + 100 * number, 100))
        ]
        source.close()

    assert told == [1] * 6


def test_one_that_fails_is_said_by_its_address_once(server):
    """Together with what could be read, and not twice in one line."""
    server.body = b'toaster_watts{id="t1"} 800\n'
    source = open_exporters(DIALECT, Where(once=True), urls=[server.url, "http://127.0.0.1:1"], timeout_s=60)
    with pytest.raises(SourceError, match=r"^http://127\.0\.0\.1:1/metrics cannot be reached[^/]*$") as raised:
        at(source)
    source.close()

    assert [batch.samples.num_rows for batch in raised.value.batches] == [1]


def test_one_address_twice_is_a_mistake():
    """However it is written."""
    with pytest.raises(GigawattError, match="a --url is given twice"):
        open_exporters(DIALECT, Where(), urls=["http://a/metrics", "a"], timeout_s=1)


def _page(server, handler, count):
    server.body = b'toaster_watts{id="t1"} 800\ntoaster_joules{id="t1"} %d\n' % (count * 800)
    server.page(handler)


@pytest.mark.parametrize("bad", ["too many series", "too much", "packed", "slow"])
def test_an_exporter_without_bounds_costs_the_others_nothing(server, bad):
    """The other exporters' samples come at the same tick, and the reason is said."""
    server.body = b'toaster_watts{id="t1"} 800\n'
    page = b"".join(b'toaster_watts{id="%d"} 1\n' % number for number in range(200_000))
    other = Server(page if bad == "too many series" else page * 6)

    def respond(handler):
        if bad == "slow":
            for _ in range(6_000):
                handler.wfile.write(b"H")
                time.sleep(0.01)
        else:
            body = gzip.compress(other.body, 1) if bad == "packed" else other.body
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            if bad == "packed":
                handler.send_header("Content-Encoding", "gzip")
            handler.end_headers()
            handler.wfile.write(body)

    other.respond = respond
    with serving(other):
        timeout_s = 2 if bad == "slow" else 60
        source = open_exporters(DIALECT, Where(once=True), urls=[server.url, other.url], timeout_s=timeout_s)
        with pytest.raises(SourceError, match=REASONS[bad]) as raised:
            at(source)
        source.close()

    assert [batch.samples["chip"].to_pylist() for batch in raised.value.batches] == [["t1"]]


REASONS = {
    "too many series": "more than 20,000 series of chips: use the page of one host's exporter",
    "too much": "sent more than 16 MiB; check whether it is the exporter of one host",
    "packed": "sent more than 16 MiB; check whether it is the exporter of one host",
    "slow": "did not answer within 2 s",
}


def test_an_exporter_that_names_chips_anew_at_each_page_is_not_remembered_for_ever(opened, server):
    """Else a page that changes all names each second fills the memory within a day."""
    source = opened()
    for second in range(5):
        server.body = b"".join(b'toaster_watts{id="%d-%d"} 1\n' % (second, number) for number in range(2_000))
        at(source, second)

    assert len(source._meters) <= 4_096 + 2_000  # nothing else shows what is remembered


class TestNamesOfChipsWithoutANumberOfTheirOwn:
    """They are called after what was configured: an exporter's container has another name when it is made anew."""

    NUMBERED = replace(DIALECT, chip_of=lambda _: None, number_of=lambda labels: labels.get("slot"))

    def names(self, source, second, server, *pages):
        server.body = b"".join(
            f'toaster_watts{{slot="{slot}",kitchen="{kitchen}"}} {800 + second}\n'.encode() for kitchen, slot in pages
        )
        return [sample["chip"] for sample in at(source, second)]

    def test_an_exporter_that_is_made_anew_has_the_same_chips(self, server, opened):
        source = opened(self.NUMBERED)
        with structlog.testing.capture_logs() as logs:
            first = self.names(source, 0, server, ("pod-aaaaa", 0), ("pod-aaaaa", 1))
            again = self.names(source, 1, server, ("pod-bbbbb", 0), ("pod-bbbbb", 1))
            self.names(source, 2, server, ("pod-bbbbb", 0), ("pod-bbbbb", 1))

        assert first == again == [f"{machine_name()}/0", f"{machine_name()}/1"]
        assert [(log["before"], log["now"]) for log in logs] == [("pod-aaaaa", "pod-bbbbb")]

    def test_the_name_that_was_given_goes_first(self, server, opened):
        assert self.names(opened(self.NUMBERED, Where(host="node-7")), 0, server, ("pod-a", 0)) == ["node-7/0"]

    def test_machines_on_one_page_are_told_apart_from_then_on(self, server, opened):
        source = opened(self.NUMBERED)

        assert self.names(source, 0, server, ("a", 0), ("b", 0)) == ["a/0", "b/0"]
        assert self.names(source, 1, server, ("a", 0)) == ["a/0"]

    def test_exporters_at_one_address_are_told_apart_by_their_ports(self, server):
        with serving(Server()) as other:
            server.body = other.body = b'toaster_watts{slot="0",kitchen="pod"} 800\n'
            source = open_exporters(self.NUMBERED, Where(once=True), urls=[server.url, other.url], timeout_s=2)
            names = {sample["chip"] for sample in at(source)}
            source.close()

        ports = {urlsplit(one.url).port for one in (server, other)}
        assert names == {f"{machine_name()}:{port}/0" for port in ports}
