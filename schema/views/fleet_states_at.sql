-- `fleets_at` with what is to be thought of it: the chips that are reported twice, and the worst of what is wrong in a word,
-- by the fleet's own limits.
CREATE OR REPLACE VIEW fleet_states_at AS
SELECT
    fleets.*, doubled.chips AS doubled_chips,
    multiIf(
        isNull(fleets.time), 'silent',
        NOT heard, 'not heard of',
        doubled_chips > 0, 'doubtful',
        power_estimated_w > budget_w, 'over budget',
        power_chips_reporting < power_chips_expected * limits['coverage_share'], 'chips missing',
        power_estimated_w > budget_w * (1 - limits['headroom_share']), 'headroom low',
        'as planned') AS state,
    concat(site, ' / ', fleet, ' / ', platform) AS fleet_path
FROM gigawatt.fleets_at(at = {at:DateTime('UTC')}) AS fleets
LEFT JOIN
(
    SELECT site, fleet, platform, chips
    FROM gigawatt.doubtful_fleets_between(since = {at:DateTime('UTC')} - 90, until = {at:DateTime('UTC')})
) AS doubled USING (site, fleet, platform);
