"""Points stand within the frame, and names do not cover each other."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bench.report.plot import plot

SVG = "{http://www.w3.org/2000/svg}"
POINTS = st.lists(st.tuples(st.floats(1, 1e7), st.floats(1e-3, 1e4)), min_size=1, max_size=6)


@given(st.dictionaries(st.text("abc <&>\"'", min_size=1, max_size=8), POINTS, min_size=1, max_size=7))
def test_whatever_is_drawn_is_within_the_picture_and_named_apart(lines):
    root = ET.fromstring(plot(lines, title="One & two", x="x", y="y"))  # noqa: S314  our own

    dots = [(float(one.get("cx")), float(one.get("cy"))) for one in root.iter(f"{SVG}circle")]
    assert len(dots) == sum(map(len, lines.values()))
    assert all(71 <= x <= 651 and 39 <= y <= 421 for x, y in dots)
    named = [float(one.get("y")) for one in root.iter(f"{SVG}text") if one.get("fill")]
    assert len(named) == len(lines)
    assert all(later - earlier >= 17.9 for earlier, later in zip(sorted(named), sorted(named)[1:], strict=False))
