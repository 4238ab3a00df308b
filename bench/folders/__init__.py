"""Scoring of folders of audio files, and the variants of a metric that papers report under one name."""
