"""Notifies systemd that a service has started, and that it lives (sd_notify(3), `WatchdogSec`).

Where systemd is not what started the process, nothing is reported.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def telling_systemd(alive: Callable[[], str], environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Say that the service is ready, and then that it lives for as long as `alive` finds nothing to say against it."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        yield
        return
    ended = threading.Event()
    _tell(address, "READY=1")
    if (most_us := environment.get("WATCHDOG_USEC", "")).isdecimal() and int(most_us):
        every_s = int(most_us) / 1e6 / 3
        threading.Thread(target=_go_on, args=(address, alive, every_s, ended), name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        _tell(address, "STOPPING=1")


def _go_on(address: str, alive: Callable[[], str], every_s: float, ended: threading.Event) -> None:
    while not ended.wait(every_s):
        if not alive():
            _tell(address, "WATCHDOG=1")


def _tell(address: str, what: str) -> None:
    path = f"\0{address[1:]}" if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(what.encode(), path)
