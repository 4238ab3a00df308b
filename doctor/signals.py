"""Built-in signals on which metrics are compared with their references; nothing to download."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.corpora.synthesis.voice_corpus import SPEAKERS
from ..datasets.corpora.synthetic_speech import SyntheticSpeech
from ..datasets.seeding import generator
from ..datasets.signals.audio import Samples, resample
from ..datasets.signals.mixing import snr_gain

_LENGTHS_S = {"very short": 0.3, "short": 1.0, "utterance": 2.0, "long": 8.0}  # STOI needs 0.4 s
CLASSES = ("bell", "dog", "rain", "siren", "speech")
_FEW = ("noise 5 dB", "another voice")  # kinds of estimates for lengths other than "utterance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Signals [T] of one length, float32, with a name for messages.

    Attributes:
        interferer: the mixture without the reference.
        transcript: some words, not those of the speech.
        active_classes: some of `CLASSES`.
        class_probabilities: of `CLASSES`.
    """

    name: str
    estimate: Samples
    reference: Samples
    mixture: Samples
    interferer: Samples
    sample_rate_hz: int
    transcript: str
    active_classes: tuple[str, ...]
    class_probabilities: tuple[float, ...]


def built_in_cases() -> list[Case]:
    """Synthetic speech at two rates, short and long, and estimates from bad to nearly perfect."""
    corpus = SyntheticSpeech(utterances=2)
    first, second = ([r.path for r in corpus.recordings() if r.label == voice] for voice in SPEAKERS["test"][:2])
    cases = []
    for rate in (8000, 16000):
        voice, other = (_speech(corpus, paths, rate) for paths in (first, second))
        for length, seconds in _LENGTHS_S.items():
            frames = int(seconds * rate)
            target, interferer = np.resize(voice, frames), np.resize(other, frames)
            cases += [
                _case(f"{kind}, {length}, {rate} Hz", estimate, target, interferer, rate)
                for kind, estimate in _estimates(target, interferer, rate)
                if length == "utterance" or kind in _FEW
            ]
    return cases


def _case(name: str, estimate: Samples, target: Samples, interferer: Samples, rate_hz: int) -> Case:
    rng = generator("doctor metrics", name)
    return Case(
        name=name,
        estimate=estimate.astype(np.float32),
        reference=target,
        mixture=target + interferer,
        interferer=interferer,
        sample_rate_hz=rate_hz,
        transcript=" ".join(rng.choice(["BIN", "BLUE", "AT", "F", "TWO", "NOW"], size=5)),
        active_classes=tuple(c for c in CLASSES if rng.random() < 0.5),
        class_probabilities=tuple(round(float(p), 3) for p in rng.random(len(CLASSES))),
    )


def _speech(corpus: SyntheticSpeech, paths: Sequence[str], rate_hz: int) -> Samples:
    """All utterances of one voice, one after the other."""
    read = map(corpus.read, paths)
    return np.concatenate([resample(samples, from_hz=rate, to_hz=rate_hz) for samples, rate in read])


def _estimates(target: Samples, other: Samples, rate_hz: int) -> Iterator[tuple[str, Samples]]:
    """Estimates [T] of a target, by what is wrong with them."""
    noise = generator("doctor metrics").standard_normal(len(target)).astype(np.float32)

    def noisy(signal: Samples, snr_db: float) -> Samples:
        return signal + noise * np.float32(snr_gain(signal=signal, noise=noise, snr_db=snr_db))

    for snr_db in (-20.0, -5.0, 0.0, 5.0, 20.0):
        yield f"noise {snr_db:g} dB", noisy(target, snr_db)
    late = np.concatenate([np.zeros(rate_hz // 200, np.float32), target[: -(rate_hz // 200)]])
    peak = float(np.abs(target).max())
    yield "nearly perfect", noisy(target, 60.0)
    yield "another voice", target + np.float32(0.5) * other
    yield "delayed 5 ms", noisy(late, 20.0)
    yield "scaled by 0.1", np.float32(0.1) * noisy(target, 15.0)
    yield "clipped", np.clip(target, -0.2 * peak, 0.2 * peak)
    yield "inverted", -noisy(target, 10.0)
    yield "with an offset", noisy(target, 10.0) + np.float32(0.1 * peak)
    yield "noise alone", np.float32(0.1) * noise
