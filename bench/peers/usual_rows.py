"""The events of the usual way: their topic, their fields, and the table of rows that they are stored in."""

from typing import Final

TOPIC: Final = "chip.events"
PARTITIONS: Final = 12
ROWS: Final = ("ts", "site", "fleet", "platform", "model", "host", "chip", "power_method")
VALUES: Final = (
    *("power_w", "power_error_w", "utilization", "tensor_utilization", "memory_used_bytes", "memory_total_bytes"),
    *("temperature_c", "throttle"),
)
TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS usual.chip_rows (ts DateTime64(3, 'UTC'),"
    + "".join(f" {name} LowCardinality(String)," for name in ("site", "fleet", "platform", "model"))
    + " host String, chip String, power_method LowCardinality(String),"
    + ",".join(f" {name} Nullable(Float64)" for name in VALUES)
    + ") ENGINE = MergeTree ORDER BY (site, fleet, chip, ts)"
)
