-- Raw samples of one second of each minute; of a platform that samples more seldom, all.
CREATE OR REPLACE VIEW minute_samples_between AS
WITH
    (
        SELECT groupUniqArray(platform) FROM gigawatt.newest_seconds_at(at = {until:DateTime('UTC')}) WHERE cadence_s > 1.5
    ) AS seldom
SELECT toStartOfMinute(batch_time) AS time, samples.*
FROM series_samples AS samples
WHERE batch_time >= toStartOfMinute({since:DateTime('UTC')}) AND batch_time <= {until:DateTime('UTC')}
    AND model NOT IN ('host-meter', 'rack-meter')
    AND (toUnixTimestamp(batch_time) % 60 = 0 OR has(seldom, platform));
