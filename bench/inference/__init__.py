"""Asking systems: batches of queries in, estimates or failures out."""
