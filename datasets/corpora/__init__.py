"""Corpora: recordings on disk or synthesised, one module for each."""
