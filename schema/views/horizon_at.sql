-- The end of the newest stored sample, at most the instant: what lies after it was not stored yet, which is no fault of a
-- fleet. Where nothing was stored for an hour it is the instant.
CREATE OR REPLACE VIEW horizon_at AS
SELECT ifNull(least(toDateTime(max(newest_ts), 'UTC'), {at:DateTime('UTC')}), {at:DateTime('UTC')}) AS horizon
FROM ingest_blocks
WHERE stored_at > {at:DateTime('UTC')} - INTERVAL 1 HOUR AND stored_at <= {at:DateTime('UTC')};
