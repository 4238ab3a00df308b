"""Hyper-parameters that generative networks of target speech have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ....core.validation import StrictModel
from ..generative.samplers.build import SamplerName

Size = Annotated[int, Field(gt=0, le=65_536)]
Share = Annotated[float, Field(ge=0, le=1)]
SpectrumKind = Literal["complex", "magnitude"]


class SpeechGeneratorConfig(StrictModel):
    """Spectrum, conditions, sampling and training of a generative network of target speech.

    Attributes:
        initial: checkpoint of a frozen discriminative network, by path or shipped name, whose estimate (and whose
            embedding of the enrollment) the network is given; null: none. Its weights stay in that checkpoint.
        spectrum: what is generated: the "complex" spectrum, or its "magnitude", with the phase of the initial estimate
            (of the mixture without one).
        n_fft: samples of a frame of the STFT.
        hop: samples from frame to frame.
        exponent: α of the compressed magnitude β|X|^α of signals that are scaled so that the mixture has unit RMS.
        scale: β.
        channels: of a layer of the network.
        blocks: residual blocks of the network, or of each of its levels.
        clue_dim: entries of the embedding of the enrollment; with `initial`, that of its embedding; 0 has none, for a
            network that takes the enrollment itself.
        clue_filters: N of the encoder of the enrollment, as the auxiliary network of TD-SpeakerBeam; without `initial`.
        clue_filter_length: its L in samples; the stride is L/2.
        clue_channels: B = H of its blocks.
        clue_blocks: its blocks.
        sampler: default sampler.
        steps: default number of steps.
        draws: states of different times and noise that a training item is used for; the initial estimate is computed
            once for all of them.
        prior_share: share of the training states at t = 1, where sampling begins.
        leakage: share of the training items whose initial estimate is moved towards the mixture, by up to a half. The
            initial network knows the voices it was trained on too well; its errors on other voices are larger.
    """

    initial: str | None = None
    spectrum: SpectrumKind = "complex"
    n_fft: Annotated[int, Field(ge=16, le=8192, multiple_of=2)] = 510
    hop: Size = 128
    exponent: Annotated[float, Field(gt=0, le=1)] = 0.5
    scale: Annotated[float, Field(gt=0)] = 0.15
    channels: Size = 128
    blocks: Annotated[int, Field(gt=0, le=64)] = 2
    clue_dim: Annotated[int, Field(ge=0, le=65_536)] = 256
    clue_filters: Size = 256
    clue_filter_length: Annotated[int, Field(ge=2, le=8192, multiple_of=2)] = 40
    clue_channels: Size = 256
    clue_blocks: Annotated[int, Field(gt=0, le=14)] = 8
    sampler: SamplerName = "euler"
    steps: Annotated[int, Field(gt=0, le=10_000)] = 1
    draws: Annotated[int, Field(gt=0, le=64)] = 1
    prior_share: Share = 0.0
    leakage: Share = 0.0

    @property
    def bins(self) -> int:
        """F, frequencies of the spectrum."""
        return self.n_fft // 2 + 1
