-- How often the samples topic was made anew, by blocks that were stored within a day.
CREATE OR REPLACE VIEW rule_topic_made_anew AS
SELECT toFloat64(greatest(uniqExact(log), 1) - 1) AS value, value AS times
FROM gigawatt.ingest_blocks
WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 DAY AND stored_at <= {at:DateTime('UTC')};
