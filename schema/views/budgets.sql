-- The fleet file as it was loaded last: budgets, expected chips and limits.
CREATE OR REPLACE VIEW budgets AS
SELECT site, fleet, platform, budget_w, chips_expected, limits
FROM budget_loads
WHERE planned AND loaded_at = (SELECT max(loaded_at) FROM budget_loads);
