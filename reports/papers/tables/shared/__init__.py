"""Code that paper tables share."""
