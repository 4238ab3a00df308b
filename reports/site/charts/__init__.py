"""SVG charts of the pages."""
