"""Machines to look at, and sources to look for, that are none of this machine's."""

from types import SimpleNamespace

from producers.batches import build
from producers.discovery import Finding, Machine
from producers.source import Batch


def empty_machine(root):
    """Return a machine without a chip, a command, a variable or a listener."""
    return Machine(root, environment={}, which=lambda _: None, listens=lambda *_: False)


class OneChip:
    """A source of one chip that says the same at every tick; `flags` is what it was opened with."""

    default_period_s = 1.0

    def __init__(self, platform, host, flags):
        self.labels = {
            "site": "here",
            "fleet": "ours",
            "platform": platform,
            "model": "one",
            "host": host,
            "chip": host,
        }
        self.flags = flags
        self.closed = False

    def read(self, tick):
        columns = {"ts": tick.ts_ms, "interval_ms": tick.interval_ms, "power_w": 100.0, "power_method": "sensor"}
        return [Batch(self.labels["host"], build(1, columns | self.labels))]

    def close(self):
        self.closed = True


def source_file(platform, preference, *, here=True, options=(), flags=None, fails=None, opens=None):
    """Stand for a file of `producers/sources`.

    `here` is whether its look finds anything, or a function of the machine that says so; `flags` what the look wants it
    opened with; `fails` what opening raises; `opens` makes what opening gives, which is else a `OneChip`. What was
    opened is in `opened`.
    """
    module = SimpleNamespace(PLATFORM=platform, PREFERENCE=preference, OPTIONS=options, opened=[], fails=fails)

    def look(machine):
        found = here(machine) if callable(here) else here
        return Finding("two chips", flags or {}) if found else Finding("no driver: install it")

    def open_source(_where, **given):
        if module.fails:
            raise module.fails
        source = opens() if opens else OneChip(platform, f"{platform}/{preference}", given)
        module.opened.append(source)
        return source

    module.look, module.open_source = look, open_source
    return module
