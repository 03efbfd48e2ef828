"""What real exporters said arrives in `fleet_power` as the watts that one reads in their recordings."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.recordings import RECORDINGS
from tests.stack import Stack, wait_for

# recording: GPUs, watts of all of them together, as read in the file with one's own eyes
STATED = {
    "dcgm-exporter-t4-fraction.prom": (2, 28.722 + 17.035),
    "dcgm-exporter-a100-mig-4-active.prom": (1, None),  # each of its four instances carries the GPU's power
}


@pytest.fixture
def exporter(request: pytest.FixtureRequest) -> Iterator[str]:
    file = RECORDINGS / "nvidia" / request.param
    if not file.exists():
        pytest.skip(f"the recording {request.param} is not on this machine")
    body = file.read_bytes()

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("exporter", "recording"), [(name, name) for name in STATED], indirect=["exporter"])
def test_a_recorded_exporter_shows_its_watts(exporter: str, recording: str, stack: Stack):
    gpus, watts = STATED[recording]
    stack.start("one")

    produced = stack.run("produce", "dcgm", "--url", exporter, "--site", "lab", "--fleet", "recorded", "--once")
    assert produced.returncode == 0, produced.stderr
    wait_for(lambda: bool(stack.rows("SELECT 1 FROM ingest_blocks WHERE samples > 0")), 120)

    (power_w, chips), *_ = stack.rows(
        "SELECT sum(power_w), sum(chips_reporting) FROM fleet_power"
        " WHERE site = 'lab' AND fleet = 'recorded' AND platform = 'nvidia'"
    )
    assert chips == pytest.approx(gpus)
    if watts is None:
        assert 106.4 < power_w < 112.3
    else:
        assert power_w == pytest.approx(watts, rel=1e-6)
    assert len(stack.rows("SELECT * FROM chips")) == gpus
