"""Conditions of a generative network of target speech, and the spectra that it works on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..generative.spectra import CompressedStft
from .config import SpectrumKind, SpeechGeneratorConfig


class InitialNet(Protocol):
    """A frozen network that extracts by an enrollment."""

    def extract(
        self, mixture: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Estimates [B, T] and embeddings [B, D] from mixtures [B, T] and enrollments [B, T']."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelledSignals:
    """LevelledSignals of a batch with their level: mixtures of unit RMS.

    Attributes:
        mixture: [B, T], zeros past the lengths.
        lengths: [B].
        enrollment: [B, T'] of unit RMS, zeros past their lengths.
        enrollment_lengths: [B].
        estimate: [B, T] initial estimates, if there is an initial network.
        embedding: [B, D] of its own of the enrollments.
        level: [B, 1], by which estimates are multiplied.
    """

    mixture: Tensor
    lengths: Tensor
    enrollment: Tensor
    enrollment_lengths: Tensor
    estimate: Tensor | None
    embedding: Tensor | None
    level: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechConditions:
    """Conditions of a batch; spectra are [B, F, K], complex or real magnitudes.

    Attributes:
        mixture: spectrum of the mixture.
        centre: spectrum of the initial estimate, or of the mixture without one.
        start: where the path begins; zeros for noise.
        clue: [B, D] embedding of the enrollment.
        enrollment: spectrum [B, F, K'] of the enrollment.
        phase: complex spectrum whose phase a generated magnitude gets.
        mask: [B, 1, K] of the frames, None if all are true ones.
        enrollment_mask: [B, 1, K'] of the frames of the enrollment.
    """

    mixture: Tensor
    centre: Tensor
    start: Tensor
    clue: Tensor
    enrollment: Tensor
    phase: Tensor
    mask: Tensor | None
    enrollment_mask: Tensor | None

    def repeated(self, times: int) -> SpeechConditions:
        """Each item `times` times in a row."""
        if times == 1:
            return self
        tensors = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(
            self, **{name: each.repeat_interleave(times, dim=0) for name, each in tensors.items() if each is not None}
        )


class GeneratedSpectra:
    """LevelledSignals to the spectra that are generated, and back."""

    def __init__(self, config: SpeechGeneratorConfig) -> None:
        self.kind: SpectrumKind = config.spectrum
        self.stft = CompressedStft(n_fft=config.n_fft, hop=config.hop, exponent=config.exponent, scale=config.scale)

    def of(self, signal: Tensor) -> Tensor:
        """LevelledSignals [B, T] to compressed spectra [B, F, K], complex or magnitudes."""
        return self.shown(self.stft.transform(signal))

    def shown(self, spectrum: Tensor) -> Tensor:
        """A compressed complex spectrum as it is generated."""
        return spectrum if self.kind == "complex" else spectrum.abs()

    def signal(self, generated: Tensor, *, phase: Tensor, num_samples: int) -> Tensor:
        """Generated spectra to signals [B, T]; magnitudes below zero are silent."""
        if self.kind == "magnitude":
            generated = torch.polar(generated.clamp_min(0.0), phase.angle())
        return self.stft.inverse(generated, num_samples=num_samples)
