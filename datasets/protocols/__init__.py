"""Protocols and registries of corpora, builders and renderers."""
