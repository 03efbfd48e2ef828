"""Files are read within a bound."""

from pathlib import Path

import pytest

from producers.tpu.devices import find
from schema import fleet
from schema.files import read_bytes, read_text


def test_a_file_is_read_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a\r\n\xc3\xa9")

    assert read_text(path) == "a\né"
    assert read_bytes(path, 5) == b"a\r\n\xc3\xa9"
    with pytest.raises(OSError, match="File too large"):
        read_bytes(path, 4)


def test_a_file_without_end_is_an_error():
    """Some of the kernel's have none."""
    with pytest.raises(OSError, match="File too large"):
        read_bytes(Path("/dev/zero"))
    with pytest.raises(fleet.FleetFileError, match=r"cannot read the fleet file /dev/zero: File too large"):
        fleet.load(Path("/dev/zero"))


def test_a_driver_s_file_without_end_is_no_chip(tmp_path):
    """It is passed over, and the machine's other devices are found."""
    device = tmp_path / "sys/bus/pci/devices/0000:00:04.0"
    device.mkdir(parents=True)
    (device / "vendor").symlink_to("/dev/zero")

    assert find(tmp_path) is None
