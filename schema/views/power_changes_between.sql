-- Changes of each fleet's power within ten seconds, as rules see them: for each complete second the mean of the five seconds
-- that end with it (`after_w`), and of those that end ten seconds before (`before_w`), so that the swing of a job's steps is
-- no change. Nothing is missing in between, and as many chips reported throughout. Fleets that are sampled more seldom than
-- every five seconds are left out.
CREATE OR REPLACE VIEW power_changes_between AS
SELECT time, site, fleet, platform, budget_w, limits, before_w, after_w, 1 - after_w / nullIf(before_w, 0) AS lost
FROM
(
    SELECT
        time, site, fleet, platform, budget_w, limits, interval_s,
        avg(power_w) OVER (fleets ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS after_w,
        avg(power_w) OVER (fleets ROWS BETWEEN 14 PRECEDING AND 10 PRECEDING) AS before_w,
        min(time) OVER span AS began,
        max(coverage) OVER span - min(coverage) OVER span AS coverage_moved
    FROM gigawatt.complete_windows_between(
        since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, length_s = 1) AS seconds
    WINDOW
        fleets AS (PARTITION BY site, fleet, platform ORDER BY time),
        span AS (fleets ROWS BETWEEN 14 PRECEDING AND CURRENT ROW)
)
WHERE began = time - 14 AND coverage_moved <= 0.02 AND interval_s <= 5.5;
