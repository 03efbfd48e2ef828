-- `series_samples` with the names of hosts and chips.
CREATE OR REPLACE VIEW chip_samples AS
SELECT
    ts, interval_ms, site, fleet, platform, model, names.host AS host, names.chip AS chip, job, power_w, power_method,
    power_error_w, utilization, tensor_utilization, memory_used_bytes, memory_total_bytes, temperature_c, throttle,
    kafka_partition, kafka_offset, batch_time
FROM series_samples
ANY LEFT JOIN (SELECT series, host, chip FROM chip_series) AS names USING (series);
