"""Corpora: recordings on disk or synthesised, one registered module for each.

Modules of published corpora hold only what is special about them; `disk` has their base classes and `read_table`.
`synthesis` makes the sounds, voices and faces of the embedded corpora (`SyntheticSpeech`, `SyntheticSounds`,
`SyntheticAv`), which need no download.
"""
