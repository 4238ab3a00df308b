"""Code of several degradations: `SignalDegradation`, `CodecDegradation`, `drawn_recordings`, and `Voices` of a set."""
