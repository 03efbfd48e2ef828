-- The level of each fleet against its budget: a swing of a few seconds is no excess, and neither are seconds of which some chips
-- have not reported yet.
CREATE OR REPLACE VIEW rule_budget_exceeded AS
SELECT site, fleet, platform, power_w / budget_w AS value, power_w, budget_w
FROM gigawatt.power_levels_at(at = {at:DateTime('UTC')})
WHERE budget_w > 0;
