"""Topics by kind: `configs` (run, train, adapt), `builders` (dataset, corpus), `metrics`, `systems` and `reports`.

`shipped` finds the shipped configs that are examples of one.
"""
