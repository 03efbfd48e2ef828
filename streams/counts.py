"""What a worker has done since it was started, counted as it goes: for `/metrics`, and for whether it is ready."""

from collections import Counter
from dataclasses import dataclass, field

from schema.tally import Durations
from streams.process import Stored


@dataclass
class Counts:
    """What was stored, and what it took.

    `rejected` counts rows by their reason, `commits` the time from when a commit's blocks were agreed on until it is
    stored. `last_commit_s` is the wall clock's, in epoch seconds. `failed_attempts` are those to store, and to ask the
    broker for what a commit needs; all of them are made again.
    """

    messages: int = 0
    samples: int = 0
    late_samples: int = 0
    lost_messages: int = 0
    unwritten_letters: int = 0
    failed_attempts: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    commits: Durations = field(default_factory=Durations)
    last_commit_s: float | None = None

    def note(self, stored: Stored, *, took_s: float, now_s: float) -> None:
        """Count a commit that is stored."""
        for totals in stored.totals:
            self.messages += len(totals.block.messages)
            self.samples += totals.samples
            self.late_samples += totals.late_samples
            self.lost_messages += totals.block.lost
        for refusal in stored.refusals:
            self.rejected[refusal.reason] += refusal.rows
        self.unwritten_letters += len(stored.unwritten)
        self.commits.add(took_s)
        self.last_commit_s = now_s
