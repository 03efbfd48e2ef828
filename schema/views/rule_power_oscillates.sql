-- How far each fleet's power swings in a steady rhythm, from peak to trough, as a share of its budget (limit
-- oscillation_share). Steady is what has half of the variance.
CREATE OR REPLACE VIEW rule_power_oscillates AS
SELECT
    site, fleet, platform, ifNull(size_of_limit, 0) AS value, assumeNotNull(swings.size_w) AS size_w, frequency_hz, budget_w
FROM gigawatt.oscillations_at(at = {at:DateTime('UTC')}) AS swings
WHERE budget_w > 0;
