-- The raw samples of the newest complete second of each fleet, as `fleets_at` has it; of a fleet that samples once a minute,
-- those of a minute from there on. About one sample of each chip: of a fleet that is ahead of others a chip may have two.
--
-- Neighbouring hosts share a row of samples, and a row stands under the second in which the earliest of them ends: so rows
-- are looked at from as far back as blocks of the log reach, which is a second, and more where a worker catches up.
CREATE OR REPLACE VIEW newest_series_samples_at AS
WITH
    (
        SELECT (
            groupArray((site, fleet, platform, interval_s, second)),
            toDateTime(minIf(second, interval_s > 1) + 1, 'UTC'), toDateTime(minIf(second, interval_s = 1) + 1, 'UTC'))
        FROM
        (
            SELECT
                site, fleet, platform, toInt32(greatest(ceil(cadence_s - 0.5), 1)) AS interval_s,
                toInt64(toUnixTimestamp(time)) AS second
            FROM gigawatt.newest_seconds_at(at = {at:DateTime('UTC')})
        )
    ) AS newest,
    (
        SELECT greatest(toInt32(least(ceil(max(toFloat64(appended_to) - toFloat64(appended_from))), 10)), 1)
        FROM ingest_blocks
        WHERE stored_at > {at:DateTime('UTC')} - 60 AND stored_at <= {at:DateTime('UTC')}
    ) AS block_s
SELECT samples.*
FROM series_samples AS samples
WHERE batch_time >= {at:DateTime('UTC')} - 300 AND batch_time <= {at:DateTime('UTC')} + 60
    AND model NOT IN ('host-meter', 'rack-meter')
    AND (site, fleet, platform, batch_time) IN
    (
        SELECT
            fleet_of.1, fleet_of.2, fleet_of.3,
            toDateTime(arrayJoin(arrayMap(
                later -> fleet_of.5 + later,
                range(1 - greatest(ifNull(block_s, 1), if(fleet_of.4 > 1, fleet_of.4 + 10, 1)), fleet_of.4 + 1))), 'UTC')
        FROM (SELECT arrayJoin(newest.1) AS fleet_of)
    )
    AND ts >= if(interval_ms > 1500, newest.2, newest.3);
