"""Checks of datasets: manifest, recordings, rendering, leaks."""
