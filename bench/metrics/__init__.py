"""Metrics: one value for each trial, with its signature, unit and edges."""
