"""Renderers, one in each file."""
