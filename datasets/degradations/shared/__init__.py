"""Code of several degradations: `SignalDegradation`, `CodecDegradation`, and `other_recordings` of a voice."""
