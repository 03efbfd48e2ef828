"""Statements that needed much memory are known again, whatever their numbers, for a while."""

from local.clickhouse.needs import Needs


def test_a_statement_is_known_again_with_other_numbers():
    needs = Needs()
    needs.add(b"SELECT chip FROM chips WHERE time > toDateTime(1700000000)")

    assert b"SELECT chip FROM chips WHERE time > toDateTime(1700000030)" in needs
    assert b"SELECT host FROM chips WHERE time > toDateTime(1700000000)" not in needs


def test_it_is_tried_with_little_again_after_a_while():
    clock = [0.0]
    needs = Needs(for_s=600, now_s=lambda: clock[0])
    needs.add(b"SELECT 1")

    clock[0] = 599.0
    assert b"SELECT 2" in needs
    clock[0] = 600.0
    assert b"SELECT 2" not in needs


def test_only_the_newest_are_known():
    needs = Needs(most=2)
    for letter in b"abc":
        needs.add(bytes([letter]))

    assert [text in needs for text in (b"a", b"b", b"c")] == [False, True, True]
