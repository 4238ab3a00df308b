"""Checks of this machine (`machine.check_machine`), of one system (`machine.check_one`), and of the metrics against
their references (`metrics.report_metrics`).
"""
