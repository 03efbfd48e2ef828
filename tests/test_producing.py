"""The example of docs/producing.md is run, and its fields and limits are those of the checks."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from schema import checks, wire
from schema.explained import explain
from schema.kafka import KafkaAdmin
from schema.readback import read_log
from schema.samples import PLATFORMS, POWER_METHODS, SCHEMA
from schema.topics import SAMPLES
from tests.batches import NOW_MS, batch

PAGE = (Path(__file__).parent.parent / "docs" / "producing.md").read_text("utf-8")
(EXAMPLE,) = [dedent(code) for code in re.findall(r"(?:^    .*\n|^\n)+", PAGE, re.MULTILINE) if "send(" in code]


def test_the_example_sends_samples_that_are_accepted(stack):
    """As it stands, for two seconds."""
    environ = {**os.environ, "GIGAWATT_KAFKA": stack.kafka, "SECONDS_TO_RUN": "2"}
    subprocess.run([sys.executable, "-c", EXAMPLE], env=environ, check=True, timeout=120)
    with KafkaAdmin(stack.kafka) as admin:
        spans = admin.log_ends(SAMPLES)
    found = list(read_log(stack.kafka, SAMPLES, spans))

    assert [record.key for record in found] == [b"node-7"] * 2
    for record in found:
        rows = wire.columns([wire.decode(record.value, record.headers["content-type"].decode())])
        assert rows.interval_ms.tolist() == [1000] * 8
        assert checks.refusals(rows, record.appended_ms).tolist() == [0] * 8


def test_the_example_is_short():
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 26


def test_every_field_has_its_row():
    """And the ranges are those of the checks."""
    rows = dict(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|(.*)$", PAGE, re.MULTILINE))
    named = {name: text for names, text in rows.items() for name in re.findall(r"`(\w+)`", names)}

    assert set(SCHEMA.names) <= set(named)
    for name, (low, high) in checks.RANGES.items():
        said = named[name].replace(" 000", "000").replace("2^50", str(2**50)).replace("1e18", str(10**18))
        assert f"{low:g} to {int(high)}" in said, name
    assert all(f"`{platform}`" in named["platform"] for platform in PLATFORMS)
    assert all(f"`{method}`" in named["power_method"] for method in POWER_METHODS)


def test_the_rejection_that_is_shown_is_one():
    """Word for word."""
    said = explain("bad_power", {"power_w": -5}, wire.columns([batch(power_w=-5.0)]), NOW_MS)

    assert f"`{said}; 1 of 8 rows`" in PAGE
