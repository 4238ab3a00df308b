"""Topics by kind: `configs` (run, train, adapt), `builders` (dataset, corpus, degradation), `metrics`, `systems` and `reports`.

`shipped` finds the shipped configs that are examples of one.
"""
