"""Code of several degradations.

`SignalDegradation`, `CodecDegradation`, `VoiceDegradation` with the `Voices` of a set, and `drawn_recordings`.
"""
