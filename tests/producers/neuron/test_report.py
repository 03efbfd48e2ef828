import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.neuron.report import NeuronReportError, Usage, parse
from schema.limits import MAX_LABEL_BYTES
from tests.producers.neuron_stub import counters, line, report, runtime
from tests.recordings import RECORDINGS, with_recordings

RECORDING = RECORDINGS / "trainium" / "neuron-monitor-inf2-under-load.json"


def parsed(*runtimes, **options):
    return parse(line(*runtimes, **options))


def busy(*runtimes, **options):
    return [usage.utilization for usage in parsed(*runtimes, **options).devices]


def test_a_device_is_the_mean_of_its_cores():
    """Cores are numbered through the devices; their operations and their memory add up."""
    known = parsed(runtime({0: (25.0, 10), 1: (75.0, 20), 3: (10.0, 5)}, held={0: 100, 1: 200, 3: 7}), devices=2)

    assert known.devices == (Usage(0.5, 30.0, 300), Usage(pytest.approx(0.05), 5.0, 7))
    assert (known.period_s, known.memory_total_bytes, known.model, known.error) == (1.0, 32 * 2**30, "trn1", None)


def test_several_runtimes_add_up():
    """Each has cores of its own; a core that two ran on at the same time was busy for no more than all of it."""
    runtimes = [runtime({0: 50.0, 1: 0.0}), runtime({2: 30.0, 1: 20.0}, pid=2), runtime({0: 70.0}, pid=3)]

    assert busy(*runtimes, devices=2) == [pytest.approx((1.0 + 0.2) / 2), pytest.approx(0.15)]


def test_a_runtime_that_came_late_counts_for_its_share_of_the_period():
    """Two seconds of five at 100 percent are 40 percent of the time."""
    known = parsed(runtime({0: (50.0, 10)}, period=5.0), runtime({1: (100.0, 10)}, period=2.0, pid=2))

    assert known.period_s == 5.0
    assert known.devices[0].utilization == pytest.approx((0.5 + 0.4) / 2)
    assert known.devices[0].flops == pytest.approx(14.0)


def test_no_runtime_is_no_work():
    """neuron-monitor sees all runtimes: without one, all devices are idle, and hold nothing."""
    known = parsed(devices=2)

    assert known.devices == (Usage(0.0, 0.0, 0), Usage(0.0, 0.0, 0))
    assert known.period_s is None


@pytest.mark.parametrize("name", ["flops", "effective_flops"])
def test_operations_have_two_names(name):
    """The guide's, and the one of real reports."""
    assert parsed(runtime({0: (50.0, 7), 1: (0.0, 1)}, flops=name)).devices[0].flops == 8.0


@pytest.mark.parametrize(
    "silent",
    [
        {"pid": 9, "error": "", "report": {"neuroncore_counters": None, "memory_used": None}},
        {"pid": 9, "error": "", "report": None},
        {"pid": 9, "error": "", "report": {}},
        {"pid": 9, "error": ""},
        runtime({1: 5.0}, error="cannot attach"),
        {"pid": 9, "error": "", "report": {"neuroncore_counters": counters({1: 5.0}, error="lost")}},
        None,
        "what",
    ],
)
def test_what_a_runtime_does_not_say_is_unknown(silent):
    """Any core may be its own, but for those that another runtime has."""
    known = parsed(runtime({0: 50.0, 1: 30.0}), silent, devices=2)

    assert [usage.utilization for usage in known.devices] == [pytest.approx(0.4), None]
    assert [usage.memory_used_bytes for usage in known.devices] == [None, None]


@pytest.mark.parametrize("runtimes", [None, {}, "none"])
def test_a_report_without_runtimes_says_nothing_of_use(runtimes):
    """Other than one whose list of them is empty."""
    known = parsed(devices=2, neuron_runtime_data=runtimes)

    assert known.devices == (Usage(), Usage())


@pytest.mark.parametrize("percent", [None, "5", -1, 106, True, float("nan"), float("inf"), 10**400, [], {}])
def test_a_percent_that_is_none_is_unknown(percent):
    """For its device, and not for the others."""
    assert busy(runtime({0: 10.0, 1: (percent, 1), 2: 10.0}), devices=2) == [None, 0.05]


def test_a_little_above_all_is_all():
    assert busy(runtime({0: 100.4, 1: 100.0})) == [1.0]


@pytest.mark.parametrize(
    ("cores", "logical", "shape"),
    [
        (4, 2, 4),  # the guide's Trainium2: logical cores
        (8, 1, 8),
        (8, 2, 4),  # more than there are in any device: physical cores
        (2, 1, 2),
        (2, None, 2),
        (2, "x", 2),
    ],
)
def test_cores_are_logical_ones(cores, logical, shape):
    """As many cores as make device 1 busy, and not device 0."""
    ones = dict.fromkeys(range(shape, 2 * shape), 100.0)

    assert busy(runtime(ones), devices=2, cores=cores, logical=logical) == [0.0, 1.0]


@pytest.mark.parametrize("core", ["2", "-1", "x", "", "1.0", "٣", "9" * 5000])
def test_a_core_that_no_device_has_spoils_the_report(core):
    """What it was counted on, nobody can tell."""
    text = json.dumps(report(runtime({0: 1.0}))).replace(
        '"neuroncores_in_use": {"0"', f'"neuroncores_in_use": {{"{core}"'
    )
    with pytest.raises(NeuronReportError, match="a core that its 1 devices of 2 cores do not have"):
        parse(text.encode())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON"),
        (b"panic: runtime error", "no JSON"),
        (b'{"neuron_runtime_data": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no count of devices and cores: nor an error"),
        (b'{"neuron_hardware_info": {"error": "driver not\\nloaded"}}', "cores: driver not loaded"),
    ],
)
def test_what_is_no_report_says_why(text, why):
    with pytest.raises(NeuronReportError, match=why):
        parse(text)


def test_one_device_needs_no_breakdown_of_memory():
    """All device memory is its own; with two devices nothing says whose it is."""
    block = runtime({0: 1.0})
    for name in ("neuron_device", "device"):  # the guide's name, and that of some versions
        block["report"]["memory_used"]["neuron_runtime_used_bytes"] = {"host": 1, name: 500}
        assert parsed(block).devices[0].memory_used_bytes == 500
        assert parsed(block, devices=2).devices[0].memory_used_bytes is None


@pytest.mark.parametrize("size", [None, "1", -1, {"total": 1}, 2**60])
def test_memory_of_an_unknown_kind_is_unknown(size):
    block = runtime({0: 1.0})
    block["report"]["memory_used"]["neuron_runtime_used_bytes"]["usage_breakdown"]["neuroncore_memory_usage"]["0"] = {
        "tensors": size
    }

    assert parsed(block).devices[0].memory_used_bytes is None


@pytest.mark.parametrize("size", [None, 0, -1, "32", float("nan")])
def test_memory_that_is_not_there_is_unknown(size):
    assert parsed(memory_bytes=size).memory_total_bytes is None


def pods(devices=None, cores=None):
    def pod(name):
        return {"pod_name": name, "namespace": "llm", "container_name": ["c"]}

    return {
        "period": 15.0,
        "neurondevices_k8s_info": {key: pod(name) for key, name in (devices or {}).items()},
        "neuroncores_k8s_info": {key: pod(name) for key, name in (cores or {}).items()},
        "error": "",
    }


@pytest.mark.parametrize(
    ("info", "jobs"),
    [
        (pods(), [None, None]),
        (pods(devices={"0": "a", "1": "b"}), ["llm/a", "llm/b"]),
        (pods(cores={"0": "a", "1": "a", "2": "b"}), ["llm/a", "llm/b"]),
        (pods(cores={"0": "a", "1": "b"}), [None, None]),  # shared: nothing says how its energy divides
        (pods(devices={"0": "a"}, cores={"0": "a"}), ["llm/a", None]),
        (None, [None, None]),
        ({"neurondevices_k8s_info": {"0": None, "1": {"pod_name": ""}}}, [None, None]),
        ({"neurondevices_k8s_info": {"0": {"pod_name": "p"}}}, ["p", None]),
    ],
)
def test_a_pod_is_a_job(info, jobs):
    assert [usage.job for usage in parsed(devices=2, neuron_k8s_info=info).devices] == jobs


def test_the_first_error_is_told():
    assert parsed(runtime({0: 1.0}), runtime({}, error=" lost\n it ")).error == "lost it"


def test_the_instance_names_the_model_where_the_device_does_not():
    known = parsed(kind="", instance_info={"instance_type": "trn2.48xlarge"})

    assert known.model == "trn2"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, 2**50, "\ud800", "\x1b[2J", "0", "p" * 400]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=5,
)
WHOLE = report(
    runtime({0: 25.0, 1: (0.0, 0)}),
    runtime({2: 50.0}, pid=2),
    devices=2,
    neuron_k8s_info=pods(devices={"0": "a"}, cores={"2": "b"}),
)


def paths(node, path=()):
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from paths(child, (*path, key))


def judge(text):
    """Parse it: values that the worker accepts, or the one error, in one line."""
    try:
        known = parse(text)
    except NeuronReportError as error:
        known = error
    if isinstance(known, NeuronReportError):
        assert str(known).isprintable()
        return
    for usage in known.devices:
        assert usage.utilization is None or 0 <= usage.utilization <= 1
        assert usage.flops is None or usage.flops >= 0
        assert usage.memory_used_bytes is None or 0 <= usage.memory_used_bytes <= 2**50
        assert usage.job is None or (0 < len(usage.job.encode()) <= MAX_LABEL_BYTES and "\0" not in usage.job)
    assert known.period_s is None or 0 < known.period_s <= 3600
    assert known.error is None or known.error.isprintable()


@given(st.sampled_from(list(paths(WHOLE))[1:]), JSON)
@settings(max_examples=300)
def test_no_value_breaks_the_parser(path, value):
    """Anything in the place of anything: values in range, or the one error."""
    mutated = copy.deepcopy(WHOLE)
    node = mutated
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    judge(json.dumps(mutated).encode())


@given(st.data())
@settings(max_examples=200)
def test_no_bytes_break_the_parser(data):
    """Lines that were torn, glued together or written over."""
    text = json.dumps(WHOLE).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    judge(text[:start] + data.draw(st.binary(max_size=8)) + text[end:])


@with_recordings
@pytest.mark.parametrize(
    ("what", "value"),
    [  # as read in the file with one's own eyes: core 0 at 25.0458 percent, core 1 at 0, of one Inferentia2
        (lambda known: len(known.devices), 1),
        (lambda known: known.devices[0].utilization, pytest.approx((25.04577690127115 + 0) / 2 / 100)),
        (lambda known: known.devices[0].flops, 346336403642),
        (lambda known: known.devices[0].memory_used_bytes, 110950976),
        (lambda known: known.devices[0].job, None),
        (lambda known: known.memory_total_bytes, 34359738368),
        (lambda known: known.period_s, 5.0),
        (lambda known: known.model, "inf2"),
        (lambda known: known.error, None),
    ],
)
def test_the_recorded_report_says_what_one_reads_in_it(what, value):
    assert what(parse(RECORDING.read_bytes())) == value
