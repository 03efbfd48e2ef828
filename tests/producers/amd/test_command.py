import json
import textwrap

import pytest

from producers.amd.command import CommandSource
from producers.readings import HostMeters
from producers.source import SourceError, Tick, Where
from tests.scripts import python_script

START_MS = 1_790_000_000_000


@pytest.fixture
def listing(tmp_path):
    """Return the file that holds what the command prints, by its first argument."""
    path = tmp_path / "listing.json"
    path.write_text(json.dumps({"static": [asic(0), asic(1)], "metric": [metric(0), metric(1)]}))
    return path


def asic(gpu):
    return {"gpu": gpu, "asic": {"market_name": "AMD Instinct MI300X", "asic_serial": f"0x{0xA0 + gpu:016X}"}}


def metric(gpu, joules=1000.0):
    return {
        "gpu": gpu,
        "power": {"socket_power": {"value": 300, "unit": "W"}},
        "energy": {"total_energy_consumption": {"value": joules, "unit": "J"}},
    }


def opened(tmp_path, body, *, name="amd-smi", timeout_s=10):
    """Return a source of a real command: a Python script of that name."""
    script = python_script(tmp_path / name, f"import json, pathlib, sys, time\n{textwrap.dedent(body)}")
    meters = HostMeters(Where(host="node-7"), "amd", power_error_w=None, doubted=True)
    return CommandSource([str(script)], meters, timeout_s=timeout_s)


def at(source, second):
    batches = source.read(Tick(START_MS + second * 1000, 10_000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def test_amd_smi_is_run_at_each_read(tmp_path, listing):
    """Once for what the GPUs are, then for what they show; the counter counts once it agrees with the sensor."""
    body = f"""
    said = json.loads(pathlib.Path({str(listing)!r}).read_text())
    with open({str(tmp_path / "runs")!r}, "a") as runs:
        runs.write(sys.argv[1] + chr(10))
    print("WARNING: this is for people")
    print(json.dumps(said[sys.argv[1]]))
    """
    source = opened(tmp_path, body)
    first = at(source, 0)
    said = json.loads(listing.read_text())
    said["metric"] = [metric(0, 3900.0), metric(1, 3900.0)]
    listing.write_text(json.dumps(said))
    second = at(source, 10)
    source.close()

    assert [(sample["chip"], sample["model"]) for sample in first] == [
        ("0x00000000000000A0", "mi300x"),
        ("0x00000000000000A1", "mi300x"),
    ]
    assert {(sample["power_w"], sample["power_method"], sample["interval_ms"]) for sample in first} == {
        (300.0, "sensor", 10_000)
    }
    assert {(sample["power_w"], sample["power_method"]) for sample in second} == {(290.0, "counter")}
    assert (tmp_path / "runs").read_text().split() == ["static", "metric", "metric"]


def test_rocm_smi_tells_all_at_once(tmp_path):
    """A GPU without a serial number is named after its host."""
    body = """
    assert "--showpower" in sys.argv and "--json" in sys.argv
    print(json.dumps({"card0": {"Average Graphics Package Power (W)": "36.0", "Unique ID": "N/A"}}))
    """
    [sample] = at(opened(tmp_path, body, name="rocm-smi"), 0)

    assert (sample["chip"], sample["power_w"], sample["model"]) == ("node-7/0", 36.0, "unknown")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("print('[]')", "reports no GPU"),
        ("print('usage')", "static: it printed no JSON (exit status 0)"),
        ("sys.exit('no driver\\nis loaded')", "static: no driver is loaded (exit status 1)"),
        ("time.sleep(30)", "did not finish within 0.5 s"),
    ],
)
def test_a_command_that_fails_says_why(tmp_path, body, says):
    """In one line."""
    with pytest.raises(SourceError) as raised:
        at(opened(tmp_path, body, timeout_s=0.5 if "sleep" in body else 10), 0)

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_command_that_is_not_there_says_so(tmp_path):
    """And the next read tries again."""
    meters = HostMeters(Where(), "amd", power_error_w=None)
    source = CommandSource([str(tmp_path / "amd-smi")], meters, timeout_s=1)
    for second in range(2):
        with pytest.raises(SourceError, match=r"cannot run .*amd-smi: No such file"):
            at(source, second)
