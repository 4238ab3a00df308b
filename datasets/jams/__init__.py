"""JAMS files of Scaper: `events` reads and writes them, `soundscapes` converts them to recipes and back."""
