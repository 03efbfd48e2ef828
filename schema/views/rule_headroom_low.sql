-- The level of each fleet against its budget less the share that is to stay free (limit headroom_share); 0 once the budget
-- itself is exceeded, for that is another alert.
CREATE OR REPLACE VIEW rule_headroom_low AS
SELECT
    site, fleet, platform,
    if(power_w < budget_w, power_w / (budget_w * greatest(1 - limits['headroom_share'], 1e-6)), 0) AS value,
    1 - power_w / budget_w AS free_share, power_w, budget_w
FROM gigawatt.power_levels_at(at = {at:DateTime('UTC')})
WHERE budget_w > 0;
