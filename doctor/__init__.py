"""Checks of this machine, of the metrics against their references, and of one system."""
