"""What is wrong with one query, and what to do about it."""

from typing import NamedTuple


class Complaint(NamedTuple):
    """One defect, in words for whoever mends the query."""

    wrong: str
    remedy: str
