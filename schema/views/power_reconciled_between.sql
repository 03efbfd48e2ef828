-- One row per minute and meter: what the chips said beside what the meter said. A meter also sees what is not a chip (CPUs,
-- fans, losses in power supplies), so `ratio` is below 1 where all is well; what matters is that it stays what it was.
--
-- chips_w is as reported, in watts over the whole minute, and `coverage` of how many of the chip-seconds that is: those
-- of all chips that the inventory saw from a day before `since` on. chips_estimated_w is corrected for what is missing;
-- metered_w is the mean of the part of the minute that was metered (meter_coverage), and `ratio` is of these two. What
-- nobody reported is null.
--
-- Power by host is in the raw samples alone, so this goes back three days, and a time is asked for:
--     SELECT * FROM power_reconciled_between(since = now() - INTERVAL 1 HOUR, until = now())
-- gives the minutes that begin in it. A raw row that spans more than four hours, as of a long backlog, is not looked at
-- by its end: that shows as missing coverage. Only rows are unfolded that can matter: those in which a sample begins before
-- the last minute ends, and whose span of host keys holds one that is metered; above a thousand metered hosts that would
-- leave few out. A series without a key was last reported before there were any.
CREATE OR REPLACE VIEW power_reconciled_between AS
SELECT
    time, site, kind, meter,
    toUInt64(ifNull(expected.hosts, 0)) AS hosts,
    toUInt64(ifNull(expected.chips, 0)) AS chips_expected,
    if(known_s > 0, energy_j / 60, NULL) AS chips_w,
    if(chips_expected > 0, known_s / (60 * chips_expected), NULL) AS coverage,
    if(known_s > 0, energy_j / 60 / least(ifNull(coverage, 1), 1), NULL) AS chips_estimated_w,
    if(metered_s > 0, sums.metered_w, NULL) AS metered_w,
    if(expected.chassis > 0, metered_s / (60 * expected.chassis), NULL) AS meter_coverage,
    chips_estimated_w / metered_w AS ratio
FROM
(
    SELECT
        time, site, kind, meter,
        sumIf(dw_ms, NOT is_meter) / 10000 AS energy_j,
        sumIf(known_ms, NOT is_meter) / 1000 AS known_s,
        sumIf(first_ms, is_meter) / 1000 AS metered_s,
        sumIf(dw_ms / first_ms / 10, is_meter AND first_ms > 0) AS metered_w
    FROM
    (
        SELECT
            time, site, kind, meter, is_meter, chassis,
            sum(told.dw_ms) AS dw_ms, sum(told.known_ms) AS known_ms, sumIf(told.known_ms, chip = chassis) AS first_ms
        FROM
        (
            SELECT
                series,
                toDateTime(60 * minute, 'UTC') AS time,
                sum(toUInt64(least(end_ms, 60000 * (minute + 1)) - greatest(start_ms, 60000 * minute)) AS overlap_ms) AS known_ms,
                sum(dw * overlap_ms) AS dw_ms
            FROM
            (
                SELECT
                    one_series AS series,
                    toUInt64(one_dw) AS dw,
                    toInt64(toUnixTimestamp(time)) * 1000 + one_delta_ms AS end_ms,
                    end_ms - one_interval_ms AS start_ms
                FROM
                (
                    SELECT
                        time,
                        arrayMap(one -> one IN
                            (
                                SELECT series
                                FROM chip_series
                                WHERE model IN ('host-meter', 'rack-meter')
                                    OR (site, host) IN (SELECT site, host FROM metered_hosts)
                            ), arrayResize(series, rows, series[1])) AS wanted,
                        arrayFilter((one, is) -> is, arrayResize(series, rows, series[1]), wanted) AS all_series,
                        arrayFilter((one, is) -> is, arrayResize(ts_delta_ms, rows, ts_delta_ms[1]), wanted) AS all_delta_ms,
                        arrayFilter((one, is) -> is, arrayResize(interval_ms, rows, interval_ms[1]), wanted) AS all_interval_ms,
                        arrayFilter((one, is) -> is, arrayResize(power_dw, rows, power_dw[1]), wanted) AS all_dw
                    FROM sample_batches
                    PREWHERE time >= {since:DateTime('UTC')} - INTERVAL 4 HOUR
                        AND time < {until:DateTime('UTC')} + INTERVAL 1 HOUR
                        AND
                        (
                            length(
                                (
                                    SELECT groupUniqArray(1001)(host_key)
                                    FROM chip_series
                                    WHERE model IN ('host-meter', 'rack-meter')
                                        OR (site, host) IN (SELECT site, host FROM metered_hosts)
                                ) AS metered_keys) > 1000
                            OR has(metered_keys, 0)
                            OR arrayExists(key -> host_key <= key AND host_key_last >= key, metered_keys)
                        )
                        AND toUnixTimestamp(time) * 1000 - arrayMax(interval_ms)
                            < intDiv(toInt64(toUnixTimestamp({until:DateTime('UTC')})) + 59, 60) * 60000
                        AND toUnixTimestamp(time) * 1000 + arrayMax(ts_delta_ms) > toUnixTimestamp({since:DateTime('UTC')}) * 1000
                )
                ARRAY JOIN
                    all_series AS one_series, all_delta_ms AS one_delta_ms, all_interval_ms AS one_interval_ms, all_dw AS one_dw
                WHERE one_dw != 4294967295
            )
            ARRAY JOIN range(
                greatest(intDiv(start_ms, 60000), intDiv(toInt64(toUnixTimestamp({since:DateTime('UTC')})) + 59, 60)),
                least(intDiv(end_ms - 1, 60000) + 1, intDiv(toInt64(toUnixTimestamp({until:DateTime('UTC')})) + 59, 60))
            ) AS minute
            GROUP BY series, minute
        ) AS told
        INNER JOIN metered_series USING (series)
        GROUP BY time, site, kind, meter, is_meter, chassis
    )
    GROUP BY time, site, kind, meter
) AS sums
LEFT JOIN
(
    SELECT
        site, kind, meter,
        uniqExactIf(host, NOT is_meter) AS hosts, uniqExactIf(chip, NOT is_meter) AS chips, uniqExactIf(chassis, is_meter) AS chassis
    FROM metered_series
    WHERE last_seen >= {since:DateTime('UTC')} - INTERVAL 1 DAY AND first_seen < {until:DateTime('UTC')} + INTERVAL 1 MINUTE
    GROUP BY site, kind, meter
) AS expected USING (site, kind, meter);
