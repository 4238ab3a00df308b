"""Synthetic speech: matrix sentences by espeak-ng, needing no download.

Thirty voices say sentences of a small grammar, so that a recogniser with that grammar measures word error
rates. A speaker is a variant of the synthesiser at one pitch and one rate, and belongs to one split: the test
voices are unseen in training, and pocketsphinx understands each of them.
"""

from __future__ import annotations

import hashlib

from ..protocols.corpus import CORPORA, Samples
from ..signals.sample_cache import SampleCache
from .synthesis.espeak import speak
from .synthesis.matrix_sentences import jsgf, sentence
from .synthesis.voice_corpus import VoiceCorpus, audible_span, level, noise_seed, voice_of

KIND = "synthetic_speech"

# Shared by all corpora of the process. Holds all recordings of the default size.
_CACHE = SampleCache(max_bytes=96 * 2**20)


@CORPORA.register(KIND)
class SyntheticSpeech(VoiceCorpus):
    """Matrix sentences at 22.05 kHz, 2 to 4 s long, labelled by speaker.

    Args:
        name: of the corpus in datasets.
        seed: chooses the sentences; the voices stay the same.
        utterances: of each speaker, 1 to 10000; more never changes the first ones.
    """

    kind = KIND
    version = "1"

    def __init__(self, *, name: str = KIND, seed: int = 0, utterances: int = 12) -> None:
        super().__init__(name=name, seed=seed, utterances=utterances)

    @staticmethod
    def grammar() -> str:
        """JSGF grammar of all transcripts, in lower case, for a recogniser."""
        return jsgf()

    def transcript(self, path: str) -> str:
        """Transcript of a recording, upper case."""
        return sentence(self._draw(path))

    def _draw(self, path: str) -> bytes:
        return hashlib.sha256(self.key(path).encode()).digest()

    def _whole(self, path: str) -> Samples:
        return _CACHE.get_or_make(self.key(path), lambda: self._say(path))

    def _say(self, path: str) -> Samples:
        text, voice = self.transcript(path).lower(), voice_of(self.speaker(path))
        codes = speak(text, voice=voice, seed=noise_seed(self._draw(path))).codes
        start, stop = audible_span(codes)
        return level(codes[start:stop])
