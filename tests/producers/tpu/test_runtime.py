"""What TPU runtimes say, as readings by chip."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpu_info.metrics import MetricName
from tpu_info.proto import tpu_metric_service_pb2 as messages

from producers.tpu.runtime import SERVICE, Reading, of_monitoring, of_service, stamps_ns, wanted
from tests.producers.tpu_server import DUTY_CYCLE, MEMORY_BANDWIDTH, MEMORY_TOTAL, MEMORY_USED, host, metric
from tests.recordings import RECORDINGS, with_recordings

GIB = 2**30


def test_a_device_is_a_chip():
    """Percentages become shares."""
    assert of_service(host(2, duty=25.0, bandwidth=50.0, used=GIB, total=16 * GIB), cores=1) == {
        chip: Reading(0.25, None, 0.5, GIB, 16 * GIB) for chip in (0, 1)
    }


@pytest.mark.parametrize(
    "name",
    [3, "3", {"device_ordinal": 3, "core_type": "x"}, {"core_type": "x", "device_ordinal": "3"}, {"device-id": "3"}],
)
def test_a_device_is_named_by_a_number_or_a_text(name):
    """Versions of libtpu differ."""
    assert of_service({DUTY_CYCLE: [metric(name, 70.0)]}, cores=1) == {3: Reading(utilization=0.7)}


@pytest.mark.parametrize("name", [-1, "", "x", "1e3", "٣", "9" * 40, 2**40, {}, {"other": 1}])
def test_a_device_without_a_number_is_left_out(name):
    """Nothing says which chip that is."""
    assert of_service({DUTY_CYCLE: [metric(name, 70.0)]}, cores=1) == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 101.5, 10**6, 2**62])
def test_a_value_out_of_range_is_unknown(value):
    """The chip is there all the same."""
    assert of_service({DUTY_CYCLE: [metric(0, value)]}, cores=1) == {0: Reading()}
    assert of_service({MEMORY_BANDWIDTH: [metric(0, value)]}, cores=1) == {0: Reading()}


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 2**62])
def test_bytes_out_of_range_are_unknown(value):
    """Nobody has an exbibyte."""
    assert of_service({MEMORY_USED: [metric(0, value)]}, cores=1) == {0: Reading()}


@pytest.mark.parametrize(
    "measure",
    [
        {},
        {"gauge": {}},
        {"gauge": {"as_string": "70"}},
        {"gauge": {"as_bool": True}},
        {"counter": {"as_int": 70}},
        {"distribution": {"count": 70}},
    ],
)
def test_what_is_not_a_number_now_is_unknown(measure):
    """A counter or a text is not a duty cycle."""
    told = messages.Metric(attribute={"value": {"int_attr": 0}}, **measure)

    assert of_service({DUTY_CYCLE: [told]}, cores=1) == {0: Reading()}


def test_whole_numbers_and_fractions_are_both_numbers():
    """A percentage may be 70, and bytes 7e9."""
    told = {DUTY_CYCLE: [metric(0, 70)], MEMORY_USED: [metric(0, 7e9)]}

    assert of_service(told, cores=1) == {0: Reading(utilization=0.7, memory_used_bytes=7 * 10**9)}


def test_a_little_above_a_hundred_is_a_hundred():
    """A rounding error."""
    assert of_service({DUTY_CYCLE: [metric(0, 100.4)]}, cores=1)[0].utilization == 1.0


def test_a_device_that_is_told_twice_counts_once():
    """By what is said first."""
    assert of_service({MEMORY_USED: [metric(0, 5), metric(0, 7)]}, cores=1)[0].memory_used_bytes == 5


def test_readings_of_one_chip_are_joined():
    """One fills the other's gaps; of two that share the chip, each value is the larger."""
    ours, theirs = Reading(utilization=0.2, memory_used_bytes=7), Reading(utilization=0.9, throttle=0)

    assert ours.filled_from(theirs) == Reading(utilization=0.2, memory_used_bytes=7, throttle=0)
    assert ours.or_more(theirs) == theirs.or_more(ours) == Reading(utilization=0.9, memory_used_bytes=7, throttle=0)


class TestTwoCores:
    """On TPU v7 a chip is two devices."""

    MEMORY = {  # noqa: RUF012  never written
        MEMORY_TOTAL: [metric(core, 96 * GIB) for core in range(8)],
        MEMORY_USED: [metric(core, core * GIB) for core in range(8)],
    }

    def test_memory_by_core_and_duty_cycle_by_chip(self):
        """Memory adds up; the four duty cycles are the four chips'."""
        told = of_service(self.MEMORY | {DUTY_CYCLE: [metric(chip, 10.0 * chip) for chip in range(4)]}, cores=2)

        assert told[3] == Reading(utilization=0.3, memory_used_bytes=13 * GIB, memory_total_bytes=192 * GIB)
        assert len(told) == 4

    def test_duty_cycle_by_core(self):
        """The busier core's: how long both ran at once is not told. Activity is the mean, as of one chip."""
        percent = [10.0, 20.0, 0.0, 100.0, 5.0, 5.0, 0.0, 0.0]
        by_core = [metric(core, value) for core, value in enumerate(percent)]
        told = of_service(self.MEMORY | {DUTY_CYCLE: by_core, MEMORY_BANDWIDTH: by_core}, cores=2)

        assert [told[chip].utilization for chip in range(4)] == [0.2, 1.0, 0.05, 0.0]
        assert [told[chip].memory_bandwidth_utilization for chip in range(4)] == pytest.approx([0.15, 0.5, 0.05, 0])

    def test_duty_cycles_that_fit_neither_chips_nor_cores_are_left_out(self):
        """Nothing says whose they are."""
        told = of_service(self.MEMORY | {DUTY_CYCLE: [metric(9, 1.0), metric(0, 1.0), metric(1, 2.0)]}, cores=2)

        assert [told[chip].utilization for chip in range(4)] == [None] * 4

    def test_half_a_chip_has_no_memory_of_a_chip(self):
        """The other core's is not known."""
        assert of_service({MEMORY_TOTAL: [metric(0, GIB)]}, cores=2) == {0: Reading()}

    def test_without_memory_nothing_tells_chips_from_cores(self):
        """Four duty cycles may be of two chips or of four."""
        assert of_service({DUTY_CYCLE: [metric(chip, 1.0) for chip in range(4)]}, cores=2) == {}


def test_the_metrics_are_those_that_tpu_info_reads():
    """Under the same names."""
    theirs = (MetricName.TOTAL_MEMORY, MetricName.MEMORY_USAGE, MetricName.DUTY_CYCLE_PCT, MetricName.HBM_BW_UTIL)

    assert set(SERVICE) == {name.value for name in theirs}


def test_what_a_service_does_not_list_is_not_asked_for():
    """One that lists nothing known is asked for everything."""
    assert wanted([DUTY_CYCLE, "hlo.queue.size.gauge"]) == (DUTY_CYCLE,)
    assert wanted(["hlo.queue.size.gauge"]) == tuple(SERVICE)
    assert wanted([]) == tuple(SERVICE)


def test_tensorcore_utilization_is_read_where_a_service_lists_it():
    """None does yet."""
    name = "tpu.runtime.tensorcore.utilization.percent"

    assert wanted([DUTY_CYCLE, name, "tpu.runtime.tensorcore.idle_duration.seconds"]) == (DUTY_CYCLE, name)
    assert of_service({name: [metric(0, 30.0)]}, cores=1) == {0: Reading(tensor_utilization=0.3)}


def test_a_service_may_date_its_values():
    """By which it is seen whether they are new."""
    assert stamps_ns(host(2)) == ()
    assert stamps_ns(host(2, stamp_s=7)) == (7 * 10**9,) * 4


class TestMonitoring:
    """libtpu's monitoring library tells texts by place."""

    TOLD = {  # noqa: RUF012  never written
        "tensorcore_util": ["13.60", "0.00", "20.00", "100.00"],
        "hbm_util": ["10.00", "0.00", "20.00", "30.00"],
        "duty_cycle_pct": ["100.00", "0.00", "50.00", "100.00"],
        "hbm_capacity_total": ["33550229504"] * 4,
        "hbm_capacity_usage": ["1073741824", "0", "0", "0"],
        "tpu_throttle_score": ["0-0", "1-3", "2-0", "3-10"],
    }

    def test_a_place_is_a_chip(self):
        """As the library's own descriptions say; a throttle score does not say why."""
        told = of_monitoring(self.TOLD, cores=1, chips_here=4)

        assert told[0] == Reading(1.0, pytest.approx(0.136), 0.1, GIB, 33550229504, 0)
        assert [told[chip].throttle for chip in range(4)] == [0, 8, 0, 8]
        assert of_monitoring(self.TOLD, cores=1, chips_here=None) == told

    def test_tensorcore_utilization_is_told_by_core(self):
        """A chip's is the mean of its two."""
        told = of_monitoring(self.TOLD | {"tensorcore_util": ["10", "30"] * 4}, cores=2, chips_here=4)

        assert [told[chip].tensor_utilization for chip in range(4)] == [0.2] * 4
        assert [told[chip].memory_bandwidth_utilization for chip in range(4)] == [0.1, 0.0, 0.2, 0.3]
        assert of_monitoring(self.TOLD | {"tensorcore_util": ["10", "30"] * 4}, cores=2, chips_here=None) == told

    def test_without_a_tpu_there_is_nothing(self):
        """Empty lists, which is what the library answers then."""
        assert of_monitoring(dict.fromkeys(self.TOLD, ()), cores=1, chips_here=4) == {}
        assert of_monitoring({}, cores=1, chips_here=None) == {}

    def test_a_list_of_another_length_is_left_out(self):
        """Nothing says whose values they are."""
        told = of_monitoring(self.TOLD | {"tensorcore_util": ["1", "2"]}, cores=1, chips_here=4)

        assert [reading.tensor_utilization for reading in told.values()] == [None] * 4
        assert told[0].utilization == 1.0

    def test_a_text_that_is_no_number_is_unknown(self):
        """Whatever it may mean."""
        told = of_monitoring({"tensorcore_util": ["N/A", "nan", "-1", "30%"]}, cores=1, chips_here=4)

        assert [reading.tensor_utilization for reading in told.values()] == [None, None, None, 0.3]

    @given(
        st.dictionaries(st.sampled_from([*TOLD, "ici_link_health"]), st.lists(st.text(max_size=8), max_size=9)),
        st.sampled_from([1, 2]),
        st.none() | st.integers(1, 9),
    )
    def test_no_texts_break_it(self, told, cores, chips_here):
        """Readings come out in range or not at all."""
        for reading in of_monitoring(told, cores, chips_here).values():
            check(reading)


def check(reading):
    for share in (reading.utilization, reading.tensor_utilization, reading.memory_bandwidth_utilization):
        assert share is None or 0 <= share <= 1
    for count in (reading.memory_used_bytes, reading.memory_total_bytes):
        assert count is None or (isinstance(count, int) and 0 <= count <= 2**50)
    assert reading.throttle in (None, 0, 8)


int64 = st.integers(-(2**63), 2**63 - 1)
plain_names = st.one_of(
    st.just({}),
    st.integers(-2, 9).map(lambda number: {"int_attr": number}),
    int64.map(lambda number: {"int_attr": number}),
    st.sampled_from(["0", "3", "x", "", "-1"]).map(lambda text: {"string_attr": text}),
    st.text(max_size=4).map(lambda text: {"string_attr": text}),
    st.floats().map(lambda number: {"double_attr": number}),
    st.booleans().map(lambda truth: {"bool_attr": truth}),
    st.binary(max_size=4).map(lambda raw: {"bytes_attr": raw}),
    st.just({"array_attr": {"attrs": [{"int_attr": 1}]}}),
)
keys = st.sampled_from(["device_ordinal", "device_id", "core_type", ""])
lists = st.lists(st.tuples(keys, plain_names), max_size=3).map(
    lambda pairs: {"kvlist_attr": {"attributes": [{"key": key, "value": value} for key, value in pairs]}}
)
nested = st.tuples(keys, lists).map(lambda pair: {"kvlist_attr": {"attributes": [{"key": pair[0], "value": pair[1]}]}})
measures = st.one_of(
    st.just({}),
    st.floats().map(lambda number: {"gauge": {"as_double": number}}),
    st.floats(0, 101).map(lambda number: {"gauge": {"as_double": number}}),
    int64.map(lambda number: {"gauge": {"as_int": number}}),
    st.text(max_size=4).map(lambda text: {"gauge": {"as_string": text}}),
    st.booleans().map(lambda truth: {"gauge": {"as_bool": truth}}),
    st.floats().map(lambda number: {"counter": {"as_double": number}}),
    st.just({"summary": {"sample_count": 3}}),
    st.just({"distribution": {"count": 3}}),
)
times = st.none() | st.tuples(int64, st.integers(-(2**31), 2**31 - 1))


def _metric(name, measure, time):
    made = messages.Metric(attribute={"key": "device-id", "value": name}, **measure)
    if time is not None:
        made.timestamp.seconds, made.timestamp.nanos = time
    return made


any_metrics = st.lists(st.builds(_metric, plain_names | lists | nested, measures, times), max_size=8)
any_answers = st.dictionaries(
    st.sampled_from([*SERVICE, "tpu.runtime.tensorcore.utilization.percent"]), any_metrics, max_size=5
)


@settings(max_examples=200)
@given(any_answers, st.sampled_from([1, 2]))
def test_no_answer_breaks_it(answers, cores):
    """Whatever a service sends: readings come out in range or not at all."""
    for reading in of_service(answers, cores).values():
        check(reading)
    stamps_ns(answers)


@with_recordings
class TestRecordings:
    """What Google's own definition of the service says."""

    TEXT = (RECORDINGS / "tpu" / "tpu_metric_service.proto").read_text() if (RECORDINGS / "tpu").is_dir() else ""

    def test_the_stubs_have_the_fields_of_the_definition(self):
        """By name and number, in every message."""
        stubs = {
            message.full_name: {field.name: field.number for field in message.fields}
            for top in messages.DESCRIPTOR.message_types_by_name.values()
            for message in all_messages(top)
        }

        assert definition(self.TEXT) == stubs

    def test_the_stubs_have_the_calls_of_the_definition(self):
        """All three."""
        service = messages.DESCRIPTOR.services_by_name["RuntimeMetricService"]

        assert re.findall(r"rpc (\w+)\(", self.TEXT) == [method.name for method in service.methods]
        assert f"package {messages.DESCRIPTOR.package};" in self.TEXT


def all_messages(message):
    yield message
    for nested_message in message.nested_types:
        if not nested_message.GetOptions().map_entry:
            yield from all_messages(nested_message)


def definition(text):
    """Return number by field by message of a .proto text: enough of a parser for this one."""
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)[1]
    plain = re.sub(r"//[^\n]*", "", text).split("service RuntimeMetricService")[0]
    found, path = {}, []
    for token in re.finditer(r"message (\w+) \{|(oneof) \w+ \{|(\})|[\w.>]+\s+(\w+) = (\d+)", plain):
        if token[1]:
            path.append(token[1])
            found[".".join((package, *path))] = {}
        elif token[2]:
            path.append("")
        elif token[3]:
            path.pop()
        else:
            found[".".join((package, *filter(None, path)))][token[4]] = int(token[5])
    return found
