-- What dashboards and rules ask for beyond 0005: what idle chips draw and how many are throttled, the same figures at
-- every resolution, the limits of each fleet, and raw samples that are found without all names.

ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS idle_j SimpleAggregateFunction(sum, Float64) COMMENT 'energy of samples that state a utilization below 0.05' CODEC(ZSTD(1)) AFTER late_samples;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS idle_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'and their overlap' CODEC(ZSTD(1)) AFTER idle_j;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS throttle_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of samples that say whether they are throttled' CODEC(ZSTD(1)) AFTER idle_chip_seconds;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS power_capped_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of those at a power cap' CODEC(ZSTD(1)) AFTER throttle_chip_seconds;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS thermal_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of those that are too hot' CODEC(ZSTD(1)) AFTER power_capped_chip_seconds;
ALTER TABLE power_sums ADD COLUMN IF NOT EXISTS hardware_throttled_chip_seconds SimpleAggregateFunction(sum, Float64) COMMENT 'overlap of those slowed by hardware or a power brake' CODEC(ZSTD(1)) AFTER thermal_chip_seconds;

-- Limits of alerting rules, by name: schema/fleet_limits.py says what each means.
ALTER TABLE budget_loads ADD COLUMN IF NOT EXISTS limits Map(String, Float64) AFTER chips_expected;

-- A chip's samples lie in rows whose span of host keys holds that of the rack that it reports with: its history is found
-- without unfolding others.
ALTER TABLE sample_batches ADD COLUMN IF NOT EXISTS host_key_last UInt64 DEFAULT 18446744073709551615 COMMENT 'the highest hash in this row; host_key is the lowest' AFTER throttle;
ALTER TABLE chip_series ADD COLUMN IF NOT EXISTS host_key SimpleAggregateFunction(anyLast, UInt64) CODEC(ZSTD(1)) AFTER last_seen;

