"""Lists, names, levels and trials of WSJ0 mixtures."""
