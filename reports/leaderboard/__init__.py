"""The leaderboard: strata, ranks, facts of metrics and runs, remarks."""
