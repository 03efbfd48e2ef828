-- Chips of each fleet that are reported twice, by samples that cover the same time: of more than ten seconds of the last minute
-- and a half, so that a chip that moves to a host whose clock is off is none. `example` is the first of them and who reports it.
CREATE OR REPLACE VIEW rule_fleet_doubtful AS
SELECT
    site, fleet, platform, concat(min(chip), ' by ', argMin(reports, chip)) AS example,
    toFloat64(count()) AS value, value AS chips
FROM
(
    SELECT
        site, fleet, platform, chip,
        concat(
            arrayStringConcat(arraySlice(arraySort(groupUniqArrayArray(hosts)), 1, 3), ', '), ' (',
            arrayStringConcat(arraySort(groupUniqArrayArray(methods)), ', '), ')') AS reports
    FROM gigawatt.doubtful_chips_between(since = {at:DateTime('UTC')} - 90, until = {at:DateTime('UTC')})
    GROUP BY site, fleet, platform, chip
    HAVING count() > 10
)
GROUP BY site, fleet, platform;
