"""Code that figures share: axes, styles, values."""
