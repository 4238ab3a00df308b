"""Degradations of queries, one registered module for each; `shared` has their common code."""
