import base64
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schema import encoding
from tests.batches import batch
from tests.producers.dcgm_page import page
from tests.producers.exporter import Exporter, serving
from tests.producers.tpu_server import TpuServer
from tests.producers.tpu_server import serving as tpu_serving

FULL = Path("/dev/full")


def gigawatt(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "gigawatt", "produce", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.fixture
def exporter():
    with serving(Exporter(page(power=28.722, energy_mj=9_022_652))) as running:
        yield running


def test_the_sources_are_listed_one_a_line():
    """The list is the folder."""
    listed = gigawatt("--list")

    assert listed.returncode == 0
    assert {"dcgm", "replay", "simulated"} <= set(listed.stdout.splitlines())


def test_help_shows_the_flags_of_the_source():
    """The flags stand beside the source; the help finds them there."""
    shown = gigawatt("dcgm", "--help").stdout

    assert "--url" in shown
    assert "--site" in shown


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("replay", "--host TEXT Host label for nvidia-smi files; other files have labels."),
        ("simulated", "--site TEXT Ignored: the labels come from the fleet file."),
        ("meter", "--host TEXT Name of the metered host or rack; required if a --url has no NAME."),
        ("dcgm", "--host TEXT Host name of the chips."),
    ],
)
def test_help_says_what_the_labels_of_a_source_are(source, says):
    """A flag of no effect is not shown as if it had one."""
    assert says in " ".join(gigawatt(source, "--help").stdout.split())


def test_one_read_is_json_lines_on_standard_output(exporter):
    """No broker is needed, and the labels are the operator's."""
    read = gigawatt(
        *("dcgm", "--url", exporter.url, "--once", "--to", "-", "--site", "north", "--fleet", "train", "--host", "here")
    )
    sample = json.loads(read.stdout)

    assert (read.returncode, read.stderr) == (0, "")
    assert (sample["power_w"], sample["power_method"], sample["interval_ms"]) == (28.722, "sensor", 1000)
    assert (sample["site"], sample["fleet"], sample["host"]) == ("north", "train", "here")


def test_labels_come_from_the_environment_too(exporter):
    """A machine's site and fleet are set once."""
    environment = {"GIGAWATT_SITE": "south", "GIGAWATT_FLEET": "serve"}
    read = gigawatt("dcgm", "--url", exporter.url, "--once", "--to", "-", env=environment)
    sample = json.loads(read.stdout)

    assert (sample["site"], sample["fleet"]) == ("south", "serve")


def test_a_read_that_fails_is_one_line_and_a_status():
    """Nobody listens at that address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    read = gigawatt("dcgm", "--url", f"127.0.0.1:{port}", "--once", "--to", "-")

    assert read.returncode == 1
    assert read.stdout == ""
    assert read.stderr == (
        f"gigawatt: http://127.0.0.1:{port}/metrics cannot be reached; check whether the exporter is running\n"
    )


def test_a_target_that_is_none_is_refused():
    """The operator is told before anything is read."""
    read = gigawatt("dcgm", "--to", "kafka")

    assert read.returncode == 2
    assert "neither the HOST:PORT" in read.stderr


def test_a_source_that_is_not_there_is_refused():
    """The name is a file's."""
    assert gigawatt("abacus").returncode == 2


def test_a_recording_is_played_once_through(tmp_path):
    """Every sample of the file, at once."""
    path = tmp_path / "recording.ndjson"
    path.write_bytes(encoding.encode_ndjson(batch(chip=["a", "b"], ts=[1_790_000_000_000, 1_790_000_600_000])))
    played = gigawatt("replay", str(path), "--once", "--to", "-")

    assert played.returncode == 0
    assert [json.loads(line)["chip"] for line in played.stdout.splitlines()] == ["a", "b"]


def test_the_check_shows_every_interface_and_whether_any_is_here():
    """On any machine: status 0 when something is found, 1 otherwise."""
    shown = gigawatt("auto", "--check")
    rows = [line.split() for line in shown.stdout.splitlines() if not line.startswith(" ")]

    assert {"nvidia", "amd", "tpu", "trainium"} <= {row[0] for row in rows}
    assert shown.returncode == (0 if any(row[2] == "reads" for row in rows) else 1)
    assert shown.stderr == ""


def test_what_the_machine_has_is_found_and_read():
    """A TPU runtime listens where the environment says; once, and until told to stop."""
    with tpu_serving(TpuServer()) as runtime:
        environment = os.environ | {
            "TPU_ACCELERATOR_TYPE": "v5litepod-4",
            "TPU_RUNTIME_METRICS_PORTS": runtime.address.rpartition(":")[2],
        }
        once = gigawatt("auto", "--only", "tpu", "--once", "--to", "-", env=environment)
        command = [sys.executable, "-m", "gigawatt", "produce", "auto", "--only", "tpu", "--host", "here", "--to", "-"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            sample = json.loads(process.stdout.readline())
            process.terminate()
            _, said = process.communicate(timeout=60)

    assert (once.returncode, once.stderr) == (0, "")
    assert [json.loads(line)["platform"] for line in once.stdout.splitlines()] == ["tpu"] * 4
    assert sample["ts"] % 1000 == 0
    events = [line.partition("] ")[2].partition("  ")[0] for line in said.splitlines()]
    assert events == ["reading tpu", "reading auto every 1 s", "tpu stopped", "auto stopped", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_samples_until_it_is_told_to_stop(exporter, number):
    """It says on standard error what it did, in plain lines, and ends with status 0."""
    command = [
        sys.executable,
        "-m",
        "gigawatt",
        "produce",
        "dcgm",
        "--url",
        exporter.url,
        "--host",
        "here",
        "--period",
        "0.1",
        "--to",
        "-",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first = json.loads(process.stdout.readline())
        exporter.body = page(power=30, energy_mj=9_026_652)
        second = json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, said = process.communicate(timeout=60)

    assert (first["power_method"], second["power_w"] > 0) == ("sensor", True)
    assert second["ts"] - second["interval_ms"] >= first["ts"]
    assert process.returncode == 0
    assert "reading dcgm every 0.1 s" in said.splitlines()[0]
    assert f"samples={2 + len(rest.splitlines())}" in said.splitlines()[-1]
    assert "\x1b" not in said


def test_an_exporter_that_comes_back_is_sampled_again(exporter):
    """A failure is one line, its end another; the sampler goes on."""
    body, exporter.body = exporter.body, b""
    command = [
        sys.executable,
        "-m",
        "gigawatt",
        "produce",
        "dcgm",
        "--url",
        exporter.url,
        "--period",
        "0.05",
        "--to",
        "-",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while exporter.requests < 5:
            assert time.monotonic() < until
            time.sleep(0.01)
        exporter.body = body
        sample = json.loads(process.stdout.readline())
        process.terminate()
        _, said = process.communicate(timeout=60)

    assert sample["power_w"] == 28.722
    assert said.count("read failed") == 1
    assert said.count("reads succeed again") == 1


def test_a_reader_that_has_enough_ends_it():
    """`| head -1` is a way to look at a source: no traceback follows."""
    command = f"{shlex.quote(sys.executable)} -m gigawatt produce simulated --chips 50 --to - | head -1"
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=True)  # noqa: S602

    assert json.loads(shown.stdout)["chip"]
    assert "Traceback" not in shown.stderr


@pytest.mark.skipif(not FULL.exists(), reason="no device of this system is always full")
def test_an_output_that_takes_nothing_is_one_line():
    """As when the disk is full."""
    with FULL.open("wb") as full:
        command = [sys.executable, "-m", "gigawatt", "produce", "simulated", "--chips", "8", "--once", "--to", "-"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (1, "gigawatt: cannot write the samples: No space left on device\n")


def test_an_output_that_is_closed_is_one_line():
    """As a supervisor may leave it."""
    command = f"{shlex.quote(sys.executable)} -m gigawatt produce simulated --chips 8 --once --to - >&-"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False)  # noqa: S602

    assert (done.returncode, done.stderr) == (1, "gigawatt: cannot write the samples: standard output is closed\n")


@pytest.mark.parametrize("wrong", [("--period", "nan"), ("--silent", "nan"), ("--period", "inf")])
def test_what_is_no_number_is_refused(wrong):
    done = gigawatt("simulated", *wrong, "--once", "--to", "-")

    assert done.returncode == 2
    assert f"Invalid value for '{wrong[0]}': {wrong[1]} is not" in done.stderr


def test_a_single_read_that_found_nothing_says_so():
    """Silence could be anything."""
    done = gigawatt("simulated", "--chips", "0", "--once", "--to", "-")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("the source had nothing to report\n")


def test_a_password_in_a_url_is_not_shown():
    """Whatever else is missing."""
    done = gigawatt("meter", "--platform", "nvidia", "--url", "http://u:secret@bmc.example", "--once", "--to", "-")

    assert done.returncode == 1
    assert "remove user and password" in done.stderr
    assert "secret" not in done.stderr


def test_without_a_broker_samples_wait_in_the_spool(tmp_path):
    """From the first one on, over restarts; the last line counts them, and that is no failure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    spool = tmp_path / "spool"
    command = [sys.executable, "-m", "gigawatt", "produce", "simulated", "--chips", "8", "--period", "0.1"]
    command += ["--to", f"127.0.0.1:{port}", "--spool", str(spool)]
    waiting = [0]
    for _ in range(2):
        held = sum(path.stat().st_size for path in spool.glob("*.spool"))
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            until = time.monotonic() + 60
            while sum(path.stat().st_size for path in spool.glob("*.spool")) < held + 10_000:
                assert time.monotonic() < until
                time.sleep(0.01)
            process.terminate()
            _, said = process.communicate(timeout=60)
        last = dict(re.findall(r"(\w+)=(\d+)", said.splitlines()[-1]))
        waiting.append(int(last["spooled"]))

        assert process.returncode == 0
        assert (last["samples"], last["lost"], last["damaged_messages"]) == ("0", "0", "0")
        assert waiting[-1] > waiting[-2] + 5


def test_a_single_read_and_standard_output_need_no_spool(tmp_path):
    """An environment that sets one for the service stops nobody from looking."""
    env = os.environ | {"GIGAWATT_SPOOL": str(tmp_path / "spool")}
    once = gigawatt("simulated", "--chips", "8", "--once", "--to", "-", env=env)

    assert (once.returncode, once.stderr) == (0, "")
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("dcgm", b'DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a0",modelName="NVIDIA L4"} 71\n'),
        ("amd_exporter", b'amd_gpu_package_power{gpu_id="0",serial_number="9",card_model="x"} 71\n'),
        ("tpu_gke", b'tensorcore_utilization_node{accelerator_id="9-0",make="cloud-tpu",model="tpu7x"} 50\n'),
    ],
)
def test_a_page_behind_a_login_is_read(source, page, tmp_path):
    """Every source that scrapes takes a user with a password, or a token; neither is in any line."""
    exporter, secret = Exporter(page), tmp_path / "secret"
    secret.write_text("s3cret\n")
    basic = "Basic " + base64.b64encode(b"scrape:s3cret").decode()

    def respond(handler):
        if handler.headers.get("Authorization") in (basic, "Bearer s3cret"):
            exporter.page(handler)
        else:
            handler.send_error(401)

    exporter.respond = respond
    with serving(exporter):
        asked = [source, "--url", exporter.url, "--once", "--to", "-"]
        runs = [
            gigawatt(*asked, "--user", "scrape", "--password-file", str(secret)),
            gigawatt(*asked, "--token-file", str(secret)),
            gigawatt(*asked, env=os.environ | {"GIGAWATT_EXPORTER_TOKEN_FILE": str(secret)}),
        ]
        refused = gigawatt(*asked)

    assert [(run.returncode, len(run.stdout.splitlines())) for run in runs] == [(0, 1)] * 3
    assert refused.returncode == 1
    assert "answered 401 Unauthorized: use --user or --token-file" in refused.stderr
    assert "s3cret" not in "".join(run.stdout + run.stderr for run in runs)


def test_a_wrong_value_in_the_environment_names_its_variable():
    done = gigawatt("meter", "--url", "x", "--once", env=os.environ | {"GIGAWATT_METER_PLATFORM": "nvidio"})

    assert done.returncode == 2
    assert "GIGAWATT_METER_PLATFORM" in done.stderr


def producing(exporter, *arguments):
    command = [sys.executable, "-m", "gigawatt", "produce", "dcgm", "--url", exporter.url, "--host", "here", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_what_was_gathered_is_sent_when_it_is_told_to_stop(exporter):
    """With the time of each read; nothing is sent before it is due."""
    with producing(exporter, "--period", "0.1", "--publish-every", "5", "--to", "-") as process:
        until = time.monotonic() + 60
        while (asked := exporter.requests) < 12:
            assert time.monotonic() < until
            exporter.body = page(power=30, energy_mj=9_022_652 + 1000 * asked)
            time.sleep(0.01)
        process.terminate()
        lines, said = process.communicate(timeout=60)
    times = [json.loads(line)["ts"] for line in lines.splitlines()]

    assert process.returncode == 0
    assert len(times) >= 10
    assert times == sorted(set(times))
    assert f"samples={len(times)}" in said.splitlines()[-1]


def test_a_single_read_does_not_wait_for_others(exporter):
    read = gigawatt("dcgm", "--url", exporter.url, "--once", "--publish-every", "5", "--to", "-")

    assert (read.returncode, len(read.stdout.splitlines()), read.stderr) == (0, 1, "")


def test_a_reader_of_gathered_samples_that_has_enough_ends_it():
    """Whatever is still gathered has nowhere to go, and no traceback follows."""
    command = (
        f"{shlex.quote(sys.executable)} -m gigawatt produce simulated --period 0.1 --publish-every 0.3 --to - | head -1"
    )
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=True)  # noqa: S602

    assert json.loads(shown.stdout)["chip"]
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "5.1", "3600"])
def test_for_longer_than_a_second_takes_to_be_complete_nothing_is_gathered(wrong):
    """Boards would show a second before its samples are there, and a rule would fire for those that are missing."""
    done = gigawatt("simulated", "--publish-every", wrong, "--once", "--to", "-")

    assert done.returncode == 2
    assert "Invalid value for '--publish-every'" in done.stderr
