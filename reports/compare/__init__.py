"""Comparison of two runs: paired differences, gates for regressions, and the outputs.

`compare_runs` makes a `Comparison` (`result`); `console`, `markdown`, `junit`, `listening` and `output_files` write it.
"""
