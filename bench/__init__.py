"""Judging systems: configs, runs, inference, metrics, scores, statistics, costs, tracking.

`config.RunConfig` is the config of a run, `given` what Python code gives in place of it, and `score_row.ScoreRow` one
row of its results.
"""
