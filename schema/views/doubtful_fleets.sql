-- Fleets whose sum counts chips twice now.
CREATE OR REPLACE VIEW doubtful_fleets AS
SELECT site, fleet, platform, time, chips, hosts, methods, power_w
FROM gigawatt.doubtful_fleets_between(since = now() - INTERVAL 90 SECOND, until = now());
