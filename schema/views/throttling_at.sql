-- How many chips are throttled in the newest complete second, by cause; a chip may have several.
CREATE OR REPLACE VIEW throttling_at AS
SELECT site, fleet, platform, model, bit.1 AS cause, bit.2 AS place, uniqExactIf(series, bitAnd(bits, bit.2) > 0) AS chips
FROM
(
    SELECT site, fleet, platform, model, series, assumeNotNull(throttle) AS bits
    FROM gigawatt.newest_series_samples_at(at = {at:DateTime('UTC')})
    WHERE throttle > 0
)
ARRAY JOIN [('power cap', 1), ('heat', 2), ('hardware', 4), ('other', 8)] AS bit
GROUP BY site, fleet, platform, model, bit;
