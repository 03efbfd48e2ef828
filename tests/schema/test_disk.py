import pytest

from schema.disk import free_bytes, is_full


@pytest.mark.parametrize(
    "text",
    [
        "OSError: [Errno 28] No space left on device: '/x'",
        "java.io.IOException: No space left on device",
        "Code: 243. DB::Exception: Could not perform insert: less than 256.00 MB free bytes (NOT_ENOUGH_SPACE)",
        "[Errno 122] Disk quota exceeded",
    ],
)
def test_a_full_disk_is_recognized_in_the_words_of_who_tells_of_it(text):
    assert is_full(text)
    assert not is_full("Code: 241. DB::Exception: (total) memory limit exceeded (MEMORY_LIMIT_EXCEEDED)")


def test_what_is_free_is_known_of_a_directory_that_is_not_there_yet(tmp_path):
    assert free_bytes(tmp_path / "a" / "b") > 0
