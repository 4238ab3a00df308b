"""Two runs side by side: what changed, whether it is a regression, and how that is told."""
