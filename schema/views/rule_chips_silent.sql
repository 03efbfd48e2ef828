-- The share of each fleet's chips that were seen within a day and not for five minutes (limit silent_share); 0 where so many are
-- silent that the fleet's coverage is lost, for that is another alert.
CREATE OR REPLACE VIEW rule_chips_silent AS
SELECT
    site, fleet, platform,
    if(
        chips_alive < chips_known * limits['coverage_share'], 0,
        (1 - chips_alive / chips_known) / greatest(limits['silent_share'], 1e-6)
    ) AS value,
    chips_known - chips_alive AS chips_silent, chips_known
FROM gigawatt.chips_seen_at(at = {at:DateTime('UTC')});
