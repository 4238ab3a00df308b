"""The pages of the HTML report: leaderboard, systems, trials with players, and the demo page."""
