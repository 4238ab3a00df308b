"""Builders draw benchmark sets from corpora, one registered module for each; `shared` is common code."""
