"""Whisper as a part of other networks: spectra, vocabularies, encoder with prompts, adapters, greedy decoding.

Other rooms use `base`, `vocabulary`, `mel`, `adapters`, `recognition` and `sizes`.
"""
