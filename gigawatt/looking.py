"""What commands that look at a running stack have in common: quiet clients, and a clean end."""

import logging
import signal
import threading


def quiet_clients() -> None:
    """Keep the clients' own log lines off the screen: what they tell of comes as an error of ours, in one line."""
    for name in ("kafka", "clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def stop_on_signals() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set from now on."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
