-- The readings of one chip, by its name, as means over steps of `step_s` seconds. A row of nulls behind the last reading before
-- a pause of more than two steps (of ten seconds at least), so that a line ends there.
CREATE OR REPLACE VIEW chip_history_between AS
WITH
    (
        SELECT (groupArray(series), min(host_key), max(host_key), groupUniqArray((site, fleet, platform, model)))
        FROM chip_series
        WHERE chip = {chip:String}
    ) AS found
SELECT
    time + if(ends, every_s, 0) AS time, site, fleet, platform, model, host,
    if(ends, NULL, readings.power_w) AS power_w, if(ends, NULL, readings.utilization) AS utilization,
    if(ends, NULL, readings.tensor_utilization) AS tensor_utilization,
    if(ends, NULL, readings.temperature_c) AS temperature_c
FROM
(
    SELECT
        *,
        toInt64(leadInFrame(time, 1, time) OVER (
            PARTITION BY site, fleet, platform, model, host ORDER BY time ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING))
            - toInt64(time) AS pause_s
    FROM
    (
        SELECT
            toDateTime(intDiv(toUnixTimestamp(ts), {step_s:UInt32}) * {step_s:UInt32}, 'UTC') AS time,
            site, fleet, platform, model, names.host AS host,
            avg(samples.power_w) AS power_w, avg(samples.utilization) AS utilization,
            avg(samples.tensor_utilization) AS tensor_utilization, avg(samples.temperature_c) AS temperature_c,
            toUInt32(greatest({step_s:UInt32}, max(interval_ms) / 1000, 5)) AS every_s
        FROM series_samples AS samples
        INNER JOIN (SELECT DISTINCT series, host FROM chip_series WHERE chip = {chip:String}) AS names USING (series)
        WHERE batch_time > {since:DateTime('UTC')} AND batch_time <= {until:DateTime('UTC')}
            AND (site, fleet, platform, model) IN
                (SELECT one.1, one.2, one.3, one.4 FROM (SELECT arrayJoin(found.4) AS one))
            AND samples.host_key <= found.3 AND samples.host_key_last >= found.2 AND has(found.1, samples.series)
        GROUP BY time, site, fleet, platform, model, host
    )
) AS readings
ARRAY JOIN if(pause_s > 2 * every_s, [0, 1], [0]) AS ends;
