"""LibriMix's tables, recipes and enrollments."""
