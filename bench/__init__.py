"""Judging systems: configs, runs, inference, metrics, scores, statistics, costs, tracking.

`api.evaluate` and `api.score` are the Python API; `config.RunConfig` is the config of a run, and `rows.ScoreRow` one
row of its results.
"""
