-- Chips that are reported twice now: `doubtful_chips_between` of the last minute and a half.
CREATE OR REPLACE VIEW doubtful_chips AS
SELECT time, site, fleet, platform, chip, hosts, methods, samples, chip_seconds, power_w
FROM gigawatt.doubtful_chips_between(since = now() - INTERVAL 90 SECOND, until = now());
