"""Checks of datasets: `validate` runs all and returns a `Finding` each; `numbers_of` summarises a set."""
