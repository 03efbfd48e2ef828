-- Fleets whose sum counts chips twice: `time` is the newest second of which that is known, `power_w` what these chips count
-- for in a second, all reports of them together.
CREATE OR REPLACE VIEW doubtful_fleets_between AS
SELECT
    site, fleet, platform, max(doubtful.time) AS time, uniqExact(chip) AS chips,
    arraySort(groupUniqArrayArray(doubtful.hosts)) AS hosts, arraySort(groupUniqArrayArray(doubtful.methods)) AS methods,
    sum(doubtful.power_w) / uniqExact(doubtful.time) AS power_w
FROM gigawatt.doubtful_chips_between(since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}) AS doubtful
GROUP BY site, fleet, platform;
