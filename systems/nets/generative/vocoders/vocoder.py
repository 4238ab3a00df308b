"""Interface of vocoders, and the choice between the embedded one and a file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from torch import Tensor

from .....core.errors import CheckpointError
from ..log_mel import LogMel
from .files import load_vocoder
from .griffin_lim import GriffinLim

_SAME = ("sample_rate_hz", "n_fft", "hop", "n_mels", "highest_hz")


class Vocoder(Protocol):
    """From log-mel spectra to waveforms, with a phase of its own: the card of its system says `phase: generated`.

    Attributes:
        mel: the log-mel spectra that it takes.
        description: kind and origin, for the card of a system.
    """

    mel: LogMel
    description: str

    def synthesise(self, log_mel: Tensor, *, mixture: Tensor) -> Tensor:
        """Log-mel spectra [B, n_mels, K] (not normalised) and mixtures [B, T] to waveforms [B, T]."""
        ...


def open_vocoder(path: str | Path | None, *, mel: LogMel) -> Vocoder:
    """The vocoder of a file, or Griffin-Lim without one, for the log-mel spectra of a system.

    Raises:
        CheckpointError: the file cannot be opened, or its vocoder was trained on other spectra.
    """
    if path is None:
        return GriffinLim(mel)
    vocoder = load_vocoder(path)
    for name in _SAME:
        needed, found = _value(mel, name), _value(vocoder.mel, name)
        if needed != found:
            raise CheckpointError(
                f"vocoder {str(path)!r} was trained on spectra with {name} = {found:g}, but the system makes spectra "
                f"with {name} = {needed:g}; give a vocoder that was trained on the same"
            )
    return vocoder


def _value(mel: LogMel, name: str) -> float:
    value = getattr(mel, name)
    return float(mel.sample_rate_hz / 2 if value is None else value)
