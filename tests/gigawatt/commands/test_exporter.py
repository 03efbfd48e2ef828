"""What the exporter logs while ClickHouse is away. Its figures are asked in tests/test_metrics.py."""

import json
import signal
import socket
import subprocess
import sys


def test_an_exporter_logs_what_it_waits_for_and_ends_cleanly():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nothing listens there
        at = f"http://127.0.0.1:{held.getsockname()[1]}"
        command = [sys.executable, "-m", "gigawatt", "exporter", "--clickhouse", at, "--metrics", "0"]
        process = subprocess.Popen([*command, "--log-format", "json"], stderr=subprocess.PIPE, text=True)
        told = (json.loads(line) for line in iter(process.stderr.readline, ""))
        waiting = next(line for line in told if line["event"] == "waiting")
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[1]

    assert waiting["level"] == "warning"
    assert "does not answer" in waiting["until"]
    assert (process.returncode, rest) == (0, "")
