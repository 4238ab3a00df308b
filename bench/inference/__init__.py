"""Asking systems: batches of queries in, estimates or failures out.

`ask.ask` is the only call of a system, used through `ask.guarded`; `ask.Inference` answers many trials in batches of
`batching.Item`.
"""
