"""The bounds of a sample (docs/contract.md, section 2): rows beyond them are rejected. Producers keep to them."""

from typing import Final

MAX_LABEL_BYTES: Final = 128
MAX_AHEAD_MS: Final = 5_000
"""How far a sample's time may be ahead of the broker's."""
MAX_INTERVAL_MS: Final = 3_600_000
MAX_POWER_W: Final = 10_000.0
RAW_RETENTION_MS: Final = 3 * 24 * 3_600_000
"""How long raw samples are kept, by the TTL in the migrations; a sample older than this is too late."""
