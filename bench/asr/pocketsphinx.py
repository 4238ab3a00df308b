"""PocketSphinx: a small recogniser of English that needs no download.

With the grammar of a dataset it understands the synthetic voices; its own language model is for read news. Worker
processes import this module: keep its imports light.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.packages import installed_version
from .protocol import RECOGNISERS, SAMPLE_RATE_HZ, import_package

_NAME = "pocketsphinx"
# 0.3 s of white noise, 16 bit.
_FLUSH = hashlib.shake_256(b"tsebench pocketsphinx").digest(2 * 3 * SAMPLE_RATE_HZ // 10)


@dataclass(frozen=True)
class PocketSphinx:
    """One signal at a time on the CPU; see `Recogniser`.

    The decoder takes 16-bit samples: signals are clipped at full scale, never rescaled.

    Attributes:
        grammar: JSGF text with words in lower case, or None for the English language model.
    """

    grammar: str | None = None
    batched = False

    def signature(self) -> str:
        """For example `pocketsphinx:5.1.1|grammar:ab12cd34` or `pocketsphinx:5.1.1|lm:en-us`."""
        digest = None if self.grammar is None else hashlib.sha256(self.grammar.encode()).hexdigest()
        return f"{_NAME}:{installed_version(_NAME)}|{f'grammar:{digest[:8]}' if digest else 'lm:en-us'}"

    def transcribe(self, signals: Sequence[NDArray[np.float32]], sample_rate_hz: int) -> list[str]:
        """Lower-case text of mono signals [T_k]; "" where no sentence of the grammar fits.

        Raises:
            ConfigError: the package is missing, or refuses the grammar.
        """
        decoder = _decoder(self.grammar)
        return [_recognise(decoder, _codes(signal, sample_rate_hz)) for signal in signals]


@RECOGNISERS.register(_NAME)
def open_pocketsphinx(
    argument: str,
    *,
    device: str,  # noqa: ARG001 - it runs on the CPU
    grammar: str | None,
    batch_size: int,  # noqa: ARG001 - and one signal at a time
    language: str = "en",
) -> PocketSphinx:
    """`pocketsphinx`, which takes no argument; the decoder is tried with the grammar at once."""
    if argument:
        problem = f"write {_NAME!r}: the grammar comes from the dataset"
        raise ConfigError(f"recogniser '{_NAME}:{argument}' has an argument; {problem}")
    if language not in {"en", "auto"}:
        raise ConfigError(
            f"recogniser {_NAME!r} knows English only, and the language is {language!r}; use whisper:<size>, or a "
            "recogniser of your own"
        )
    _decoder(grammar)
    return PocketSphinx(grammar)


@lru_cache(maxsize=2)
def _decoder(grammar: str | None) -> Any:
    """A decoder for this process; it takes 0.1 s to make, or 0.3 s with the language model."""
    package = import_package(_NAME, distribution=_NAME)
    # Not by get_model_path(): an environment variable can point it at other models.
    models = Path(str(package.__file__)).with_name("model") / "en-us"
    try:
        decoder = package.Decoder(
            hmm=str(models / "en-us"),
            dict=str(models / "cmudict-en-us.dict"),
            lm=str(models / "en-us.lm.bin") if grammar is None else None,
            samprate=SAMPLE_RATE_HZ,
            loglevel="FATAL",
        )
    except RuntimeError as error:
        raise ConfigError(f"{_NAME} does not load its models at {str(models)!r} ({error}); reinstall it") from None
    if grammar is not None:
        try:
            decoder.add_jsgf_string("grammar", grammar)
            decoder.activate_search("grammar")
        except (ValueError, RuntimeError, KeyError):
            raise ConfigError(f"{_NAME} refuses the grammar: {_problem(decoder, grammar)}") from None
    return decoder


def _problem(decoder: Any, grammar: str) -> str:
    """Reason why a grammar is refused, which the decoder does not give."""
    body = re.sub(r"<[^>]*>|\{[^}]*\}|/[^/\n]*/|//.*", " ", grammar.partition(";")[2])
    rules = re.findall(r"=([^;]*);", body)
    words = sorted({word for rule in rules for word in re.findall(r"[\w'-]+", rule)})
    unknown = [word for word in words if decoder.lookup_word(word) is None]
    if unknown:
        return f"its dictionary has no {unknown[0]!r} ({len(unknown)} such words; lower case?)"
    return "it is not JSGF with a public rule"


def _codes(signal: NDArray[np.float32], sample_rate_hz: int) -> bytes:
    """Samples of a 16-bit wav file of the signal [T] at 16 kHz."""
    from ...datasets.signals.audio import quantise_int16, resample  # noqa: PLC0415

    resampled = resample(signal, from_hz=sample_rate_hz, to_hz=SAMPLE_RATE_HZ)
    return (quantise_int16(resampled) * 2**15).astype("<i2").tobytes()


def _recognise(decoder: Any, codes: bytes) -> str:
    """Text of one utterance, independent of earlier ones.

    Its front end keeps an estimate of the noise, which only `reinit_feat` clears. Its acoustic model keeps the best
    densities of the last frame, and they decide on signals that are all but silent; a burst of noise leaves the same
    ones there each time.
    """
    if not codes:
        return ""
    for samples in (_FLUSH, codes):
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
    best = decoder.hyp()
    return str(best.hypstr) if best else ""
