-- Chips of which more than half of what a second has of them is covered twice. Less is a clock that is a little off, or a
-- chip that is moved. Of a fleet at most a thousand chips are looked at, so that a mistake of a whole site is known as
-- quickly: neighbours, and last those whose claims differ by partition or first host alone, as all do when partitions are
-- added. Rows of samples are looked at from five minutes before.
CREATE OR REPLACE VIEW doubtful_chips_between AS
WITH
    (
        SELECT groupArray((way.1, way.2, chip_key))
        FROM
        (
            SELECT
                chip_key, any(chip_claims.site) AS site, any(chip_claims.fleet) AS fleet,
                groupUniqArray((series, host_key)) AS ways
            FROM chip_claims
            WHERE chip_key IN
            (
                SELECT chip_key
                FROM chip_claims
                WHERE last_seen >= {since:DateTime('UTC')} - 900 AND first_seen <= {until:DateTime('UTC')}
                GROUP BY chip_key
                HAVING min(claim) != max(claim)
            )
            GROUP BY chip_key
            ORDER BY min(series) = max(series) AND NOT max(overlaps), min(host_key), chip_key
            LIMIT 1000 BY site, fleet
        )
        ARRAY JOIN ways AS way
    ) AS suspects,
    toInt64(toUnixTimestamp({since:DateTime('UTC')})) AS since_s,
    toInt64(toUnixTimestamp({until:DateTime('UTC')})) AS until_s
SELECT
    time, site, fleet, platform, chip,
    arraySort(groupUniqArray(host)) AS hosts, any(counted.methods) AS methods, any(counted.samples) AS samples,
    any(counted.chip_seconds) AS chip_seconds, any(counted.power_w) AS power_w
FROM
(
    SELECT
        toDateTime(second, 'UTC') AS time,
        arrayJoin(groupUniqArray(one_series)) AS series,
        arraySort(groupUniqArrayIf(method, method != '')) AS methods,
        count() AS samples,
        sum(to_ms - from_ms) / 1000 AS chip_seconds,
        sumIf(dw * (to_ms - from_ms), dw != 4294967295) / 10000 AS power_w,
        arrayFold(
            (done, span) -> (greatest(done.1, span.2), done.2 + greatest(span.2 - greatest(done.1, span.1), 0)),
            arraySort(groupArray((from_ms, to_ms))), (toInt64(0), toInt64(0))).2 AS covered_ms
    FROM
    (
        SELECT
            one_series, dw, chip_key,
            ['', 'counter', 'sensor', 'percent', 'model', 'meter'][one_method + 1] AS method,
            second,
            greatest(end_ms - one_interval_ms, second * 1000) AS from_ms,
            least(end_ms, (second + 1) * 1000) AS to_ms
        FROM
        (
            SELECT
                one_series, one_method, one_interval_ms,
                toUInt64(one_dw) AS dw,
                toInt64(toUnixTimestamp(time)) * 1000 + one_delta_ms AS end_ms
            FROM
            (
                SELECT
                    time,
                    arrayMap(one -> one IN (SELECT arrayJoin(suspects).1), arrayResize(series, rows, series[1])) AS wanted,
                    arrayFilter((one, is) -> is, arrayResize(series, rows, series[1]), wanted) AS all_series,
                    arrayFilter((one, is) -> is, arrayResize(ts_delta_ms, rows, ts_delta_ms[1]), wanted) AS all_delta_ms,
                    arrayFilter((one, is) -> is, arrayResize(interval_ms, rows, interval_ms[1]), wanted) AS all_interval_ms,
                    arrayFilter((one, is) -> is, arrayResize(power_dw, rows, power_dw[1]), wanted) AS all_dw,
                    arrayFilter((one, is) -> is, arrayResize(power_method, rows, power_method[1]), wanted) AS all_method
                FROM sample_batches
                PREWHERE time >= {since:DateTime('UTC')} - 300 AND time < {until:DateTime('UTC')} + 3600
                    AND notEmpty(suspects)
                    AND
                    (
                        length(arrayDistinct(suspects.2) AS keys) > 1000
                        OR arrayExists(key -> host_key <= key AND host_key_last >= key, keys)
                    )
                    AND toUnixTimestamp(time) * 1000 - arrayMax(interval_ms) < until_s * 1000
                    AND toUnixTimestamp(time) * 1000 + arrayMax(ts_delta_ms) > since_s * 1000
            )
            ARRAY JOIN
                all_series AS one_series, all_delta_ms AS one_delta_ms, all_interval_ms AS one_interval_ms,
                all_dw AS one_dw, all_method AS one_method
        ) AS unfolded
        INNER JOIN (SELECT DISTINCT one.1 AS one_series, one.3 AS chip_key FROM (SELECT arrayJoin(suspects) AS one)) AS claimed
            USING (one_series)
        ARRAY JOIN range(
            greatest(intDiv(end_ms - one_interval_ms, 1000), since_s), least(intDiv(end_ms - 1, 1000) + 1, until_s)
        ) AS second
    )
    GROUP BY second, chip_key
    HAVING sum(to_ms - from_ms) > 1.5 * covered_ms
) AS counted
INNER JOIN
(
    SELECT series, site, fleet, platform, host, chip
    FROM chip_series
    WHERE series IN (SELECT arrayJoin(suspects).1)
    GROUP BY series, site, fleet, platform, host, chip
) AS names USING (series)
GROUP BY time, site, fleet, platform, chip;
