import math
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.prometheus_text import PrometheusTextError, Rule, TextParser, _parse_series, _plain_series, readings
from tests.producers.dcgm_page import page

TABLE = {
    "watts": Rule("power"),
    "old_milliwatts": Rule("power", scale=0.001, blank_from=1e9),
    "memory": Rule("memory", merge=lambda parts: sum(parts.values())),
}


def read(text):
    return readings(
        TextParser(TABLE).rows(text.encode()), TABLE, lambda row: row.get("chip"), lambda row: row.get("part", "")
    )


def test_rows_are_merged_by_chip():
    """Each chip gets the values of its own rows, in the order in which chips appear."""
    found = read('watts{chip="b"} 2\nwatts{chip="a"} 1\nmemory{chip="b"} 7 1700000000000\n')

    assert list(found) == ["b", "a"]
    assert found["b"].values == {"power": 2, "memory": 7}


def test_the_first_metric_of_the_table_wins():
    """Of two names for one reading the preferred one counts, wherever it stands in the text."""
    assert read('old_milliwatts{chip="a"} 9000\nwatts{chip="a"} 5\n')["a"].values == {"power": 5}
    assert read('old_milliwatts{chip="a"} 9000\n')["a"].values == {"power": 9}


def test_rows_that_differ_in_other_labels_are_one_reading():
    """Two pods on one chip do not double it."""
    found = read('memory{chip="a",pod="x"} 7\nmemory{chip="a",pod="y"} 7\n')["a"]

    assert found.values == {"memory": 7}
    assert found.labels["pod"] == {"x", "y"}


def test_parts_are_merged_by_the_rule_unless_the_whole_is_told():
    """Parts are summed where the rule says so; a row for the whole chip makes them unneeded."""
    assert read('memory{chip="a",part="1"} 7\nmemory{chip="a",part="2"} 5\n')["a"].values == {"memory": 12}
    assert read('memory{chip="a",part="1"} 7\nmemory{chip="a"} 40\n')["a"].values == {"memory": 40}


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e9", "9223372036854775794"])
def test_a_value_that_is_none_is_absent(value):
    """What is not finite, or says why there is no value, is no value: not zero."""
    assert read(f'old_milliwatts{{chip="a"}} {value}\n')["a"].values == {}


def test_labels_may_hold_anything():
    """Braces, commas, escapes and spaces inside a label are the label's."""
    text = 'watts{chip="a} {b,c=\\"d\\" \\\\ e"} 1\n'

    assert list(read(text)) == ['a} {b,c="d" \\ e']


@pytest.mark.parametrize(
    "line",
    [
        'watts{chip="a"}',
        'watts{chip="a"} x',
        'watts{chip="a"} 1 2 3',
        'watts{chip="a" 1',
        "watts 1_0",
    ],
)
def test_a_broken_line_is_named(line):
    """The error says which line of the page it was."""
    with pytest.raises(PrometheusTextError, match="line 2"):
        read(f"other 1\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        'watts{id="a"} 5 # {trace_id="b}"} 0.67',
        'watts{id="a"} 5 1.5 # {trace_id="b"} 0.67 1520879607.789',
        'watts{id="a"} 5 # {}',
        'watts{id="a",kind="x # {y} \\" z"} 5',
        'watts{id="a",kind="x # {y}"} 5 # {kind="#"} 1',
    ],
)
def test_what_openmetrics_adds_to_a_value_is_left_out(line):
    (row,) = TextParser(["watts"]).rows(f"{line}\n# EOF\n".encode())

    assert (row.metric, row.labels["id"], row.value) == ("watts", "a", 5.0)


def test_a_series_without_labels_may_have_an_exemplar():
    (row,) = TextParser(["watts"]).rows(b'watts 5 # {trace_id="b"} 0.67\n')

    assert (row.labels, row.value) == ({}, 5.0)


def test_other_metrics_are_not_looked_at():
    """A line that is not wanted costs nothing, whatever it is."""
    assert read('wattshours{chip="a"} 1\n<html>\nwatts{chip="a"} 1\n')["a"].values == {"power": 1}


def test_bytes_that_are_not_text_are_refused():
    """A binary answer is no page."""
    with pytest.raises(PrometheusTextError, match="not UTF-8"):
        TextParser(TABLE).rows(b"\xff\xfe")


def test_a_series_is_parsed_once_and_forgotten_when_it_is_gone():
    """The memory of label sets holds those of the last page only."""
    parser = TextParser(TABLE)
    first = parser.rows(b'watts{chip="a"} 1\n')
    again = parser.rows(b'watts{chip="a"} 2\n')
    parser.rows(b'watts{chip="b"} 2\n')

    assert again[0].labels is first[0].labels
    assert list(parser._series) == ['watts{chip="b"}']  # nothing else shows what is remembered


PAGE = page(power=100, energy_mj=5, util=3, gpus=2)
WANTED = {"DCGM_FI_DEV_POWER_USAGE": Rule("power"), "DCGM_FI_DEV_GPU_UTIL": Rule("utilization")}


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(PAGE)),
            st.integers(0, 3),
            st.sampled_from([b"", b'"', b"{", b"}", b" ", b"\n", b",", b"\\", b"\x00", b"\xc3", b"1"]),
        ),
        max_size=6,
    )
)
def test_a_mutated_page_is_read_or_refused(cuts):
    """Whatever happens to a page, its rows are finite readings or the error is the declared one."""
    body = PAGE
    for at, length, instead in cuts:
        body = body[:at] + instead + body[at + length :]
    try:
        found = readings(TextParser(WANTED).rows(body), WANTED, lambda row: row.get("UUID"))
    except PrometheusTextError:
        return
    assert all(math.isfinite(value) for chip in found.values() for value in chip.values.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    """No answer of an exporter raises anything but the declared error."""
    with suppress(PrometheusTextError):
        TextParser({"a": Rule("a")}).rows(b"a" + body)


LABEL_NAMES = st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_]{0,5}\Z") | st.sampled_from(["_", "__", "__name__", "a_", "le"])
LABEL_TEXTS = st.text(st.sampled_from('ab="\\},{ é\t'), max_size=6)


@given(st.lists(st.tuples(LABEL_NAMES, LABEL_TEXTS), max_size=4), st.sampled_from(["", ",", " ", ", "]))
def test_a_plain_series_is_read_as_the_official_parser_reads_it(labels, end):
    """The quick way is of the same meaning, or is not taken."""
    inside = ",".join(f'{name}="{text}"' for name, text in labels)
    series = f"watts{{{inside}{end}}}"
    quick = _plain_series(series)
    if quick is not None:
        assert quick == _parse_series(series)


def test_a_page_of_too_many_series_is_refused_early():
    """Two hundred thousand of them are not one host's; what the operator should do is said."""
    text = b"".join(b'watts{chip="%d"} 1\n' % number for number in range(200_000))
    parser = TextParser(TABLE)
    tracemalloc.start()
    with pytest.raises(
        PrometheusTextError, match="more than 20,000 series of chips: use the page of one host's exporter"
    ):
        parser.rows(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 50 * 2**20
    assert parser._series == {}  # nothing is kept of it


def test_a_page_that_takes_too_long_is_refused():
    """However slow the machine is."""
    now = iter(range(100))
    parser = TextParser(TABLE, within_s=5.0, elapsed=lambda: next(now))
    with pytest.raises(PrometheusTextError, match="takes more than 5 s to parse"):
        parser.rows(b'watts{chip="a"} 1\n' * 100)


def test_a_line_without_an_end_is_refused():
    """Sixteen megabytes of one label are no label."""
    with pytest.raises(PrometheusTextError, match="line 1 is not Prometheus text"):
        TextParser(TABLE).rows(b'watts{chip="%s"} 1\n' % (b"x" * 2**24))
