"""Lines of keys in a TOML text."""

import pytest

from schema.toml_lines import line_of

TEXT = """\
title = "x"  # 1
[sites.iowa]
utc_offset_h = -6
[sites."new york"]
utc_offset_h = -5

[[pool]]
count = 1
[[pool]]
  a.b = 2
  'quoted' = 3
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("sites",), 2),
        (("sites", "iowa", "utc_offset_h"), 3),
        (("sites", "new york", "utc_offset_h"), 5),
        (("pool",), 7),
        (("pool", 0, "count"), 8),
        (("pool", 1), 9),
        (("pool", 1, "a", "b"), 10),
        (("pool", 1, "quoted"), 11),
    ],
)
def test_a_key_is_found(path, line):
    """Tables, arrays of tables, dotted and quoted keys each have their line."""
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize(("path", "line"), [(("pool", 1, "count"), 9), (("sites", "iowa", "x"), 2), (("nothing",), 1)])
def test_a_missing_key_is_at_its_parent(path, line):
    """What is not there is reported where it ought to stand."""
    assert line_of(TEXT, path) == line
