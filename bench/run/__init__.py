"""Runs of systems on datasets: planning, evaluation, rows, run.json."""
