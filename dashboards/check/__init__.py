"""What `gigawatt dashboards check` does: every query that is checked in, expanded as Grafana does it and run.

`asked` finds the queries, `views` says over what each is tried, `run` runs them. `texts`, `names` and `answers` judge
what is read, before and after, and are pure. `files` needs no ClickHouse: what a Grafana would show of the panels
(`looks`) and make of the provisioning files (`rule_files`).
"""
