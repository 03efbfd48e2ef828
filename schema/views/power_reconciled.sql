-- `power_reconciled_between` of the last fifteen whole minutes. The newest is not complete before the slowest of the chips has reported.
CREATE OR REPLACE VIEW power_reconciled AS
SELECT *
FROM gigawatt.power_reconciled_between(since = toStartOfMinute(now()) - INTERVAL 15 MINUTE, until = toStartOfMinute(now()));
