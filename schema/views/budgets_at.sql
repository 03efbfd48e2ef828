-- The budgets of an instant. Limits that the fleet file leaves out have their defaults.
CREATE OR REPLACE VIEW budgets_at AS
WITH (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM limits) AS defaults
SELECT
    site, fleet, platform, argMax(loads.budget_w, since) AS budget_w, argMax(loads.chips_expected, since) AS chips_expected,
    mapUpdate(defaults, argMax(loads.limits, since)) AS limits
FROM budget_loads AS loads
WHERE since <= {at:DateTime('UTC')}
GROUP BY site, fleet, platform
HAVING argMax(planned, since);
