-- Chips that are throttled in the newest complete second, and why.
CREATE OR REPLACE VIEW throttled_chips_at AS
SELECT
    site, fleet, platform, model, host, chip, fleet_path,
    arrayStringConcat(arrayMap(bit -> bit.1, arrayFilter(
        bit -> bitAnd(assumeNotNull(throttle), bit.2) > 0,
        [('power cap', 1), ('heat', 2), ('hardware', 4), ('other', 8)])), ', ') AS causes,
    power_w, temperature_c
FROM gigawatt.newest_samples_at(at = {at:DateTime('UTC')})
WHERE throttle > 0
LIMIT 1 BY site, fleet, platform, host, chip;
