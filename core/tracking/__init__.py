"""Runs in MLflow, whatever is tracked: reaching a store, runs that are opened when work begins, and their tags.

`store` has `open_store` and `connected`; `entries` makes experiments and runs, and logs without repetition; `tags` has
the tags that MLflow shows; `ids` keeps the ids of the MLflow runs of a folder; `session.RunSession` keeps runs alive
while the work goes on.
"""
