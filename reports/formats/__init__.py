"""Report formats: a file's name is the name for `--format`."""
