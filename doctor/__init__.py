"""Checks of this machine, of one system and its streams, and of the metrics against their references.

`tsebench doctor` uses `machine.check_machine` and `check_one`, and `metrics.report_metrics`; `speed` measures how
fast this machine is.
"""
