"""Mixtures of sets that come as JAMS files."""
