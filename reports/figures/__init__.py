"""Figures of a leaderboard for papers, one module for each kind.

`FIGURES` maps names to functions `board -> Plot | LeftOut ...`; `shared/style.py` has the common style (`styled`,
`settle`, `rendered`).
"""
