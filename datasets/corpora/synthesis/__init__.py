"""Synthesis of speech, sounds and faces for the embedded corpora; `voice_corpus` has the `SPEAKERS`."""
