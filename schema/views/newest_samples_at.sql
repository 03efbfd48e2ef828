-- `newest_series_samples_at` with the names of hosts and chips.
CREATE OR REPLACE VIEW newest_samples_at AS
SELECT samples.*, names.host AS host, names.chip AS chip, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path
FROM gigawatt.newest_series_samples_at(at = {at:DateTime('UTC')}) AS samples
ANY LEFT JOIN (SELECT series, host, chip FROM chip_series) AS names USING (series);
