"""The tables and views that queries may name, with their columns: the contract's, and what the migrations add to it.

Dashboards, rules and other people's queries are written against these names alone; everything else in the database may
change with any migration. `INTERNAL` lists that, so that whoever adds a table or a view says which of both it is.
"""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

DATABASE: Final = "gigawatt"
_GROUP: Final = ("site", "fleet", "platform")
_CHIP: Final = (*_GROUP, "model", "host", "chip")
_READINGS: Final = (
    *("job", "power_w", "power_method", "power_error_w", "utilization", "tensor_utilization"),
    *("memory_used_bytes", "memory_total_bytes", "temperature_c", "throttle", "kafka_partition", "kafka_offset"),
)
_SUMS: Final = (
    *("time", *_GROUP, "model", "power_method", "energy_j", "chip_seconds", "utilization_seconds"),
    *("utilization_chip_seconds", "tensor_seconds", "tensor_chip_seconds", "max_power_w", "samples", "late_samples"),
)
_MORE_SUMS: Final = (
    *("error_w_seconds", "error_w2_seconds", "error_chip_seconds", "power_w2_seconds", "power_histogram", "idle_j"),
    *("idle_chip_seconds", "throttle_chip_seconds", "power_capped_chip_seconds", "thermal_chip_seconds"),
    "hardware_throttled_chip_seconds",
)
_POWER: Final = (
    *("time", *_GROUP, "power_w", "chips_reporting", "chips_expected", "coverage", "power_estimated_w"),
    *("power_error_w", "utilization", "tensor_utilization", "p50_chip_w", "p95_chip_w", "p99_chip_w", "max_chip_w"),
    "modelled_share",
)
_OF_POWER: Final = ("power_chips_reporting", "power_chips_expected", "budget_w")
_RECONCILED: Final = (
    *("time", "site", "kind", "meter", "hosts", "chips_expected", "chips_w", "coverage", "chips_estimated_w"),
    *("metered_w", "meter_coverage", "ratio"),
)
_DOUBTFUL_CHIPS: Final = ("time", *_GROUP, "chip", "hosts", "methods", "samples", "chip_seconds", "power_w")
_DOUBTFUL_FLEETS: Final = ("time", *_GROUP, "chips", "hosts", "methods", "power_w")
_HELD: Final = (*_GROUP, "limits", "budget_w")

CONTRACT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "power_by_second": _SUMS,
        "power_by_minute": _SUMS,
        "power_by_hour": _SUMS,
        "fleet_power": _POWER,
        "chip_samples": ("ts", "interval_ms", *_CHIP, *_READINGS),
        "chips": (*_CHIP, "first_seen", "last_seen"),
        "budgets": (*_GROUP, "budget_w", "chips_expected"),
        "ingest_blocks": (
            *("topic", "kafka_partition", "offset_from", "offset_to", "samples", "rejected", "energy_j", "stored_at"),
            "worker",
        ),
        "rejected_rows": ("time", "reason", "rows", "kafka_partition", "kafka_offset", "detail"),
    }
)
"""Those of docs/contract.md, section 3: they never change without a new version of the contract."""

_BEYOND: Final[Mapping[str, tuple[str, ...]]] = {
    "power_by_second": _MORE_SUMS,
    "power_by_minute": _MORE_SUMS,
    "power_by_hour": _MORE_SUMS,
    "fleet_power": _OF_POWER,
    "chip_samples": ("batch_time",),
    "budgets": ("limits",),
    "ingest_blocks": (
        *(
            "log",
            "commit_id",
            "messages",
            "wire_bytes",
            "late_samples",
            "newest_ts",
            "appended_from",
            "appended_to",
            "lost",
        ),
    ),
    "rejected_rows": ("log",),
    "fleet_power_windows": (
        *("resolution_s", *_POWER, *_OF_POWER, "limits", "energy_j", "idle_w", "idle_chips"),
        *("power_capped_share", "thermal_share", "hardware_throttled_share"),
    ),
    "capacity_at": (*_GROUP, "budget_w", "chips_expected", "power_chips_expected", "limits"),
    "fleets_at": (
        *(*_GROUP, "budget_w", "limits", "chips_expected", "power_chips_expected", "cadence_s", "time", "age_s"),
        *("heard", "chips_reporting", "power_chips_reporting", "power_w", "power_estimated_w", "power_error_w"),
        *("coverage", "modelled_share", "utilization", "tensor_utilization", "idle_w", "idle_chips"),
        *("drawn_w", "headroom_w", "headroom"),
    ),
    "budget_changes": (*_GROUP, "since", "budget_w", "chips_expected"),
    "budgets_at": (*_GROUP, "budget_w", "chips_expected", "limits"),
    "capacity_changes": ("time", *_GROUP, "text"),
    "chip_names": ("series", *_CHIP, "host_key", "first_seen", "last_seen"),
    "series_samples": (
        *("series", "host_key", "host_key_last", "batch_time", "ts", "interval_ms", *_GROUP, "model"),
        *_READINGS,
    ),
    "chip_sightings": ("series", *_CHIP, "first_seen", "last_seen", "live_seen", "host_key"),
    "agreed_blocks": (
        *("log", "topic", "kafka_partition", "offset_from", "offset_to", "commit_id", "worker", "cut_at"),
    ),
    "dead_letters_lost": ("noted_at", "kafka_partition", "kafka_offset", "reason", "rows", "why", "log"),
    "meters": ("site", "kind", "meter", "first_seen", "last_seen"),
    "power_reconciled": _RECONCILED,
    "power_reconciled_between": _RECONCILED,
    "doubtful_chips": _DOUBTFUL_CHIPS,
    "doubtful_chips_between": _DOUBTFUL_CHIPS,
    "doubtful_fleets": _DOUBTFUL_FLEETS,
    "doubtful_fleets_between": _DOUBTFUL_FLEETS,
}

_FLEET: Final = (*_GROUP, "fleet_path")
_LINE: Final = ("time", *_FLEET, "color")
_SAMPLE: Final = (*_BEYOND["series_samples"],)

_MEANING: Final[Mapping[str, tuple[str, ...]]] = {
    "limits": ("name", "default_value", "least", "most", "meaning"),
    # fleets
    "fleet_states_at": (*_BEYOND["fleets_at"], "doubled_chips", "state", "fleet_path"),
    "newest_seconds_at": (*_GROUP, "cadence_s", "time", "heard"),
    "fleet_models_between": (*_GROUP, "model"),
    "fleet_colors_at": (*_FLEET, "color"),
    "site_colors_at": ("site", "color"),
    "fleet_power_between": (
        *(*_LINE, "power_w", "error_w", "error_share", "reported_w", "measured_w", "modelled_w", "idle_w"),
        *("last_power_w", "complete_until", "budget_w", "chips_reporting", "power_chips_reporting", "chips_expected"),
        "power_chips_expected",
    ),
    "energy_at": (*_FLEET, "model", "today_wh", "month_wh"),
    "chip_sums_between": (
        *(*_LINE, "model", "energy_j", "chip_seconds", "utilization_seconds", "utilization_chip_seconds"),
        *("tensor_seconds", "tensor_chip_seconds", "idle_j", "idle_chip_seconds", "throttle_chip_seconds"),
        *("power_capped_chip_seconds", "thermal_chip_seconds", "hardware_throttled_chip_seconds", "samples"),
        *("late_samples", "powered_chip_seconds", "powered_utilization_seconds", "powered_tensor_seconds"),
        *("utilization_known_j", "tensor_known_j"),
    ),
    # power dynamics
    "complete_windows_between": (
        *("time", *_HELD, "interval_s", "coverage", "power_w", "reported_w", "idle_w"),
        *("power_capped_share", "thermal_share", "hardware_throttled_share"),
    ),
    "power_changes_between": ("time", *_GROUP, "budget_w", "limits", "before_w", "after_w", "lost"),
    "power_ramps_between": (*_LINE, "w_per_s"),
    "power_swings_between": (*_LINE, "swing_w"),
    "power_drops_between": ("dropped_at", *_FLEET, "before_w", "lost_w", "lost", "fleets_together"),
    "steepest_changes_between": (
        *(*_FLEET, "rise_w_per_s", "rise_of_limit", "rose_at", "drop", "drop_of_limit", "dropped_at"),
    ),
    "oscillations_at": (*_FLEET, "budget_w", "limits", "frequency_hz", "size_w", "share", "steady", "size_of_limit"),
    # hosts and chips
    "horizon_at": ("horizon",),
    "fleet_chips_at": (
        *(*_FLEET, "known", "alive", "silent", "silent_of_limit", "twice", "twice_of_limit", "capped", "hot", "slowed"),
        "throttled_of_limit",
    ),
    "newest_series_samples_at": _SAMPLE,
    "newest_samples_at": (*_SAMPLE, "host", "chip", "fleet_path"),
    "minute_samples_between": ("time", *_SAMPLE),
    "hosts_at": (*_FLEET, "model", "host", "host_w", "of_fleet", "busy", "hottest_c"),
    "silent_hosts_at": (*_FLEET, "model", "host", "silent", "chips", "last_seen"),
    "throttling_at": (*_GROUP, "model", "cause", "place", "chips"),
    "throttled_chips_at": (*_FLEET, "model", "host", "chip", "causes", "power_w", "temperature_c"),
    "doubled_chips_at": (
        *(*_FLEET, "chip", "reported_by", "power_methods", "seconds", "samples_at_once", "counted_w", "newest"),
    ),
    "renamed_chips_at": (*_FLEET, "model", "chip", "names", "reported_as"),
    "chip_history_between": (
        *("time", *_GROUP, "model", "host", "power_w", "utilization", "tensor_utilization", "temperature_c"),
    ),
    "jobs_at": (*_FLEET, "job", "model", "job_w", "job_chips", "busy_s", "stated_s"),
    # what rules have in common
    "reporting_since_at": ("time",),
    "power_levels_at": (*_HELD, "power_w"),
    "settled_minutes_at": (*_GROUP, "chips_reporting", "power_chips_reporting", "settled_s", "is_settled"),
    "fleets_reporting_at": (*_GROUP, "limits", "power_chips_expected", "power_chips_reporting", "coverage"),
    "chips_seen_at": (*_GROUP, "limits", "chips_known", "chips_alive"),
    # trust
    "freshness_at": ("p50_s", "p99_s", "newest_age_s", "stored_ago_s"),
    "freshness_between": ("time", "p50_s", "p99_s"),
    "lag_between": ("time", "kafka_partition", "series", "color", "lag_s"),
    "partitions_at": (
        *("kafka_partition", "stored_to_offset", "newest_age_s", "stored_ago_s", "pending", "pending_for_s", "worker"),
    ),
    "ledger_steps_between": (
        *("log", "topic", "kafka_partition", "offset_from", "stored_at", "worker", "samples", "rejected", "lost"),
        *("broken", "broken_from", "broken_to", "broken_messages"),
    ),
    "worker_rates_between": ("time", "worker", "samples_per_s", "commits_per_s", "blocks_per_s"),
    "workers_at": ("worker", "stored_ago_s", "partitions", "samples_per_s", "commits_per_s"),
    "meters_at": (
        *("minute", "site", "kind", "meter", "hosts", "chips_expected", "chips_w", "metered_w", "ratio", "of_limit"),
        *("coverage", "meter_coverage"),
    ),
}
"""One view for each question of a board; `schema/views` says what each answers."""

PUBLISHED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {name: (*CONTRACT.get(name, ()), *_BEYOND.get(name, ())) for name in (*CONTRACT, *_BEYOND)} | dict(_MEANING)
)
"""Every table and view that a query may name, with its columns. What has parameters is called as a function."""

RULE_VIEWS: Final = tuple(
    sorted(
        name.removesuffix(".sql") for file in (files("schema") / "views").iterdir() if "rule_" in (name := file.name)
    )
)
"""Views of alerting rules, found by their files: what may alert, `value` relative to its limit, and the figures behind.

All their columns may be named.
"""

INTERNAL: Final = (
    *("power_sums", "sample_batches", "chip_series", "budget_loads", "expected_chips", "rack_loads", "rack_hosts"),
    *("metered_hosts", "metered_series", "block_cuts", "dead_letter_failures", "label_rulings"),
    *("schema_migrations", "schema_views", "chip_claims", "always_planned", "inventory_steps", "powerless_steps"),
    "additive_sums",
)
"""What is no one else's: how the published views are made may change."""

STORE: Final = ("system.parts", "system.merges", "system.disks")
"""Tables of ClickHouse itself that tell how the store is; a reading user of a server may have to be granted them."""
