"""The dashboards for who has no Grafana: a page on loopback that draws the same JSON with the same SQL."""
