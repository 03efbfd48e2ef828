-- Budgets as they change: each row holds from `since` on, and takes the place of the row before it.
CREATE OR REPLACE VIEW budget_changes AS
SELECT site, fleet, platform, since, if(planned, toNullable(loads.budget_w), NULL) AS budget_w, loads.chips_expected AS chips_expected
FROM budget_loads AS loads;
