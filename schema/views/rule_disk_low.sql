-- What is free of each of the store's disks, against what must stay free (limit free_disk_share, the strictest of all fleets). As
-- it is now, whatever instant is asked about: ClickHouse keeps no past of its disks.
CREATE OR REPLACE VIEW rule_disk_low AS
WITH
    (SELECT CAST((groupArray(name), groupArray(default_value)), 'Map(String, Float64)') FROM gigawatt.limits) AS defaults,
    (
        SELECT if(count() = 0, defaults['free_disk_share'], max(limits['free_disk_share']))
        FROM gigawatt.budgets_at(at = {at:DateTime('UTC')})
    ) AS least_share
SELECT
    name AS disk,
    assumeNotNull(least_share) / greatest(free_space / total_space, 1e-6) AS value,
    free_space / total_space AS free_share
FROM system.disks
WHERE total_space > 0;
