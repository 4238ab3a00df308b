"""The leaderboard: strata, ranks, facts of metrics and runs, remarks.

`open_board` and `rank_rows` (`assemble`) make it; `board` has its records, `document` its JSON, `wording` its numbers
and sentences as text, `metric_facts` the facts of metrics.
"""
