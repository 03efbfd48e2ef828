from hypothesis import given
from hypothesis import strategies as st

from producers.spool.record import HEADER_BYTES, Damage, Found, Record, header, identity_of, pack, scan

IDENTITY = bytes(range(8))
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
VALUES = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda part, times: part * times, st.binary(max_size=20), U32.map(lambda n: n % 50)),
)
RECORDS = st.lists(st.builds(Record, U64, U64, U32, st.binary(max_size=40), VALUES), max_size=6)


def file_of(records):
    """Return a file's bytes, and where each record ends in it."""
    data, ends = header(IDENTITY), [HEADER_BYTES]
    for record in records:
        data += pack(record)
        ends.append(len(data))
    return data, ends


def read(data):
    found = [item.record for item in scan(data) if isinstance(item, Found)]
    return [(one.number, one.time_ms, one.samples, one.key, one.value()) for one in found]


def plain(records):
    return [(one.number, one.time_ms, one.samples, one.key, one.body) for one in records]


@given(RECORDS)
def test_what_was_written_is_read(records):
    data, _ = file_of(records)

    assert identity_of(data) == IDENTITY
    assert read(data) == plain(records)
    assert not [item for item in scan(data) if isinstance(item, Damage)]


@given(RECORDS, st.data())
def test_a_file_cut_off_anywhere_gives_a_prefix_of_whole_records(records, data):
    """As a kill in the middle of writing, or a power cut, leaves it; the rest is known to be damaged."""
    whole, ends = file_of(records)
    cut = data.draw(st.integers(HEADER_BYTES, len(whole)))
    left = sum(end <= cut for end in ends[1:])

    assert read(whole[:cut]) == plain(records[:left])
    assert [item for item in scan(whole[:cut]) if isinstance(item, Damage)] == (
        [] if cut == ends[left] else [Damage(ends[left], cut)]
    )


@given(RECORDS.filter(bool), st.data())
def test_flipped_bytes_are_found_and_cost_their_record_alone(records, data):
    """Wherever they are: none is read wrongly, and all others are."""
    whole, ends = file_of(records)
    at = data.draw(st.integers(HEADER_BYTES, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    hit = sum(end <= at for end in ends[1:])

    assert read(bytes(flipped)) == plain(records[:hit] + records[hit + 1 :])


@given(RECORDS, st.binary(max_size=100))
def test_garbage_between_records_is_passed_over(records, garbage):
    data = header(IDENTITY) + b"".join(garbage + pack(record) for record in records)

    assert read(data) == plain(records)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data):
    list(scan(data, 0))
    identity_of(data)
