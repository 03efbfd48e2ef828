-- Dead letters of the last hour that could not be written.
CREATE OR REPLACE VIEW rule_dead_letters_lost AS
SELECT toFloat64(count()) AS value, value AS dead_letters
FROM gigawatt.dead_letters_lost
WHERE noted_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND noted_at <= {at:DateTime('UTC')};
