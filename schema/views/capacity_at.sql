-- What is expected and budgeted of each fleet at an instant: `chips_expected` chips are to report, and
-- `power_chips_expected` of them are to state their power. Limits that the fleet file leaves out have their defaults.
CREATE OR REPLACE VIEW capacity_at AS
WITH (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM limits) AS defaults
SELECT
    site, fleet, platform,
    if(max(plan.1), toNullable(max(plan.2)), NULL) AS budget_w,
    if(max(plan.1), max(plan.3), max(seen)) AS chips_expected,
    greatest(chips_expected - max(powerless), 0) AS power_chips_expected,
    mapUpdate(defaults, argMax(plan.4, plan.1)) AS limits
FROM
(
    SELECT
        site, fleet, platform, argMax((planned, budget_w, toInt64(chips_expected), limits), since) AS plan,
        toInt64(0) AS seen, toInt64(0) AS powerless
    FROM budget_loads
    WHERE since <= {at:DateTime('UTC')}
    GROUP BY site, fleet, platform
    UNION ALL
    SELECT
        site, fleet, platform, (false, 0., toInt64(0), CAST(map(), 'Map(String, Float64)')),
        argMax(chips_seen, since), argMax(powerless_chips, since)
    FROM inventory_steps
    WHERE since <= {at:DateTime('UTC')}
    GROUP BY site, fleet, platform
)
GROUP BY site, fleet, platform;
