"""From Kafka to ClickHouse: decode, seconds, blocks, store."""
