"""Slices of the trials: dimensions and members."""
