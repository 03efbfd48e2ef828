"""What is wrong with something that is checked in, where, and what to do about it."""

from dataclasses import dataclass
from typing import NamedTuple


class Complaint(NamedTuple):
    """One defect, in words for whoever mends it."""

    wrong: str
    remedy: str


@dataclass(frozen=True)
class Problem:
    """One defect of `what` in a file; `case` is how it was looked at, empty where that does not matter."""

    file: str
    what: str
    complaint: Complaint
    case: str = ""

    def __str__(self) -> str:
        looked = f" ({self.case})" if self.case else ""
        return f"{self.file}: {self.what}: {self.complaint.wrong}{looked}; {self.complaint.remedy}"
