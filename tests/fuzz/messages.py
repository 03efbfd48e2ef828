"""Messages of the samples topic, valid ones of every shape, and texts that nobody would wish for."""

import json
from typing import Any, Final

import pyarrow as pa
from hypothesis import strategies as st

from schema import encoding
from schema.samples import LABELS, MEASURES, SCHEMA
from tests.batches import NOW_MS, batch
from tests.texts import hostile

_TYPES: Final = (
    *(pa.null(), pa.bool_(), pa.int8(), pa.uint8(), pa.int32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32()),
    *(pa.float64(), pa.decimal128(20, 3), pa.utf8(), pa.large_utf8(), pa.string_view(), pa.binary(), pa.binary(4)),
    *(pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("ns", "+02:00"), pa.date32(), pa.time64("us")),
    *(pa.duration("ms"), pa.list_(pa.int8()), pa.struct([("a", pa.utf8())]), pa.map_(pa.utf8(), pa.int8())),
    *(pa.dictionary(pa.int8(), pa.utf8()), pa.dictionary(pa.int16(), pa.large_utf8()), pa.list_view(pa.int64())),
    *(pa.dictionary(pa.int32(), pa.int64()), pa.run_end_encoded(pa.int32(), pa.utf8())),
)
_NUMBERS: Final = (
    0,
    1,
    -1,
    0.5,
    1e5,
    1_000,
    3_600_000,
    NOW_MS,
    NOW_MS - 5_000,
    2**31,
    2**53,
    2**63 - 1,
    -(2**63),
    2**64,
)
_WORDS: Final = (
    "",
    "nvidia",
    "tpu",
    "counter",
    "model",
    "meter",
    "north",
    "h100-sxm",
    "x" * 128,
    "x" * 129,
    "é",
    "\x00",
)


def stream(*batches: pa.RecordBatch, compression: str | None = None) -> bytes:
    """Return a stream of several batches, whose dictionaries may grow."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression, emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for one in batches:
            writer.write_batch(one)
    return sink.getvalue().to_pybytes()


def _valid() -> list[bytes]:
    plain = batch(power_w=[1.0, 2.0, None], host=["a", "b", "c"], job=["x", None, ""], energy_j=[1.0, None, 2.0])
    many = batch(power_w=[float(number) for number in range(300)], chip=[f"h/{number}" for number in range(300)])
    minute = batch(interval_ms=60_000, platform="trainium", power_method="percent", utilization=[0.5, 1.0])
    flat = plain.cast(pa.schema([(f.name, pa.utf8() if pa.types.is_dictionary(f.type) else f.type) for f in SCHEMA]))
    return [
        encoding.encode(plain),
        encoding.encode(plain, compression="zstd"),
        encoding.encode(many, compression="lz4"),
        encoding.encode(many),
        encoding.encode(flat),
        encoding.encode(plain.append_column("extra", pa.array([[1], None, [2, 3]]))),
        encoding.encode(plain.append_column("reason", pa.array(["bad_power"] * 3))),
        encoding.encode(plain.slice(0, 0)),
        stream(minute, batch(interval_ms=60_000, host="z", site="y"), compression="zstd"),
        stream(flat, flat.slice(1)),
    ]


VALID_ARROW: Final = _valid()


def _column(kind: pa.DataType, values: list[Any]) -> pa.Array:
    """Return values as a type, where they can be; nulls where they cannot."""
    if pa.types.is_dictionary(kind):
        inner = _column(kind.value_type, values)
        return inner.dictionary_encode().cast(kind)
    if pa.types.is_run_end_encoded(kind):
        return pa.compute.run_end_encode(_column(kind.value_type, values))
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.nulls(len(values), kind)


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Return what may stand in a field: what should, and anything else."""
    if name in {"ts", "interval_ms"} or name in MEASURES:
        numbers = st.sampled_from(_NUMBERS)
        return st.one_of(numbers, numbers, st.none(), st.integers(-(2**63), 2**63 - 1), st.floats())
    return st.one_of(st.sampled_from(_WORDS), st.sampled_from(_WORDS), st.none(), hostile(surrogates=False))


@st.composite
def odd_batches(draw: st.DrawFn) -> bytes:
    """Return a sound message whose columns have other types and values than they should."""
    rows = draw(st.integers(0, 5))
    arrays, names = [], []
    sound = batch(power_w=[1.0] * rows) if rows else batch().slice(0, 0)
    for name in [*SCHEMA.names, "extra"]:
        how = draw(st.sampled_from(("sound", "sound", "sound", "values", "type", "gone")))
        if how == "gone" or (how == "sound" and name == "extra"):
            continue
        values = draw(st.lists(values_of(name), min_size=rows, max_size=rows))
        if how == "sound":
            array = sound.column(name)
        elif how == "values" and name in SCHEMA.names:
            array = _column(SCHEMA.field(name).type, values)
        else:
            array = _column(draw(st.sampled_from(_TYPES)), values)
        arrays.append(array)
        names.append(name)
    made = pa.RecordBatch.from_arrays(arrays, names=names) if arrays else pa.RecordBatch.from_pylist([], pa.schema([]))
    return encoding.encode(made, compression=draw(st.sampled_from((None, "zstd", "lz4"))))


_TIMES: Final = (
    *(NOW_MS, str(NOW_MS), "2026-09-21T14:13:20Z", "2026-09-21T14:13:20.123456789+02:00", "2026-09-21 14:13:20"),
    *("2026-02-30T00:00:00Z", "0000-00-00", "9999-12-31T23:59:59.999Z", "1677-09-21T00:12:43Z", "2262-04-12T00:00:00Z"),
    *("", "now", True, None, -1, 1e300, 10**30, [], {}),
)
_RAW_VALUES: Final = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-0", "01", "1.", ".5", "+1", "0x10", "1_000", "null", "true", "tru"),
    *(
        '"',
        '"\\u0000"',
        '"\\ud800"',
        '"\\ud83d\\ude80"',
        '"\\x"',
        "[]",
        "{}",
        "[" * 600,
        '{"a":' * 600,
        "'a'",
        "//",
        "",
    ),
    *('"a\nb"', "1,2", '"power_w":1', "\ufeff", "\u2028", "9" * 400),
)
_ENDS: Final = (
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "",
    " ",
    "\n\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\x00",
    ",\n",
)


@st.composite
def _line(draw: st.DrawFn) -> str:
    sound: dict[str, Any] = {"ts": NOW_MS, "interval_ms": 1_000, "site": "north", "fleet": "train"}
    sound |= {"platform": "nvidia", "model": "h100-sxm", "host": "host-0", "chip": "c", "power_w": 500.0}
    parts = {name: json.dumps(value) for name, value in {**sound, "power_method": "counter"}.items()}
    for name in draw(st.lists(st.sampled_from((*LABELS, *MEASURES, "ts", "interval_ms", "extra", "")), max_size=4)):
        how = draw(st.sampled_from(("value", "raw", "time", "gone")))
        if how == "gone":
            parts.pop(name, None)
        elif how == "raw":
            parts[name] = draw(st.sampled_from(_RAW_VALUES))
        else:
            value = draw(st.sampled_from(_TIMES) if how == "time" else values_of(name))
            parts[name] = json.dumps(value, ensure_ascii=draw(st.booleans()))
    twice = draw(st.sampled_from(("", "", "", ', "ts": 1', ', "host": null')))
    inside = ", ".join(f"{json.dumps(name)}: {value}" for name, value in parts.items())
    return draw(st.sampled_from(("{%s%s}",) * 8 + ("[{%s%s}]", "{%s%s", "%s%s}", "\ufeff{%s%s}", " \t{%s%s} "))) % (
        inside,
        twice,
    )


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """Return lines of JSON, of which most are samples and some are nothing of the kind."""
    lines = draw(st.lists(_line(), min_size=1, max_size=4))
    many = draw(st.sampled_from((1, 1, 1, 60, 200)))
    text = "".join(line + draw(st.sampled_from(_ENDS)) for line in lines)
    return (text * many).encode("utf-8", "surrogatepass")
