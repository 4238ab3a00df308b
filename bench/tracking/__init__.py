"""Runs in MLflow: logging and search."""
