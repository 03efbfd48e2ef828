"""AMD GPUs as a command of AMD's shows them, run anew at each read: where the library is not at hand."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from producers.amd.smi import AmdSmiError, asics, cards
from producers.devices import one_line
from producers.readings import Chip, HostMeters
from producers.run import run
from producers.source import Batch, SourceError, Tick

_ASIC: Final = ("static", "--asic", "--json")
_METRIC: Final = ("metric", "--usage", "--power", "--temperature", "--energy", "--mem-usage", "--json")
"""Without --throttle, which waits for a tenth of a second for each GPU."""
_ROCM_SMI: Final = (
    "--showproductname", "--showuniqueid", "--showuse", "--showpower", "--showenergycounter", "--showtemp",
    "--showmeminfo", "vram", "--json",
)  # fmt: skip

Parsed = TypeVar("Parsed")


class CommandSource:
    """Runs `command`, which is amd-smi or rocm-smi or ends in one of them, and reads what it prints."""

    default_period_s = 10.0
    """The command takes about a second of CPU time; an energy counter loses nothing in between."""

    def __init__(self, command: Sequence[str], meters: HostMeters, *, timeout_s: float) -> None:
        self._command = command
        self._meters = meters
        self._timeout_s = timeout_s
        self._old = "rocm-smi" in command[-1]
        self._asics: dict[str, tuple[str | None, str]] | None = {} if self._old else None

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of all GPUs that it shows."""
        if self._asics is None:  # which GPU is which does not change while it runs
            self._asics = self._parsed(asics, _ASIC)
        known = self._asics
        found = self._parsed(lambda printed: cards(printed, known), _ROCM_SMI if self._old else _METRIC)
        if not found:
            raise SourceError(f"{self._name} reports no GPU")
        return self._meters.batches(
            tick,
            [(Chip(card.serial or f"{self._meters.host}/{card.index}", card.model), card.reading) for card in found],
        )

    def close(self) -> None:
        """Nothing is kept open."""

    @property
    def _name(self) -> str:
        return " ".join(self._command)

    def _parsed(self, parse: Callable[[str], Parsed], arguments: Sequence[str]) -> Parsed:
        done = run(self._name, [*self._command, *arguments], within_s=self._timeout_s)
        try:
            return parse(done.output)
        except AmdSmiError as error:
            said = " ".join(done.errors.split())[:200] or one_line(error)
            raise SourceError(f"{self._name} {arguments[0]}: {said} (exit status {done.status})") from error
