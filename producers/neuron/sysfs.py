"""The Neuron driver's files: which devices a machine has, and their power, a minute at a time.

`neuron<N>/stats/power/utilization` is one line, `STATUS,EPOCH,MIN,MAX,AVG`, the last three in percent of "max power
with background power backed out" (neuron_power.c of aws-neuron-driver 2.24.7, where the rest is read, too). Every
50 ms the driver takes what the firmware has new, the largest of a device's dies. The first time that it does so in a
new minute of the wall clock it closes a window: EPOCH is that moment, so the window ends there, and it began at the
EPOCH of the line before. A window of fewer than 60 readings is closed all the same, as NO_DATA. EPOCH is 0 until the
driver has closed the first. In between the line stands still.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIRECTORY: Final = Path("/sys/devices/virtual/neuron_device")
DEVICE: Final = "{device}"
POWER_FILE: Final = f"neuron{DEVICE}/stats/power/utilization"
"""Where the driver had it when it came, in 2.21.37. 2.31 moved files to places that we have not seen."""

_MAX_FILE_BYTES: Final = 4096  # of a sysfs attribute, by the kernel
_MAX_SHOWN: Final = 80
_PERCENT: Final = r"(\d{1,3}\.\d{1,4})"
_LINE: Final = re.compile(rf"POWER_STATUS_([A-Z_]+),(\d{{1,11}}),{_PERCENT},{_PERCENT},{_PERCENT}", re.ASCII)
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


class Sysfs:
    """The driver's directory; `power_file` is the power file's path in it, with `{device}` for the number."""

    def __init__(self, directory: Path, power_file: str = POWER_FILE) -> None:
        self.directory = directory
        self._power_file = power_file

    def devices(self) -> list[int]:
        """Return the numbers of the devices, none where there is no driver. Raises `OSError` when it may not look."""
        try:
            names = os.listdir(self.directory)  # noqa: PTH208  three times as quick, once a second
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (re.fullmatch(r"neuron(\d{1,4})", name, re.ASCII) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def power_path(self, device: int) -> Path:
        """Return where that device's power stands."""
        return self.directory / self._power_file.replace(DEVICE, str(device))

    def power(self, device: int) -> Window | None:
        """Return the window that the driver closed last; None where there is no power file.

        Raises `NeuronPowerError` when there is one that cannot be read or understood.
        """
        path = self.power_path(device)
        try:
            return parse_power(_text(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise NeuronPowerError(f"{path} cannot be read: {error.strerror}") from error
        except NeuronPowerError as error:
            raise NeuronPowerError(f"{path} holds {error}") from error

    def serial(self, device: int) -> str | None:
        """Return the device's serial number; None where there is none: the driver leaves it empty then."""
        serial = self._info(device, "serial_number")
        return serial if serial and serial.strip("0") else None

    def model(self, device: int) -> str | None:
        """Return the device's model, as in the chip catalogue."""
        return model_of(*(self._info(device, f"architecture/{name}") for name in ("device_name", "instance_type")))

    def _info(self, device: int, name: str) -> str | None:
        try:
            text = _text(self.directory / f"neuron{device}/info/{name}").strip()
        except OSError:
            return None
        return text if text.isascii() and text.isprintable() else None


def _text(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return (file.read(_MAX_FILE_BYTES) or b"").decode("ascii", "replace")
