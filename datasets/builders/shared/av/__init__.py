"""Speakers and scenes of the audio-visual builders."""
