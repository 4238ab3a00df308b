"""Tables of papers in the papers' own layout: our numbers next to the published ones.

`PAPER_TABLES` holds the tables, one YAML file each, and `paper_results` makes those that the runs of a leaderboard
name. `published_table` reads published numbers, and `orderings` judges a paper's claims on a run.
"""
