"""What `gigawatt dashboards check` does: every query that is checked in, expanded as Grafana does it and run.

`asked` finds the queries, `views` says over what each is tried, `run` runs them. `texts`, `names` and `answers` judge
what is read, before and after, and are pure.
"""
