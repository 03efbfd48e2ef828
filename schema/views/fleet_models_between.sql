-- Which models of chips each fleet had in a time, to the hour.
CREATE OR REPLACE VIEW fleet_models_between AS
SELECT DISTINCT site, fleet, platform, model
FROM power_sums
WHERE resolution_s = 3600 AND time >= toStartOfHour({since:DateTime('UTC')}) AND time <= {until:DateTime('UTC')}
    AND model NOT IN ('host-meter', 'rack-meter');
