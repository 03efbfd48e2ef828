-- Fleets of which no inventory has to say how many chips are expected.
CREATE OR REPLACE VIEW always_planned AS
SELECT site, fleet, platform
FROM budget_loads
GROUP BY site, fleet, platform
HAVING min(since) = 0 AND min(planned);
