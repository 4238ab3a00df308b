"""Runs and scores in Python: what a notebook calls, and what it shows.

- `evaluate.evaluate` runs systems on datasets; `score.score` scores signals and folders.
- `leaderboard.leaderboard` ranks systems by their rows or run folders.
- `results.Results` and `results.Scores` hold rows, leaderboard and folder; `show` draws a leaderboard as text and HTML.
"""
