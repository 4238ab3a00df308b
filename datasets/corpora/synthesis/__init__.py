"""Generators of the embedded corpora: voices, sounds, mouths."""
