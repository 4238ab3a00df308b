"""Topics by kind: `configs`, `builders`, `metrics`, `systems` and `reports`.

`configs` has those of run, train and adapt, and `builders` those of dataset, corpus and degradation.
`shipped` finds the shipped configs that are examples of one.
"""
