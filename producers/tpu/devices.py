"""Which TPU chips a machine carries: model and number from sysfs, and each chip's place among them.

PCI ids are those of tpu-info 0.14.2. Google's vendor id alone says nothing: its network card has it, too.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schema.files import read_bytes

VENDOR: Final = "0x1ae0"
MODELS: Final = {
    "0x005e": "tpu-v4",
    "0x0062": "tpu-v5p",
    "0x0063": "tpu-v5e",
    "0x006f": "tpu-v6e",
    "0x0076": "tpu-v7",
}
_MAX_FILE_BYTES: Final = 4096  # of a sysfs attribute, by the kernel
_CORES: Final = {"tpu-v7": 2}
_FAMILIES: Final = {
    r"v4": "tpu-v4",
    r"v5lite(pod)?|v5e": "tpu-v5e",
    r"v5p": "tpu-v5p",
    r"v6e": "tpu-v6e",
    r"(tpu)?v?7x?": "tpu-v7",
}


@dataclass(frozen=True)
class Tpus:
    """The TPU chips of a machine; the model is None when it carries several."""

    model: str | None
    chips: int


def find(root: Path) -> Tpus | None:
    """Return the TPU chips that sysfs below `root` shows, or None. The functions of one PCI device are one chip."""
    chips: dict[str, set[str]] = defaultdict(set)
    for device in (root / "sys/bus/pci/devices").glob("*"):
        if _text(device / "vendor") == VENDOR and (model := MODELS.get(_text(device / "device"))):
            chips[model].add(device.name.split(".")[0])
    if not chips:
        return None
    return Tpus(next(iter(chips)) if len(chips) == 1 else None, sum(map(len, chips.values())))


def model_of(accelerator_type: str) -> str | None:
    """Return the catalogue's name for what Cloud TPU calls a slice (`v5litepod-8` is `tpu-v5e`), or None."""
    family = accelerator_type.strip().lower().removeprefix("tpu-").split("-")[0]
    return next((model for pattern, model in _FAMILIES.items() if re.fullmatch(pattern, family)), None)


def cores_of(model: str) -> int:
    """Return how many devices one chip of that model is to its runtime."""
    return _CORES.get(model, 1)


def _text(path: Path) -> str:
    try:
        return read_bytes(path, _MAX_FILE_BYTES).decode("ascii", "replace").strip().lower()
    except OSError:
        return ""


Key = tuple[int, int]
"""Which of the addresses that are read reports a chip, and the number that it calls it by."""


class Seats:
    """Gives every chip its place on the machine, from 0 on, and the same again while workloads come and go.

    A runtime numbers chips within its slice, so one machine's may be 8, 9, 12, 13 today and 0 to 3 tomorrow; their
    order is the machine's. `chips_here` is how many chips it has, None when that is not known; `addresses` is how
    many runtimes may share them.
    """

    def __init__(self, chips_here: int | None, addresses: int) -> None:
        self._chips_here = chips_here
        self._addresses = addresses
        self._known: dict[Key, int] = {}

    def place(self, told: Sequence[Key]) -> dict[Key, int]:
        """Return each chip's place.

        More chips than the machine has are the same ones told by several, and have the same place.
        """
        keys = sorted(told)
        if self._chips_here is None or len(keys) > self._chips_here:
            first = {chip: (address, chip) for address, chip in reversed(keys)}
            places = self._place(sorted(first.values()))
            return {key: places[first[key[1]]] for key in keys}
        return self._place(keys)

    def _place(self, keys: Sequence[Key]) -> dict[Key, int]:
        if self._one_runtime_per_chip(keys):
            return {key: key[0] for key in keys}
        if self._numbered_by_place(keys):
            return {key: key[1] for key in keys}
        if not set(keys) <= set(self._known):
            self._known = {key: place for place, key in enumerate(keys)}
        return {key: self._known[key] for key in keys}

    def _one_runtime_per_chip(self, keys: Sequence[Key]) -> bool:
        alone = len({address for address, _ in keys}) == len(keys)
        return alone and self._addresses > 1 and self._addresses == self._chips_here

    def _numbered_by_place(self, keys: Sequence[Key]) -> bool:
        chips = {chip for _, chip in keys}
        return self._chips_here is not None and len(chips) == len(keys) and max(chips, default=0) < self._chips_here
