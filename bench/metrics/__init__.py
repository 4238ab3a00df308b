"""Metrics: one value for each trial, with its signature, unit and edges.

Other rooms use `protocol.MetricInfo` and the three protocols, and of `registry`: `METRICS`, `load_metric`,
`known_metrics` and `metric_info`.
"""
