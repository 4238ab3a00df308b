"""Code that builders share."""
