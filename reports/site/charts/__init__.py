"""Geometry of the SVG charts of the pages."""
