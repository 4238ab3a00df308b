"""Speakers (`pools`) and scenes (`scenes`) of the audio-visual builders."""
