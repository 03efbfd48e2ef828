import json

import pytest

from schema import checks, encoding, wire
from schema.explained import explain
from schema.limits import MAX_AHEAD_MS, RAW_RETENTION_MS
from tests.batches import NOW_MS, batch
from tests.producers.test_recordings import plain

SOUND = json.loads(encoding.encode_ndjson(plain(batch(job="j", temperature_c=50.0))))

WRONG = {
    "missing_label": [
        ({"host": None}, "host is missing"),
        ({"host": "", "chip": None}, "host is missing; chip is missing"),
        ({"host": 5}, "host 5 is not text"),
    ],
    "label_too_long": [({"site": "x" * 129}, f"site '{'x' * 57}...' has more than 128 bytes")],
    "bad_label": [({"job": "a\nb"}, "job 'a\\\\nb' has a control or format character")],
    "unknown_platform": [({"platform": "abacus"}, "platform 'abacus' must be one of tpu, trainium, nvidia, amd")],
    "bad_time": [
        ({"ts": None}, "ts is missing"),
        ({"ts": "noon"}, "ts 'noon' must be a time in epoch milliseconds or RFC 3339"),
        ({"ts": 0}, "ts 0 must be a time in epoch milliseconds or RFC 3339"),
        (
            {"ts": NOW_MS + MAX_AHEAD_MS + 1000},
            "ts 2026-09-21T14:13:26.000Z is 6.0 s ahead of the broker's clock (at most 5 s)",
        ),
    ],
    "too_late": [
        (
            {"ts": NOW_MS - RAW_RETENTION_MS - 8_640_000},
            "ts 2026-09-18T11:49:20.000Z is 3.1 days older than its message (at most 3 days)",
        )
    ],
    "bad_interval": [
        ({"interval_ms": None}, "interval_ms is missing"),
        ({"interval_ms": 0}, "interval_ms 0 must be a whole number from 1 to 3600000"),
        ({"interval_ms": 1.5}, "interval_ms 1.5 must be a whole number from 1 to 3600000"),
    ],
    "bad_power": [
        ({"power_w": -5}, "power_w -5 must be 0 to 10000"),
        ({"power_w": 20000.5}, "power_w 20000.5 must be 0 to 10000"),
        ({"power_w": "lots"}, "power_w 'lots' must be 0 to 10000"),
    ],
    "bad_utilization": [({"utilization": 97}, "utilization 97 must be 0 to 1")],
    "bad_value": [
        ({"temperature_c": 400}, "temperature_c 400 must be -60 to 250"),
        ({"throttle": 16, "energy_j": -1}, "throttle 16 must be 0 to 15; energy_j -1 must be 0 to 1e+18"),
        (
            {"power_method": None},
            "power_method is missing; it is required with power_w: one of counter, sensor, percent, model, meter",
        ),
        ({"power_method": "guess"}, "power_method 'guess' must be one of counter, sensor, percent, model, meter"),
    ],
}


@pytest.mark.parametrize(
    ("reason", "wrong", "said"), [(reason, *case) for reason, cases in WRONG.items() for case in cases]
)
def test_a_rejected_row_is_told_by_field_value_and_limit(reason, wrong, said):
    """And the reason is the one that the checks give."""
    sent = {name: value for name, value in {**SOUND, **wrong}.items() if value is not None}
    row = wire.columns([wire.decode(json.dumps(sent).encode())])

    assert checks.REASONS[checks.refusals(row, NOW_MS)[0]] == reason
    assert explain(reason, sent, row, NOW_MS) == said


def test_every_reason_has_words():
    """But for what cannot be decoded, which has its own."""
    row = wire.columns([batch()])

    for reason in checks.REASONS[1:]:
        if reason not in ("missing_label", "label_too_long", "bad_label", "bad_power", "bad_utilization"):
            assert explain(reason, {}, row, NOW_MS)
    assert explain("", {}, row, NOW_MS) == ""
