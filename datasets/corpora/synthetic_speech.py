"""Synthetic speech: matrix sentences by espeak-ng, needing no download.

Thirty voices say sentences of a small grammar, so that a recogniser with that grammar measures word error rates. A
speaker is a variant of the synthesiser at one pitch and one rate, and belongs to one split: the test voices are unseen
in training, and pocketsphinx understands each of them.
"""

from __future__ import annotations

from ..protocols.corpus import CORPORA
from ..signals.sample_cache import SampleCache
from .synthesis.espeak import Codes, speak
from .synthesis.matrix_sentences import jsgf, sentence
from .synthesis.voice_corpus import VoiceCorpus, audible_span, noise_seed, voice_of

KIND = "synthetic_speech"


@CORPORA.register(KIND)
class SyntheticSpeech(VoiceCorpus):
    """Matrix sentences at 22.05 kHz, 2 to 4 s long, labelled by speaker.

    Args:
        several: the grammar for recognisers lets sentences follow each other, as in meetings; the recordings stay the
            same.
    """

    kind = KIND
    version = "1"
    cache = SampleCache(max_bytes=96 * 2**20)

    def __init__(self, *, name: str = KIND, seed: int = 0, utterances: int = 12, several: bool = False) -> None:
        super().__init__(name=name, seed=seed, utterances=utterances)
        self._several = several

    def grammar(self) -> str:
        """JSGF grammar of all transcripts, in lower case, for a recogniser."""
        return jsgf(several=self._several)

    def transcript(self, path: str) -> str:
        """Transcript of a recording, upper case."""
        return sentence(self._random_bytes(path))

    def _synthesise(self, path: str) -> Codes:
        text, voice = self.transcript(path).lower(), voice_of(self.speaker(path))
        codes = speak(text, voice=voice, seed=noise_seed(self._random_bytes(path))).codes
        start, stop = audible_span(codes)
        return codes[start:stop]
