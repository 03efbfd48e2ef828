-- A power meter of a host or a rack publishes samples as chips do, under the models host-meter and rack-meter. They count
-- in power_sums and in the audit; what is said of chips leaves them out, or a metered watt would count twice.

-- Which hosts stand in which rack comes from the operator's fleet file, with the budgets: those of the last file loaded.
CREATE TABLE rack_loads
(
    loaded_at DateTime64(3, 'UTC') COMMENT 'as of the budgets of the same file',
    site LowCardinality(String),
    rack String,
    host String COMMENT 'a name, or a pattern: * stands for any characters, ? for one'
)
ENGINE = MergeTree
ORDER BY loaded_at;

