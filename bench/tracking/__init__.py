"""Runs in MLflow: `live.tracked_run` tracks a run while it goes on, `log.track` and `track_report` a run folder.

`search.find_runs` finds tracked runs again; `names` are those of their metrics.
"""
