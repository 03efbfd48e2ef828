-- Which hosts stand in which rack, by the fleet file as it was loaded last.
CREATE OR REPLACE VIEW rack_hosts AS
SELECT site, rack, host
FROM rack_loads
WHERE loaded_at = (SELECT max(loaded_at) FROM budget_loads);
