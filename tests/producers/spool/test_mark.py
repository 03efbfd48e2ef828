import pytest

from producers.spool.mark import Mark, MarkFile, boot_id

FIRST = Mark("00" * 8, low=1, handed=2, log_id="a", partitions=[12], places={3: 40}, ahead_ms=-5, boot="b")
SECOND = Mark("00" * 8, low=7, handed=9, dropped={"spool_full": 8}, gone=[4])


@pytest.fixture
def path(tmp_path):
    file = MarkFile(tmp_path / "mark")
    file.write(FIRST)
    file.write(SECOND)
    file.close()
    return tmp_path / "mark"


def test_the_newest_mark_is_read(path):
    assert MarkFile(path).load() == SECOND


def test_marks_go_on_from_the_one_that_was_read(path):
    file = MarkFile(path)
    file.load()
    file.write(FIRST)
    file.close()

    assert MarkFile(path).load() == FIRST


def test_a_mark_that_was_written_in_part_leaves_the_one_before(path):
    """Whatever byte of it is wrong."""
    whole = path.read_bytes()
    for at in range(100):  # the second lies first
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])

        assert MarkFile(path).load() == FIRST


@pytest.mark.parametrize("data", [b"", b"\0" * 2**16, b"\xff" * 2**16, b"short"])
def test_what_is_no_mark_is_none(tmp_path, data):
    (tmp_path / "mark").write_bytes(data)

    assert MarkFile(tmp_path / "mark").load() is None


def test_there_is_no_mark_before_the_first(tmp_path):
    assert MarkFile(tmp_path / "mark").load() is None


def test_places_that_do_not_fit_are_left_out(tmp_path):
    """What arrived is then looked for by time; the file keeps its size."""
    file = MarkFile(tmp_path / "mark")
    file.write(Mark("00" * 8, low=5, places=dict.fromkeys(range(9_000), 2**40)))
    file.close()

    assert MarkFile(tmp_path / "mark").load() == Mark("00" * 8, low=5)


def test_what_tells_starts_of_the_machine_apart(tmp_path):
    (tmp_path / "boot_id").write_text("an-id\n")

    assert boot_id(tmp_path / "boot_id") == "an-id"
    assert boot_id(tmp_path / "none") == ""
