"""Bins have fixed edges, so that distributions merge by addition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams import histogram

powers = st.lists(st.floats(0, 10_000, width=32), min_size=1)


@given(powers)
def test_a_power_lies_between_the_edges_of_its_bin(values):
    power_w = np.array(values, np.float32)
    bins = histogram.bins(power_w)

    assert (histogram.lower_edges_w(bins) <= power_w).all()
    assert (power_w < histogram.lower_edges_w(bins.astype(np.uint32) + 1)).all()


@given(powers)
def test_more_power_is_never_a_lower_bin(values):
    power_w = np.sort(np.array(values, np.float32))

    assert (np.diff(histogram.bins(power_w).astype(int)) >= 0).all()


def test_bins_are_at_most_one_point_six_percent_wide():
    edges = histogram.lower_edges_w(histogram.bins(np.array([50.0, 10_000.0], np.float32)))
    first, last = histogram.bins(edges)
    all_edges = histogram.lower_edges_w(np.arange(first, last))

    assert (np.diff(all_edges) / all_edges[:-1]).max() <= 1 / 64
