-- What each job draws, in a time in which each chip reports once: the newest complete second, or of fleets that report once a
-- minute the newest complete minute. That time ends where all fleets of that cadence that still report are complete. Rows of
-- raw samples are found by their earliest sample: one that was stored after a backlog of more than ten seconds may be missed.
-- `busy_s` of `stated_s` seconds the job's chips were busy. What belongs to no job has none.
CREATE OR REPLACE VIEW jobs_at AS
WITH
    (
        SELECT (
            groupArrayIf((site, fleet, platform), cadence_s <= 1.5),
            groupArrayIf((site, fleet, platform), cadence_s > 1.5),
            if(countIf(cadence_s <= 1.5 AND heard) > 0, minIf(time, cadence_s <= 1.5 AND heard), maxIf(time, cadence_s <= 1.5)) + 1,
            if(countIf(cadence_s > 1.5 AND heard) > 0, minIf(time, cadence_s > 1.5 AND heard), maxIf(time, cadence_s > 1.5)) + 1)
        FROM gigawatt.newest_seconds_at(at = {at:DateTime('UTC')})
    ) AS newest
SELECT
    job, site, fleet, platform, model, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    sum(samples.power_w * interval_ms / every_s) / 1000 AS job_w,
    toNullable(sumIf(interval_ms / every_s, samples.power_w IS NOT NULL) / 1000) AS job_chips,
    sum(utilization * interval_ms) / 1000 AS busy_s, sumIf(interval_ms, utilization IS NOT NULL) / 1000 AS stated_s
FROM
(
    SELECT job, site, fleet, platform, model, power_w, utilization, interval_ms, 1 AS every_s
    FROM series_samples
    WHERE batch_time > newest.3 - 11 AND batch_time <= newest.3 AND ts > newest.3 - 1 AND ts <= newest.3
        AND (site, fleet, platform) IN
            (SELECT one.1, one.2, one.3 FROM (SELECT arrayJoin(newest.1) AS one))
    UNION ALL
    SELECT job, site, fleet, platform, model, power_w, utilization, interval_ms, 60 AS every_s
    FROM series_samples
    WHERE batch_time > newest.4 - 70 AND batch_time <= newest.4 AND ts > newest.4 - 60 AND ts <= newest.4
        AND (site, fleet, platform) IN
            (SELECT one.1, one.2, one.3 FROM (SELECT arrayJoin(newest.2) AS one))
) AS samples
WHERE model NOT IN ('host-meter', 'rack-meter')
GROUP BY job, site, fleet, platform, model;
