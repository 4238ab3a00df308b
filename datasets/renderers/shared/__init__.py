"""Resampling and loudness that renderers share."""
