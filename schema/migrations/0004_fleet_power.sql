-- Budgets come from the operator's fleet file; the last one loaded is the truth.

CREATE TABLE budget_loads
(
    loaded_at DateTime64(3, 'UTC'),
    site LowCardinality(String),
    fleet LowCardinality(String),
    platform LowCardinality(String),
    budget_w Float64,
    chips_expected UInt64
)
ENGINE = MergeTree
ORDER BY loaded_at;

