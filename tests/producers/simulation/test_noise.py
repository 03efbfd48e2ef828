"""Noise from tables."""

import numpy as np
import pytest

from producers.simulation.noise import Noise


def test_noise_has_its_distribution():
    """Normal noise has mean 0 and deviation 1, uniform noise fills 0..1, throttling is rare."""
    noise = Noise(0, longest=500_000)
    normal, uniform = noise.normal("a", 0, 500_000), noise.uniform("a", 0, 500_000, 8)
    throttle = noise.throttle("a", 0, 500_000)

    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1) < 0.01
    assert abs(uniform.mean() - 0.5) < 0.01
    assert 0 <= uniform.min() <= uniform.max() < 1
    assert 0 < np.count_nonzero(throttle) < 1000
    assert set(np.unique(throttle)) <= {0, 1, 2, 4, 8}


def test_a_key_names_a_draw():
    """The same key and seed give the same noise, another key or seed unrelated noise."""
    noise = Noise(1, longest=4096)
    first = noise.normal("a", 0, 4096)

    assert np.array_equal(first, Noise(1, longest=64).normal("a", 0, 64).tolist() + first[64:].tolist())
    for other in (noise.normal("b", 0, 4096), Noise(2, longest=4096).normal("a", 0, 4096)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


def test_a_chip_keeps_its_noise_however_it_is_batched():
    """Reading from index 100 on is reading from 0 on without the first 100, over the table's end too."""
    noise = Noise(3, longest=900_000)
    whole = noise.normal("a", 0, 900_000)

    for start in (100, 400_000, 890_000):
        assert np.array_equal(noise.normal("a", start, 1000), whole[start : start + 1000])


def test_noise_ends_somewhere():
    """More chips at once than the tables hold is a mistake of the caller."""
    with pytest.raises(ValueError, match="noise for 2000000 chips at once"):
        Noise(0, longest=2_000_000)


def test_chips_of_one_replica_share_a_draw():
    """Four together means four neighbours with one value, aligned to the first chip."""
    values = Noise(4, longest=4096).normal("a", 8, 400, 4).reshape(100, 4)

    assert np.all(values == values[:, :1])
    assert len(np.unique(values)) == 100
