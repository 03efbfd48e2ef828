"""What is known of fleets, rules and the page, for Prometheus. Listed in docs/metrics.md."""
