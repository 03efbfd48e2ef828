-- Chips that are reported twice, within the minute and a half before the instant: who reports them, by which methods, in how
-- many seconds, and what all reports of a chip add to the sum.
CREATE OR REPLACE VIEW doubled_chips_at AS
SELECT
    site, fleet, platform, chip, concat(site, ' / ', fleet, ' / ', platform) AS fleet_path,
    arrayStringConcat(arraySlice(arraySort(groupUniqArrayArray(doubled.hosts)), 1, 4), ', ') AS reported_by,
    arrayStringConcat(arraySort(groupUniqArrayArray(doubled.methods)), ', ') AS power_methods,
    toNullable(count()) AS seconds, toNullable(max(doubled.samples)) AS samples_at_once,
    toNullable(avg(doubled.power_w)) AS counted_w, toNullable(max(time)) AS newest
FROM gigawatt.doubtful_chips_between(since = {at:DateTime('UTC')} - 90, until = {at:DateTime('UTC')}) AS doubled
GROUP BY site, fleet, platform, chip;
