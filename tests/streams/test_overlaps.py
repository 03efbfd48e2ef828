"""Samples that cover a time of which their chip was reported already, found message by message."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.overlaps import TOLD_EVERY_MS, Overlaps, Track


@dataclasses.dataclass
class Worker:
    """Follows rosters by name; a message is a name, the ends of its samples in seconds, and the interval."""

    overlaps: Overlaps = dataclasses.field(default_factory=Overlaps)
    tracks: dict[str, Track] = dataclasses.field(default_factory=dict)
    rosters: dict[str, list[int]] = dataclasses.field(default_factory=dict)

    def meets(self, **rosters: list[int]) -> None:
        self.rosters |= rosters
        made = self.overlaps.track([np.array(series, np.uint64) for series in rosters.values()])
        self.tracks |= dict(zip(rosters, made, strict=True))

    def commit(self, *messages: tuple[str, list[float] | float, float]) -> list[tuple[int, int]]:
        """Return message and series of what is found."""
        message, place, ts, interval = [], [], [], []
        for number, (name, ends, length) in enumerate(messages):
            n = len(self.rosters[name])
            message += [number] * n
            place += range(n)
            ts += [ends] * n if isinstance(ends, float | int) else ends
            interval += [length] * n
        found = self.overlaps.find(
            {number: self.tracks[name] for number, (name, *_) in enumerate(messages)},
            np.array(message, np.int64),
            np.array(place, np.int64),
            (np.array(ts) * 1000).astype(np.int64),
            (np.array(interval) * 1000).astype(np.int64),
        )
        return [(message[row], self.rosters[messages[message[row]][0]][place[row]]) for row in found.tolist()]


@pytest.fixture
def worker() -> Worker:
    worker = Worker()
    worker.meets(a=[1, 2], b=[3, 4])
    return worker


def test_seconds_that_follow_each_other_are_passed_message_by_message(worker):
    assert worker.commit(("a", 1, 1), ("b", 1, 1), ("a", 2, 1)) == []
    assert worker.commit(("a", 3, 1), ("b", 2, 1)) == []
    assert (worker.tracks["a"].until_ms, worker.tracks["b"].until_ms) == (3000, 2000)


def test_a_second_that_comes_again_is_found_in_a_commit_and_from_one_to_the_next(worker):
    assert worker.commit(("a", 1, 1), ("b", 1, 1), ("a", 1, 1)) == [(2, 1), (2, 2)]
    assert worker.commit(("b", 1, 1)) == [(0, 3), (0, 4)]


def test_what_overlaps_by_less_than_a_quarter_is_passed(worker):
    assert worker.commit(("a", 1, 1), ("a", 1.8, 1), ("a", 2.55, 1)) == []
    assert worker.commit(("a", 3.2, 1)) == [(0, 1), (0, 2)]


def test_a_quarter_is_not_too_much_for_a_chip_of_two_rosters_either(worker):
    worker.meets(c=[2])

    assert worker.commit(("a", 1, 1), ("c", 1.75, 1)) == []
    assert worker.commit(("c", 2.499, 1)) == [(0, 2)]


def test_a_chip_is_told_again_after_a_while(worker):
    every = TOLD_EVERY_MS // 1000
    found = [worker.commit(("a", at, 1), ("a", at, 1)) for at in range(1, every + 2)]

    assert [index for index, one in enumerate(found) if one] == [0, every]


def test_a_chip_that_another_roster_names_too_is_found_alone(worker):
    """Whether it comes before or after; the others of the roster are well."""
    worker.commit(("a", 1, 1))
    worker.meets(c=[2])

    assert worker.commit(("c", 1, 1)) == [(0, 2)]
    assert worker.commit(("a", 2, 1), ("c", 3, 1), ("a", 4, 1)) == []
    worker.meets(d=[9, 1, 2, 3])
    assert worker.commit(("d", 4, 1)) == [(0, 1)]


def test_chips_that_end_one_after_the_other_do_not_overlap(worker):
    """Devices of a host that tell means of a minute, each at another second: looked at chip by chip from then on."""
    for minute in range(1, 5):
        found = worker.commit(("a", [60.0 * minute, 60.0 * minute + 30], 60))
        assert found == [] or minute == 2  # when nothing more than the latest end was known of them

    assert worker.commit(("a", [300.0, 290.0], 60)) == [(0, 2)]


def test_several_reads_in_a_message(worker):
    worker.meets(reads=[5, 6, 5, 6], mixed=[7, 7, 8, 8])

    assert worker.tracks["reads"].block == 2
    assert worker.commit(("reads", [1.0, 1.0, 2.0, 2.0], 1), ("mixed", [1.0, 2.0, 1.0, 2.0], 1)) == []
    assert worker.tracks["reads"].until_ms == 2000
    assert worker.commit(("reads", [3.0, 3.0, 3.0, 4.0], 1)) == [(0, 5)]
    assert worker.commit(("mixed", [3.0, 3.0, 3.0, 4.0], 1)) == [(0, 7)]


def test_of_late_samples_too_much_is_found_and_nothing_is_missed(worker):
    """They may overlap or fill a hole; the view tells that."""
    worker.commit(("a", 10, 1))

    assert worker.commit(("a", 5, 1)) == [(0, 1), (0, 2)]
    assert worker.commit(("a", 11, 1)) == []
    assert worker.tracks["a"].until_ms == 11_000


def test_a_message_of_which_rows_were_refused(worker):
    """One of two chips is left."""
    rows = np.array([0]), np.array([1]), np.array([1000]), np.array([1000])

    assert worker.overlaps.find({0: worker.tracks["a"]}, *rows).tolist() == []
    assert worker.overlaps.find({0: worker.tracks["a"]}, *rows).tolist() == [0]


def test_it_is_full_when_it_has_met_more_chips_than_it_may():
    worker = Worker(Overlaps(most=3))
    worker.meets(a=[1, 2, 3])
    assert not worker.overlaps.full
    worker.meets(b=[4])
    assert worker.overlaps.full


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 8), st.booleans()), max_size=20))
def test_no_message_that_covers_a_time_again_is_missed(messages):
    """Whatever the order, the commits and the rosters that share chips: by what each chip was reported before."""
    worker = Worker()
    rosters = {"a": [1, 2], "b": [2, 3], "c": [4]}
    worker.meets(**rosters)
    reported: dict[int, set[int]] = {}
    told: dict[int, float] = {}
    commits: list[list[tuple[str, int, float]]] = [[]]
    for name, second, cut in messages:
        commits[-1].append((name, second, 1))
        if cut:
            commits.append([])
    for commit in filter(None, commits):
        found = {series for _, series in worker.commit(*commit)}
        for name, second, _ in commit:
            for series in rosters[name]:
                if second in reported.setdefault(series, set()) and series not in told:
                    assert series in found
                    told[series] = second
                reported[series].add(second)
        told |= dict.fromkeys(found, 0)
