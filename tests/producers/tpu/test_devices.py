"""Which TPU chips a machine carries, and where each has its place."""

import pytest
from tpu_info import device

from producers.tpu.devices import MODELS, VENDOR, Seats, Tpus, cores_of, find, model_of
from schema import chips


def pci(root, address, *, vendor=VENDOR, device="0x0063"):
    """Write what sysfs shows of a PCI function."""
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "device").write_text(f"{device}\n")


@pytest.mark.parametrize(("number", "model"), MODELS.items())
def test_models_are_those_that_tpu_info_knows(number, model):
    """By PCI id, number of devices and, nominally, memory."""
    theirs = device.TpuChip.from_pci_device_id(number, "").value

    assert model.removeprefix("tpu-v").startswith(theirs.name.removeprefix("v").removesuffix("x"))
    assert cores_of(model) == theirs.devices_per_chip
    assert chips.chip(model).memory_bytes == theirs.hbm_gib * 2**30
    assert device.GOOGLE_PCI_VENDOR_ID == VENDOR


def test_chips_are_counted_in_sysfs(tmp_path):
    """Google's network card is none."""
    for number in range(4):
        pci(tmp_path, f"0000:00:0{number}.0")
    pci(tmp_path, "0000:00:09.0", device="0x0042")
    pci(tmp_path, "0000:00:0a.0", vendor="0x8086")
    (tmp_path / "sys/bus/pci/devices/0000:00:0b.0").mkdir()

    assert find(tmp_path) == Tpus("tpu-v5e", 4)


def test_the_cores_of_a_chip_are_one_chip(tmp_path):
    """TPU v7 shows each core as a function of the chip's PCI device."""
    for number in range(4):
        for core in range(2):
            pci(tmp_path, f"0000:0{number}:00.{core}", device="0x0076")

    assert find(tmp_path) == Tpus("tpu-v7", 4)


def test_a_machine_without_tpus_has_none(tmp_path):
    """With sysfs or without."""
    assert find(tmp_path) is None
    pci(tmp_path, "0000:00:09.0", device="0x0042")
    assert find(tmp_path) is None


def test_two_models_in_one_machine_are_no_model(tmp_path):
    """The operator has to say which is read."""
    pci(tmp_path, "0000:00:01.0", device="0x0063")
    pci(tmp_path, "0000:00:02.0", device="0x0062")

    assert find(tmp_path) == Tpus(None, 2)


@pytest.mark.parametrize(
    ("accelerator_type", "model"),
    [
        ("v4-8", "tpu-v4"),
        ("v5litepod-8", "tpu-v5e"),
        ("V5LITEPOD-256", "tpu-v5e"),
        ("v5p-128", "tpu-v5p"),
        ("v6e-8", "tpu-v6e"),
        ("tpu7x-8", "tpu-v7"),
        ("tpu-7x", "tpu-v7"),
        ("v3-8", None),
        ("v4i-8", None),
        ("", None),
    ],
)
def test_an_accelerator_type_names_a_model(accelerator_type, model):
    """As Cloud TPU spells it."""
    assert model_of(accelerator_type) == model


class TestSeats:
    """A chip's place is its name's end: it must not wander."""

    def test_one_workload_on_the_whole_machine(self):
        """Numbered as the machine is."""
        assert Seats(4, 1).place([(0, 3), (0, 1), (0, 0), (0, 2)]) == {(0, n): n for n in range(4)}

    def test_a_slice_numbers_chips_otherwise(self):
        """One machine's chips have numbers from all over the slice, in the machine's order."""
        numbers = [8, 9, 12, 13]

        assert Seats(4, 1).place([(0, n) for n in numbers]) == {(0, n): place for place, n in enumerate(numbers)}

    def test_a_workload_on_a_part_of_the_machine(self):
        """Chip 5 alone is the sixth, not the first."""
        assert Seats(8, 1).place([(0, 5)]) == {(0, 5): 5}

    def test_a_chip_that_goes_leaves_its_place_empty(self):
        """And the others where they are, until another workload comes."""
        seats = Seats(4, 1)
        seats.place([(0, n) for n in (8, 9, 12, 13)])

        assert seats.place([(0, 9), (0, 13)]) == {(0, 9): 1, (0, 13): 3}
        assert seats.place([(0, n) for n in (2, 3, 6, 7)]) == {(0, n): place for place, n in enumerate((2, 3, 6, 7))}

    def test_a_process_for_each_chip(self):
        """Each calls its chip 0 and has a port of its own: the port's place is the chip's."""
        seats = Seats(4, 4)

        assert seats.place([(0, 0), (2, 0)]) == {(0, 0): 0, (2, 0): 2}
        assert seats.place([(3, 0)]) == {(3, 0): 3}

    def test_two_processes_with_two_chips_each(self):
        """The first has the first two."""
        assert Seats(4, 2).place([(1, 0), (1, 1), (0, 0), (0, 1)]) == {(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): 3}

    def test_more_chips_than_the_machine_has_are_told_twice(self):
        """They are the same ones, or the machine would draw twice its power."""
        told = [(address, chip) for address in range(4) for chip in range(4)]

        assert Seats(4, 4).place(told) == {(address, chip): chip for address, chip in told}

    def test_where_the_machine_is_not_known_a_number_is_one_chip(self):
        """Too few chips show as missing, too many would not show at all."""
        assert Seats(None, 2).place([(0, 0), (1, 0), (1, 1)]) == {(0, 0): 0, (1, 0): 0, (1, 1): 1}

    def test_nothing_told_has_no_place(self):
        """No chips, no places."""
        assert Seats(4, 1).place([]) == {}
