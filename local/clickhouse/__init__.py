"""ClickHouse on one machine: the chDB engine behind the ClickHouse HTTP protocol, on loopback."""
