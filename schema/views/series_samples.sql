-- chip_samples without the names: whoever wants ten chips of a million picks them here, and then asks for their names.
CREATE OR REPLACE VIEW series_samples AS
SELECT
    sample_series AS series,
    host_key, host_key_last,
    time AS batch_time,
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp(time)) * 1000 + sample_ts_delta_ms, 'UTC') AS ts,
    sample_interval_ms AS interval_ms,
    site, fleet, platform, model,
    if(sample_job_index = 0, NULL, jobs[sample_job_index]) AS job,
    if(sample_power_dw = 4294967295, NULL, toFloat32(sample_power_dw / 10)) AS power_w,
    [NULL, 'counter', 'sensor', 'percent', 'model', 'meter'][sample_power_method + 1] AS power_method,
    if(sample_power_error_dw = 4294967295, NULL, toFloat32(sample_power_error_dw / 10)) AS power_error_w,
    if(sample_utilization_pm = 65535, NULL, toFloat32(sample_utilization_pm / 1000)) AS utilization,
    if(sample_tensor_pm = 65535, NULL, toFloat32(sample_tensor_pm / 1000)) AS tensor_utilization,
    if(sample_memory_used_mib = 4294967295, NULL, toUInt64(sample_memory_used_mib) * 1048576) AS memory_used_bytes,
    if(sample_memory_total_mib = 4294967295, NULL, toUInt64(sample_memory_total_mib) * 1048576) AS memory_total_bytes,
    if(sample_temperature_dc = 32767, NULL, toFloat32(sample_temperature_dc / 10)) AS temperature_c,
    if(sample_throttle = 255, NULL, sample_throttle) AS throttle,
    sample_kafka_partition AS kafka_partition,
    sample_kafka_offset AS kafka_offset
FROM
(
    SELECT
        time, site, fleet, platform, model, host_key, host_key_last, jobs,
        sample_series, sample_kafka_partition, sample_kafka_offset, sample_ts_delta_ms, sample_interval_ms, sample_job_index,
        sample_power_dw, sample_power_method, sample_power_error_dw, sample_utilization_pm, sample_tensor_pm,
        sample_memory_used_mib, sample_memory_total_mib, sample_temperature_dc, sample_throttle
    FROM sample_batches
    ARRAY JOIN
        arrayResize(series, rows, series[1]) AS sample_series,
        arrayResize(kafka_partition, rows, kafka_partition[1]) AS sample_kafka_partition,
        arrayResize(kafka_offset, rows, kafka_offset[1]) AS sample_kafka_offset,
        arrayResize(ts_delta_ms, rows, ts_delta_ms[1]) AS sample_ts_delta_ms,
        arrayResize(interval_ms, rows, interval_ms[1]) AS sample_interval_ms,
        arrayResize(job_index, rows, job_index[1]) AS sample_job_index,
        arrayResize(power_dw, rows, power_dw[1]) AS sample_power_dw,
        arrayResize(power_method, rows, power_method[1]) AS sample_power_method,
        arrayResize(power_error_dw, rows, power_error_dw[1]) AS sample_power_error_dw,
        arrayResize(utilization_pm, rows, utilization_pm[1]) AS sample_utilization_pm,
        arrayResize(tensor_pm, rows, tensor_pm[1]) AS sample_tensor_pm,
        arrayResize(memory_used_mib, rows, memory_used_mib[1]) AS sample_memory_used_mib,
        arrayResize(memory_total_mib, rows, memory_total_mib[1]) AS sample_memory_total_mib,
        arrayResize(temperature_dc, rows, temperature_dc[1]) AS sample_temperature_dc,
        arrayResize(throttle, rows, throttle[1]) AS sample_throttle
);
