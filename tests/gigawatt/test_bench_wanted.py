"""The flags of a bench become loads: sizes by the shape of messages, unless they are given."""

import click
import pytest

from bench.load import HOST, POD
from gigawatt.bench_wanted import ONE_SIZE, Wanted


def wanted(chips: str | None = None, batch: int = HOST, workers: str = "1", seconds: float | None = None) -> Wanted:
    return Wanted(chips, batch, seconds, 12.0, workers, 1, 1, None)


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [
        (wanted(), [1_000, 10_000, 50_000]),
        (wanted(batch=16), [1_000, 10_000, 50_000]),
        (wanted(batch=POD), [1_000, 10_000, 100_000, 1_000_000]),
        (wanted("5_000"), [5_000]),
        (wanted("10,20", batch=POD), [10, 20]),
    ],
)
def test_sizes_are_those_of_the_shape_unless_given(asked, sizes):
    assert [load.chips for load in asked.loads()] == sizes
    assert {load.batch for load in asked.loads()} == {asked.batch}


def test_every_size_is_run_with_every_number_of_workers():
    loads = wanted("100,200", workers="1,2,4").loads()

    assert [(load.chips, load.workers) for load in loads] == [
        (chips, workers) for chips in (100, 200) for workers in (1, 2, 4)
    ]


def test_one_run_has_a_size_of_its_own():
    assert wanted().load("--peers").chips == ONE_SIZE
    assert wanted("500", seconds=3.0).load("--peers").seconds == 3.0
    assert wanted().largest() == 1_000_000
    with pytest.raises(click.UsageError, match="--soak measures a single run"):
        wanted(workers="1,2").load("--soak")
