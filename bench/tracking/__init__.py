"""Runs in MLflow: `log.track` and `track_report` write them, `search.find_runs` finds them."""
