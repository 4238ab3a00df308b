"""JAMS files in and out."""
