"""Stop on request: SIGINT and SIGTERM set an event that the rest waits on."""

import signal
import threading


def stop_on_signals() -> threading.Event:
    """Return an event that is set once the process is asked to stop; of the main thread alone."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _set(stop))
    return stop


def _set(stop: threading.Event) -> None:
    """Set it in a thread of its own: the main one may hold the event's lock, and would wait for itself for ever."""
    threading.Thread(target=stop.set, daemon=True).start()
