"""Power meters over Redfish, from the service to the sample."""

import socket
import time

import pytest
import trustme

from producers.discovery import Machine, Offer
from producers.source import SourceError, Tick, Where
from producers.sources import meter
from producers.sources.meter import look, open_source
from schema import checks, wire
from schema.errors import GigawattError
from tests.producers.redfish_service import ACCOUNT, ROOT, SESSIONS, Service, chassis, control, serving, watts

START_MS = 1_790_000_000_000
HERE = Where("north", "train", "node-7")


@pytest.fixture
def service():
    with serving(Service(chassis("1", environment=watts(4321)))) as running:
        yield running


@pytest.fixture
def opened():
    """Open sources that are closed at the end."""
    sources = []

    def open_one(*services, where=HERE, **options):
        urls = [one if isinstance(one, str) else one.url for one in services]
        sources.append(open_source(where, urls=urls, **{"platform": "nvidia", "timeout_s": 60, **options}))
        return sources[-1]

    yield open_one
    for source in sources:
        source.close()


def at(source, second=0):
    """Read at that second; return the samples of all batches as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 10_000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def test_a_hosts_meter_is_a_sample(opened):
    """It is of the host whose chips it measures, under a model that is no chip's; nobody else's columns are touched."""
    told = watts(4321, EnergykWh={"Reading": 2.5})
    with serving(Service(chassis("1", environment=told, power=control(9)))) as service:
        (sample,) = at(opened(service, accuracy=0.01))
    ts = sample.pop("ts")

    assert ts.timestamp() * 1000 == START_MS
    assert {name: value for name, value in sample.items() if value is not None} == {
        "interval_ms": 10_000,
        "site": "north",
        "fleet": "train",
        "platform": "nvidia",
        "model": "host-meter",
        "host": "node-7",
        "chip": "meter/1",
        "power_w": 4321.0,
        "power_method": "meter",
        "power_error_w": pytest.approx(43.21),
        "energy_j": 9e6,
    }


def test_power_is_read_where_there_are_no_environment_metrics(opened):
    """The older schema, alone or beside metrics that tell of temperatures only."""
    for told in (None, {"TemperatureCelsius": {"Reading": 30}}):
        with serving(Service(chassis("Self", power=control(812.5), environment=told))) as service:
            (sample,) = at(opened(service))

        assert (sample["power_w"], sample["chip"]) == (812.5, "meter/Self")


def test_a_rack_of_more_than_a_sample_may_say_stands_in_several(opened):
    """Equal parts of at most 10 kW that the worker accepts; their sum, and that of their errors, is the reading's."""
    with serving(Service(chassis("rack", environment=watts(132_000, EnergyJoules={"Reading": 5})))) as service:
        source = opened(service, where=Where(host="rack-9"), meters="rack")
        (batch,) = source.read(Tick(START_MS, 10_000))
    samples = batch.samples.to_pylist()

    assert [sample["chip"] for sample in samples] == ["meter/rack", *[f"meter/rack/{n}" for n in range(2, 15)]]
    assert sum(sample["power_w"] for sample in samples) == pytest.approx(132_000)
    assert sum(sample["power_error_w"] for sample in samples) == pytest.approx(2640)
    assert [sample["energy_j"] for sample in samples] == [5.0, *[None] * 13]
    assert {sample["model"] for sample in samples} == {"rack-meter"}
    assert not checks.refusals(wire.columns([batch.samples]), START_MS).any()


def test_the_chassis_are_looked_up_once(opened, service):
    """After that each read asks for what it needs and nothing else, over one connection."""
    source = opened(service)
    at(source)
    before = len(service.requests)
    for second in (10, 20, 30):
        at(source, second)

    assert service.requests[before:] == [("GET", f"{ROOT}/Chassis/1/EnvironmentMetrics")] * 3
    assert service.connections == 1


def test_of_nested_chassis_the_outermost_is_read(opened):
    """A board's watts are among those of its host."""
    parts = [
        chassis("board", environment=watts(3000), within="tray"),
        chassis("tray", power=control(5000), within="frame"),
        chassis("frame"),
    ]
    with serving(Service(*parts)) as service:
        assert [(sample["chip"], sample["power_w"]) for sample in at(opened(service))] == [("meter/tray", 5000.0)]


def test_chassis_side_by_side_must_be_named(opened):
    """Then they are samples side by side, of one host."""
    with serving(Service(chassis("A", power=control(700)), chassis("B", power=control(300)))) as service:
        with pytest.raises(
            SourceError, match=r"^http\S+ reports the power of A, B, none inside another; choose with --chass"
        ):
            at(opened(service))
        samples = at(opened(service, names=("A", "B")))

    assert [(sample["chip"], sample["power_w"]) for sample in samples] == [("meter/A", 700.0), ("meter/B", 300.0)]
    assert {sample["host"] for sample in samples} == {"node-7"}


def test_a_collection_in_pages_is_read_to_its_end(opened):
    service = Service(chassis("1"), chassis("2", environment=watts(10)))
    collection = f"{ROOT}/Chassis"
    members = service.resources[collection]["Members"]
    service.resources[collection] = {"Members": members[:1], "Members@odata.nextLink": f"{collection}?$skip=1"}
    service.resources[f"{collection}?$skip=1"] = {"Members": members[1:]}
    with serving(service):
        assert [sample["chip"] for sample in at(opened(service))] == ["meter/2"]


def test_a_reading_that_is_missing_costs_that_chassis_only(opened):
    """Switched off, or a sensor that says null: no watts are made up, and the operator is told."""
    service = Service(chassis("A", power=control(700)), chassis("B", power=control(300)))
    with serving(service):
        source = opened(service, names=("A", "B"))
        at(source)
        service.show(chassis("A", power=control(None)), chassis("B", power=control(310)))
        with pytest.raises(SourceError, match="reports no power of chassis A") as raised:
            at(source, 10)

    assert [batch.samples["power_w"].to_pylist() for batch in raised.value.batches] == [[310.0]]


def test_a_chassis_that_is_gone_is_looked_for_anew(opened, service):
    """Firmware was renewed, and chassis 1 is Chassis_0 now."""
    source = opened(service)
    at(source)
    service.show(chassis("Chassis_0", power=control(5)))
    with pytest.raises(SourceError, match="reports no power of chassis 1"):
        at(source, 10)

    assert [sample["chip"] for sample in at(source, 20)] == ["meter/Chassis_0"]


def test_an_average_is_told_once_for_each_of_its_windows(opened):
    """Where a service tells nothing else; its windows touch and never overlap, nor reach back before the first read."""
    average = control(None, PowerMetrics={"AverageConsumedWatts": 640, "IntervalInMin": 1})
    with serving(Service(chassis("1", power=average))) as service:
        source = opened(service)
        told = [(second, sample["interval_ms"]) for second in range(0, 190, 10) for sample in at(source, second)]

    assert told == [(50, 60_000), (110, 60_000), (170, 60_000)]


def test_an_average_is_told_at_once_when_there_is_one_read(opened):
    average = control(None, PowerMetrics={"AverageConsumedWatts": 640, "IntervalInMin": 20})
    with serving(Service(chassis("1", power=average))) as service:
        (sample,) = at(opened(service, where=Where(host="node-7", once=True)))

    assert (sample["power_w"], sample["interval_ms"]) == (640.0, 1_200_000)


def test_an_average_waits_for_what_was_told_before_it(opened):
    """The sensor fails for a while: what it had told is not told again as part of an average."""
    service = Service(chassis("1", power=control(500)))
    average = {"PowerMetrics": {"AverageConsumedWatts": 480, "IntervalInMin": 1}}
    with serving(service):
        source = opened(service)
        for second in (0, 10):
            assert len(at(source, second)) == 1
        service.show(chassis("1", power=control(None, **average)))
        told = [second for second in range(20, 90, 10) if at(source, second)]

    assert told == [70]


def test_several_services_are_read_and_one_that_fails_costs_nothing_of_the_others(opened, service):
    source = opened(f"node-1={service.url}", "node-2=http://127.0.0.1:1", where=Where())
    with pytest.raises(SourceError, match=r"^http://127\.0\.0\.1:1 cannot be reached") as raised:
        at(source)

    assert [batch.key for batch in raised.value.batches] == ["node-1"]


def test_a_service_that_hangs_delays_the_others_once(opened, service):
    """It accepts a connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        source = opened(f"node-1={service.url}", f"node-2={address}", where=Where(), timeout_s=240)
        source.wait_s = 1.0
        told = [sample["host"] for sample in at(source)]
        source.wait_s = 60.0  # from now on nothing may be waited for in vain
        for second in range(10, 200, 10):
            began_s = time.monotonic()
            told += [sample["host"] for sample in at(source, second)]
            assert time.monotonic() - began_s < 30

    assert told == ["node-1"] * 20


def test_a_reading_that_is_no_power_is_shown(opened):
    """Not only that there is none."""
    service = Service(chassis("1", power=control(-5)))
    with serving(service):
        source = opened(service)
        with pytest.raises(
            SourceError, match=r"has no chassis that reports power; it has 1 \(whose power is -5; it must"
        ):
            at(source)
        service.show(chassis("1", power=control(300)))
        assert len(at(source, 10)) == 1
        service.show(chassis("1", power=control("off")))
        with pytest.raises(
            SourceError, match=r'reports no power of chassis 1 \(whose power is "off"; it must be a number'
        ):
            at(source, 20)


def test_services_of_one_rack_are_samples_of_one_rack(opened, service):
    """Power shelves, each with a service of its own and all with the same chassis ids, are told apart."""
    with serving(Service(chassis("1", environment=watts(679)))) as other:
        samples = at(opened(service, other, where=Where(host="rack-9"), meters="rack"))
        addresses = [one.url.removeprefix("http://") for one in (service, other)]

    assert {sample["chip"]: sample["power_w"] for sample in samples} == {
        f"meter/{address}:1": power_w for address, power_w in zip(addresses, (4321.0, 679.0), strict=True)
    }
    assert {sample["host"] for sample in samples} == {"rack-9"}


def test_the_password_comes_from_the_environment_or_a_file(opened, tmp_path):
    """Over TLS, with a session that is ended with the source."""
    authority = trustme.CA()
    ca_file, secret = tmp_path / "ca.pem", tmp_path / "secret"
    authority.cert_pem.write_to_path(ca_file)
    secret.write_text(ACCOUNT[1] + "\n", "utf-8")
    service = Service(chassis("1", environment=watts(4321)), account=ACCOUNT)
    with serving(service, authority.issue_cert("127.0.0.1")):
        for given in ({"environment": {"GIGAWATT_METER_PASSWORD": ACCOUNT[1]}}, {"password_file": secret}):
            source = opened(service, user=ACCOUNT[0], ca_file=ca_file, **given)
            assert len(at(source)) == 1
            source.close()
    assert service.asked("POST") == [SESSIONS] * 2
    assert service.tokens == {}


def test_believing_anyone_is_said_aloud(opened, capsys):
    with serving(Service(chassis("1", environment=watts(1))), trustme.CA().issue_cert("127.0.0.1")) as service:
        assert len(at(opened(service, insecure=True))) == 1

    assert "--insecure: any server is trusted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"platform": None}, "set --platform to the platform of the metered chips, one of tpu, trainium, nvidia, amd"),
        ({"urls": ()}, "set the address of the meter's Redfish service"),
        ({"where": Where()}, "https://a has no NAME"),
        ({"urls": ("x=https://a", "y=https://b")}, "--host names one machine"),
        ({"urls": ("https://a", "a")}, "a --url is given twice"),
        ({"where": Where(), "urls": ("https://me:secret@a",)}, "^remove user and password from the URL"),
        ({"user": "me", "environment": {}}, "no password for user 'me'; set GIGAWATT_METER_PASSWORD, or use"),
        ({"user": "me", "password_file": "/no/such/file"}, "cannot read the password from .*: No such file"),
        ({"password_file": "/no/such/file"}, "--password-file needs a user; set --user"),
        ({"user": "me:x", "environment": {}}, "a user name cannot have a colon"),
    ],
)
def test_mistakes_in_flags_are_said_before_anything_is_read(tmp_path, options, message):
    given = {"where": HERE, "urls": ("https://a",), "platform": "nvidia", **options}
    if "password_file" in given:
        given["password_file"] = tmp_path / "none"
    with pytest.raises(GigawattError, match=message):
        open_source(given.pop("where"), **given)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "no power meter is configured; set GIGAWATT_METER_URL"),
        (
            {"GIGAWATT_METER_URL": "https://bmc"},
            "GIGAWATT_METER_URL is set; also set GIGAWATT_METER_PLATFORM to one of tpu, trainium, nvidia, amd",
        ),
        (
            {"GIGAWATT_METER_URL": "https://bmc", "GIGAWATT_METER_PLATFORM": "nvidio"},
            "GIGAWATT_METER_PLATFORM is 'nvidio'; set it to one of tpu, trainium, nvidia, amd",
        ),
        ({"GIGAWATT_METER_URL": "ftp://bmc", "GIGAWATT_METER_PLATFORM": "amd"}, "GIGAWATT_METER_URL: not an http"),
        ({"GIGAWATT_METER_URL": "bmc", "GIGAWATT_METER_PLATFORM": "amd"}, "no answer from bmc port 443"),
    ],
)
def test_a_look_says_what_is_missing(environment, says):
    finding = look(Machine(environment=environment, listens=lambda *_: False))

    assert not finding.found
    assert says in finding.says


def test_a_look_finds_what_the_environment_names(service):
    """It is this machine's, unless it has a name; every other flag keeps its default."""
    environment = {"GIGAWATT_METER_URL": service.url, "GIGAWATT_METER_PLATFORM": "tpu"}
    finding = look(Machine(environment=environment))
    source = Offer("meter", meter, finding).open(HERE)
    (sample,) = at(source)
    source.close()

    assert (sample["host"], sample["platform"], sample["model"]) == ("node-7", "tpu", "host-meter")
    named = look(Machine(environment={**environment, "GIGAWATT_METER_URL": f"rack-1={service.url}"}))
    assert named.options["urls"] == (f"rack-1={service.url}",)
