"""Dashboards, alerting rules and their publisher."""
