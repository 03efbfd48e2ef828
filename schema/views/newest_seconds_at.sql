-- The newest complete second before an instant of each fleet that was reported within three minutes: of which as many chips
-- reported as of any other, or nearly; or of which nothing more is to come. `time` and `heard` are those of `fleets_at`, which
-- says more: this is for whoever asks for nothing else.
CREATE OR REPLACE VIEW newest_seconds_at AS
SELECT
    site, fleet, platform, cadence_s, toDateTime(second, 'UTC') AS time,
    instant_s - second - 1 <= 2 * cadence_s + 30 AND instant_s - horizon_s <= 2 * fastest_s + 30 AS heard
FROM
(
    SELECT
        site, fleet, platform, toInt64({at:DateTime('UTC')}) AS instant_s,
        least(instant_s, ifNull(
            (
                SELECT toInt64(toDateTime(max(newest_ts)))
                FROM ingest_blocks
                WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR
            ), 4294967295)) AS horizon_s,
        arrayMax(arrayMap(
            (ended, chip_s) -> if(ended > 0, chip_s / ended, 0),
            mapValues(sumMap(ended_by)), mapValues(sumMap(chip_seconds_by)))) AS cadence_s,
        min(if(cadence_s > 0, cadence_s, 3600)) OVER () AS fastest_s,
        arrayMax(one -> one.2, groupArray(one_second) AS seconds) AS most,
        arrayLast(
            one -> one.2 >= 0.98 * most OR one.1 + 1 <= horizon_s - cadence_s - 5, arraySort(seconds)).1 AS second
    FROM
    (
        SELECT
            site, fleet, platform,
            sumMap(map(power_method, sums.samples)) AS ended_by,
            sumMap(map(power_method, sums.chip_seconds)) AS chip_seconds_by,
            (toInt64(time), sum(sums.chip_seconds)) AS one_second
        FROM power_sums AS sums
        WHERE resolution_s = 1 AND time >= {at:DateTime('UTC')} - 180 AND time < {at:DateTime('UTC')}
            AND model NOT IN ('host-meter', 'rack-meter')
        GROUP BY time, site, fleet, platform
    )
    GROUP BY site, fleet, platform
)
WHERE second > 0;
