"""Asking systems: batches of queries in, estimates or failures out.

`ask.ask` is the only call of a system, used through `ask.guarded`; `ask.Inference` answers many trials in batches of
`batching.Item`. `open_system.open_system` builds a system: in this process, or in one of its own (`isolation`), where
`child` answers; `close_system` ends it. `streamed` gives the answers of its streams. `extract` takes
one signal, `extract_file` a file of any length.
"""
