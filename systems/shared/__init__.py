"""Code that systems share."""
