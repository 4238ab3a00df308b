"""Builders: how a benchmark set is drawn from corpora, one module for each."""
