"""The Neuron driver's files: which devices a machine has, and their power, a minute at a time.

`neuron<N>/stats/power/utilization` is one line, `STATUS,EPOCH,MIN,MAX,AVG`, the last three in percent of "max power
with background power backed out" (neuron_power.c of aws-neuron-driver 2.24.7, where the rest is read, too). Every
50 ms the driver takes what the firmware has new, the largest of a device's dies. The first time that it does so in a
new minute of the wall clock it closes a window: EPOCH is that moment, so the window ends there, and it began at the
EPOCH of the line before. A window of fewer than 60 readings is closed all the same, as NO_DATA. EPOCH is 0 until the
driver has closed the first. In between the line stands still.

Driver 2.31 moved files, to places that AWS has not published. Where one is not at its place, it is looked for below its
device: power by the form of its line, the rest by name. That is done once, and again when the driver was loaded anew.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from producers.neuron.search import files_below, holding, nearest

DIRECTORY: Final = Path("/sys/devices/virtual/neuron_device")
DEVICE: Final = "{device}"
POWER_FILE: Final = f"neuron{DEVICE}/stats/power/utilization"
"""Where the driver had it when it came, in 2.21.37."""
SERIAL_NUMBER: Final = "info/serial_number"
MODEL_FILES: Final = ("info/architecture/device_name", "info/architecture/instance_type")

_MAX_FILE_BYTES: Final = 4096  # of a sysfs attribute, by the kernel
_MAX_SHOWN: Final = 80
_PERCENT: Final = r"(\d{1,3}\.\d{1,4})"
_PREFIX: Final = "POWER_STATUS_"
_LINE: Final = re.compile(rf"(?:{_PREFIX})?([A-Z_]+),(\d{{1,11}}),{_PERCENT},{_PERCENT},{_PERCENT}", re.ASCII)
_STATUSES: Final = ("VALID", "NO_DATA", "INVALID", "MAX")
_NAME: Final = re.compile(r"(trainium|trn|inferentia|inf)(\d*)", re.ASCII)
_FAMILIES: Final = {"trn": "trn", "trainium": "trn", "inf": "inf", "inferentia": "inf"}


class NeuronPowerError(ValueError):
    """A power file that cannot be read, or holds something else; the message names it."""


@dataclass(frozen=True)
class Window:
    """What the driver made of the time until `end_ms`, in epoch milliseconds; 0 before it has closed a window.

    `low`, `high` and `mean` are shares 0 to 1 of the chip's range, and mean nothing unless `valid`.
    """

    end_ms: int
    valid: bool
    low: float
    high: float
    mean: float


def parse_power(text: str) -> Window:
    """Return what a power file says. Raises `NeuronPowerError`."""
    found = _LINE.fullmatch(text.strip())
    if found is None or found[1] not in _STATUSES:
        raise NeuronPowerError(f"no power line: {text[:_MAX_SHOWN]!r}")
    low, high, mean = (float(percent) / 100 for percent in found.groups()[2:])
    valid = found[1] == "VALID"
    if valid and not (int(found[2]) and low <= mean <= high <= 1):
        raise NeuronPowerError(f"an impossible power line: {text[:_MAX_SHOWN]!r}")
    return Window(int(found[2]) * 1000, valid, low, high, mean)


def model_of(*names: str | None) -> str | None:
    """Return the catalogue's name of a chip from the first of AWS' names that is one.

    Device types (`Trainium2`, `inferentia2`) and instance types (`trn1.32xlarge`, `Inf2`) are.
    """
    for name in names:
        if found := _NAME.match((name or "").lower()):
            return _FAMILIES[found[1]] + (found[2] or "1")
    return None


def is_power(path: str, text: str) -> bool:
    """Whether a file is a device's power: its line has the form, and the line or the path says that it is of power."""
    try:
        parse_power(text)
    except NeuronPowerError:
        return False
    return text.startswith(_PREFIX) or "power" in path.lower()


@dataclass
class _Moved:
    """What was found below a device, by what was looked for. `inode` is its directory's, another for another driver."""

    inode: int
    found: dict[str, list[str]] = field(default_factory=dict)


class Sysfs:
    """The driver's directory; `power_file` is the power file's path in it, with `{device}` for the number.

    A power file that is not at the usual path is looked for; one that the operator named is not.
    """

    def __init__(self, directory: Path, power_file: str = POWER_FILE) -> None:
        self.directory = directory
        self.power_read_at: dict[int, str] = {}
        """Where below each device its power was found, where that is not the usual place."""
        self._power_file = power_file
        self._moved: dict[int, _Moved] = {}

    def devices(self) -> list[int]:
        """Return the numbers of the devices, none where there is no driver. Raises `OSError` when it may not look."""
        try:
            names = os.listdir(self.directory)  # noqa: PTH208  three times as quick, once a second
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (re.fullmatch(r"neuron(\d{1,4})", name, re.ASCII) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def shows(self, device: int) -> bool:
        """Whether the driver shows that device."""
        return self._of(device).is_dir()

    def power_path(self, device: int) -> Path:
        """Return where that device's power should stand."""
        return self.directory / self._power_file.replace(DEVICE, str(device))

    def power(self, device: int) -> Window | None:
        """Return the window that the driver closed last; None where there is no power file, or it cannot be told which.

        Raises `NeuronPowerError` when there is one that cannot be read or understood.
        """
        self.power_read_at.pop(device, None)
        window = _window(self.power_path(device))
        if window is not None or self._power_file != POWER_FILE:
            return window
        moved = self.like_power(device)
        if len(moved) != 1:
            return None
        window = _window(self._of(device) / moved[0])
        if window is None:  # gone from there, too: it is looked for again
            self._moved.pop(device, None)
        else:
            self.power_read_at[device] = moved[0]
        return window

    def like_power(self, device: int) -> list[str]:
        """Return the files below a device that look like its power, the nearest; several cannot be told apart."""

        def search(directory: Path, files: list[str]) -> list[str]:
            named = [path for path in files if "power" in path.lower()]
            others = [path for path in files if "power" not in path.lower()]
            found = holding(directory, named, is_power) or holding(directory, others, is_power)
            return nearest(found, Path(POWER_FILE).name)

        return self._found(device, "power", search)

    def serial(self, device: int) -> str | None:
        """Return the device's serial number; None where there is none: the driver leaves it empty then."""
        serial = self._info(device, SERIAL_NUMBER)
        return serial if serial and serial.strip("0") else None

    def model(self, device: int) -> str | None:
        """Return the device's model, as in the chip catalogue."""
        return model_of(*(self._info(device, name) for name in MODEL_FILES))

    def _of(self, device: int) -> Path:
        return self.directory / f"neuron{device}"

    def _info(self, device: int, name: str) -> str | None:
        def search(_directory: Path, files: list[str]) -> list[str]:
            return nearest([path for path in files if Path(path).name == Path(name).name], Path(name).name)

        try:
            try:
                text = _text(self._of(device) / name).strip()
            except FileNotFoundError:
                moved = self._found(device, name, search)
                if len(moved) != 1:
                    return None
                text = _text(self._of(device) / moved[0]).strip()
        except OSError:
            return None
        return text if text.isascii() and text.isprintable() else None

    def _found(self, device: int, what: str, search: Callable[[Path, list[str]], list[str]]) -> list[str]:
        """Return what a search among the device's files found; it is done once for each directory of the driver's."""
        directory = self._of(device)
        try:
            inode = directory.stat().st_ino
        except OSError:
            return []
        moved = self._moved.get(device)
        if moved is None or moved.inode != inode:
            moved = self._moved[device] = _Moved(inode)
        if what not in moved.found:
            moved.found[what] = search(directory, files_below(directory))
        return moved.found[what]


def _window(path: Path) -> Window | None:
    try:
        return parse_power(_text(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NeuronPowerError(f"{path} cannot be read: {error.strerror}") from error
    except NeuronPowerError as error:
        raise NeuronPowerError(f"{path} holds {error}") from error


def _text(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return (file.read(_MAX_FILE_BYTES) or b"").decode("ascii", "replace")
