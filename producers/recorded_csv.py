"""Recordings as CSV, in blocks: samples with the contract's columns, or what nvidia-smi recorded."""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.csv as pc
import structlog

from producers.nvidia_smi import Layout, NotReadableError, Row, Told, layout, row_of
from producers.recorded_gpus import Recorded
from schema.errors import GigawattError
from schema.printable import printable
from schema.samples import LABELS, MEASURES

LINE_BYTES: Final = 2**20
"""A longer line is no sample's."""
_BLOCK_BYTES: Final = 8 * 2**20
_ERROR: Final = re.compile(r"(?:CSV column #(\d+): |CSV parse error: )(?:Row #(\d+): )?(.*)")
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what PowerShell writes
_DECIMAL_COMMA: Final = re.compile(r"(?:^|[;\t])-?\d+,\d+(?:$|[;\t])")
_SHOWN: Final = 60


class RecordingError(GigawattError):
    """A recording cannot be read; the message names the file, and the row and field where there is one."""


def blocks(path: Path, file: IO[bytes], rows: int, told: Told) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file, nvidia-smi's in blocks of so many. Raises `RecordingError` where it is none."""
    start = file.read(2)
    file.seek(0)
    text = io.TextIOWrapper(file, "utf-16" if start in _UTF_16 else "utf-8-sig", errors="replace", newline=None)
    try:
        first = text.readline(LINE_BYTES).rstrip("\n")
        second = text.readline(LINE_BYTES).rstrip("\n")
        text.seek(0)
        try:
            how = layout(first, told)
        except NotReadableError as error:
            raise RecordingError(f"{path} {error}") from error
        if how is not None:
            yield from _nvidia_smi(path, text, how, told, rows)
            return
    finally:
        text.detach()
    file.seek(0)
    yield from _samples(path, file, first, second)


def _nvidia_smi(path: Path, text: IO[str], how: Layout, told: Told, rows: int) -> Iterator[pa.RecordBatch]:
    """Read rows one by one: those that cannot be read, such as a torn one, are left out and reported in one line.

    One that cannot be read before any could be is what the file is not.
    """
    recorded, read, host = Recorded(told), _Rows(path, how, told), told.host or path.stem
    waiting: list[Row] = []
    for number, line in enumerate(iter(lambda: text.readline(LINE_BYTES), ""), 1):
        row = read.row(number, line, host)
        if row is not None:
            waiting.append(row)
        if len(waiting) == rows:
            yield recorded.batch(waiting)
            waiting = []
    if waiting:
        yield recorded.batch(waiting)
    if not read.rows:
        raise RecordingError(f"{path} has no rows")
    if read.left_out or recorded.copies:
        structlog.get_logger().warning(
            "rows are left out", file=str(path), unreadable=read.left_out, first=read.why, copies=recorded.copies
        )


class _Rows:
    """Reads lines of one file, and counts those that it leaves out."""

    def __init__(self, path: Path, how: Layout, told: Told) -> None:
        self._path, self._how, self._told = path, how, told
        self.rows = 0
        self.left_out = 0
        self.why = ""

    def row(self, number: int, line: str, host: str) -> Row | None:
        """Return what a line says; None for an empty one, a header, which each appended run has, and a broken one."""
        line = line.strip()
        if not line or line == self._how.header:
            return None
        try:
            row = row_of(line, self._how, self._told, host)
        except NotReadableError as error:
            if not self.rows:
                raise RecordingError(f"{self._path}: row {number}: {error}") from error
            self.left_out += 1
            self.why = self.why or f"row {number}: {error}"
            return None
        self.rows += 1
        return row


def _samples(path: Path, file: IO[bytes], first: str, second: str) -> Iterator[pa.RecordBatch]:
    separator = next((one for one in (";", "\t") if one in first), ",")
    names = [name.strip().strip('"') for name in first.split(separator)]
    if "ts" not in names:
        raise RecordingError(_neither(path, first, names))
    sample = second.split(separator)
    position = names.index("ts")
    whole = len(sample) > position and sample[position].strip().lstrip("-").isdigit()
    types = {
        **dict.fromkeys(LABELS, pa.utf8()),
        **dict.fromkeys(MEASURES, pa.float64()),
        "interval_ms": pa.int64(),
        "ts": pa.int64() if whole else pa.timestamp("ms", "UTC"),
    }
    comma = separator != "," and _DECIMAL_COMMA.search(second) is not None
    first_row = 2  # the header is row 1
    try:
        reader = pc.open_csv(
            file,
            pc.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            pc.ParseOptions(delimiter=separator),
            pc.ConvertOptions(column_types=types, strings_can_be_null=True, decimal_point="," if comma else "."),
        )
        for block in reader:
            yield block
            first_row += block.num_rows
    except pa.ArrowInvalid as error:
        raise RecordingError(_place(path, names, first_row, line_of(error))) from error


def _neither(path: Path, first: str, names: list[str]) -> str:
    if set(names) & {*LABELS, *MEASURES, "interval_ms"}:
        return f"{path} has no column ts, which every sample needs"
    return (
        f"{path} is not a recording (Arrow, Parquet, newline-delimited JSON or CSV) of samples or of "
        f"nvidia-smi --query-gpu; it begins with {printable(first, _SHOWN)!r}"
    )


def _place(path: Path, names: list[str], first_row: int, message: str) -> str:
    found = _ERROR.search(message)
    if not found:
        return f"{path}: after row {first_row - 1}: {message}"
    column, row, what = found[1], found[2], found[3]
    field = f", field {names[int(column)]}" if column and int(column) < len(names) else ""
    return f"{path}: row {row or f'{first_row} or later'}{field}: {what}"


def line_of(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
