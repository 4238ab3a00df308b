"""From answers to scores: metric plans, edge cases, worker processes, cache."""
