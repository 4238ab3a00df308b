"""Slices: parts of a set's trials that reports look at by themselves.

A dimension is one way to cut a set: by class, by gender pair, by input SNR (`dimensions`). `slices` finds the
dimensions of some rows, masks and aggregates. Strata (conditions) are never pooled: slices cut each of them.
"""
