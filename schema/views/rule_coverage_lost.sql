-- The share of each fleet's chips that did not report, against the share that may not (limit coverage_share).
CREATE OR REPLACE VIEW rule_coverage_lost AS
SELECT
    site, fleet, platform, (1 - coverage) / greatest(1 - limits['coverage_share'], 1e-6) AS value,
    coverage, power_chips_expected
FROM gigawatt.fleets_reporting_at(at = {at:DateTime('UTC')});
