-- Rows that were rejected within five minutes, by reason, against three times their share in the hour before. They count once
-- they are one in a thousand of what arrived, and ten rows: a producer that has always sent some nonsense wakes nobody up again.
CREATE OR REPLACE VIEW rule_refusals_rising AS
SELECT
    reason,
    rejected / greatest(10, arrived * greatest(0.001, 3 * rejected_before / greatest(arrived_before, 1))) AS value,
    rejected AS rows, arrived
FROM
(
    SELECT
        reason,
        toFloat64(sumIf(rejected_rows.rows, time > {at:DateTime('UTC')} - 300)) AS rejected,
        toFloat64(sumIf(rejected_rows.rows, time <= {at:DateTime('UTC')} - 300)) AS rejected_before
    FROM gigawatt.rejected_rows
    WHERE time > {at:DateTime('UTC')} - 3900 AND time <= {at:DateTime('UTC')}
    GROUP BY reason
) AS refusals
CROSS JOIN
(
    SELECT
        toFloat64(sumIf(samples + rejected, appended_to > {at:DateTime('UTC')} - 300)) AS arrived,
        toFloat64(sumIf(samples + rejected, appended_to <= {at:DateTime('UTC')} - 300)) AS arrived_before
    FROM gigawatt.ingest_blocks
    WHERE appended_to > {at:DateTime('UTC')} - 3900 AND appended_to <= {at:DateTime('UTC')}
        AND stored_at > {at:DateTime('UTC')} - 3900
) AS arrivals;
