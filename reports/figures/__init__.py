"""Figures of a leaderboard for papers, one module for each kind."""
