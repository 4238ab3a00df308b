"""Mixtures of sets that come as JAMS files: `JamsMixtures` and `FilesByName` in `mixtures`."""
