-- What changed in the fleet file. It is loaded at every start; what counts is where it differs from the one before.
CREATE OR REPLACE VIEW capacity_changes AS
SELECT
    time, site, fleet, platform,
    multiIf(
        was_planned = 0, concat('budget ', budget, ', ', toString(chips_expected), ' chips'),
        planned = 0, 'no budget any more',
        concat(
            if(budget_w != was_w, concat('budget ', was, ' to ', budget, ' '), ''),
            if(chips_expected != were, concat(toString(were), ' to ', toString(chips_expected), ' chips'), ''))) AS text
FROM
(
    SELECT
        toDateTime(loaded_at) AS time, site, fleet, platform, budget_w, chips_expected, planned,
        lagInFrame(budget_w) OVER earlier AS was_w,
        lagInFrame(chips_expected) OVER earlier AS were,
        lagInFrame(planned) OVER earlier AS was_planned,
        concat(toString(round(budget_w / 1e6, 3)), ' MW') AS budget,
        concat(toString(round(was_w / 1e6, 3)), ' MW') AS was
    FROM budget_loads
    WINDOW earlier AS (PARTITION BY site, fleet, platform ORDER BY loaded_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE planned != was_planned OR budget_w != was_w OR chips_expected != were;
