"""Networks of DPM-TSE: estimates of log-mel spectra from noise, conditioned on the mixture and a sound class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .generative.dilated import DilatedNet
from .generative.log_mel import LogMel
from .generative.parametrisation import convert, gaussian_posterior
from .generative.unet2d import UNet2d
from .generative.variance_preserving import VariancePreserving
from .tcn import apply_mask

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Beta = Annotated[float, Field(gt=0, lt=1)]

_FIRST_LOG_VARIANCE = -2.0


class DpmTseConfig(StrictModel):
    """Hyper-parameters; those of the paper and its public code unless set.

    Attributes:
        sample_rate_hz: sample rate, that of the training data.
        n_fft: length of a frame and of its Hann window, in samples.
        hop: samples from frame to frame; even.
        mels: M, bands on Slaney's mel scale from 0 Hz to half the rate.
        floor: least magnitude of a band.
        lowest: natural logarithm of the magnitude that the network sees as −`span`.
        highest: natural logarithm of the magnitude that it sees as `span`.
        span: half of the range of its values; a sampler cuts estimates to ±`span`.
        pad_s: length to which shorter mixtures are padded with zeros, in s; 0: none is.
        backbone: "unet", the 2-D U-Net of the paper, which predicts v; or "dilated", a small 1-D network for CPUs: it
            predicts mean and variance of each value given mixture and class, and so the posterior mean given the state.
        channels: of the first level of the U-Net, or of all blocks of the dilated network.
        channels_most: most channels of a level of the U-Net; each has twice as many as the one before.
        levels: levels of the U-Net.
        attention_levels: how many of its lowest levels have attention.
        blocks: residual blocks of a level on the way down, or of the dilated network in all.
        cycle: blocks after which the dilated network begins again with the dilation 1.
        head_dim: channels of an attention head.
        groups: groups of the U-Net's normalisation.
        embedding: entries of the embeddings of time and class in the dilated network.
        train_steps: noise levels of the schedule.
        beta_first: β of the first noise level; β rises linearly.
        beta_last: β of the last, before the schedule is moved to zero terminal SNR.
        time_least: least time in training, of 0..1; 1 is noise alone.
        draws: times and noises drawn for each training mixture.
        inactive_share: share of the training mixtures that are queried for a class they do not contain, whose target is
            silence.
    """

    sample_rate_hz: Annotated[int, Field(gt=0, le=384_000)] = 16000
    n_fft: Positive = 1024
    hop: Annotated[int, Field(gt=0, multiple_of=2)] = 160
    mels: Positive = 64
    floor: Annotated[float, Field(gt=0)] = 1e-5
    lowest: float = -12.0
    highest: float = 2.5
    span: Annotated[float, Field(gt=0)] = 1.0
    pad_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    backbone: Literal["unet", "dilated"] = "unet"
    channels: Positive = 128
    channels_most: Positive = 512
    levels: Annotated[int, Field(gt=0, le=8)] = 4
    attention_levels: Annotated[int, Field(ge=0, le=8)] = 2
    blocks: Annotated[int, Field(gt=0, le=64)] = 2
    cycle: Annotated[int, Field(gt=0, le=12)] = 5
    head_dim: Positive = 32
    groups: Positive = 32
    embedding: Positive = 128
    train_steps: Annotated[int, Field(ge=2, le=100_000)] = 1000
    beta_first: Beta = 1e-4
    beta_last: Beta = 0.02
    time_least: Share = 0.0
    draws: Annotated[int, Field(gt=0, le=64)] = 1
    inactive_share: Share = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriedMixture:
    """Conditions of B estimates.

    Attributes:
        mixture: scaled log-mel spectra [B, M, K] of the mixtures.
        classes: [B] numbers of the queried classes.
        mask: [B, 1, K] with ones on true frames, or None where all are.
    """

    mixture: Tensor
    classes: Tensor
    mask: Tensor | None = None


class DpmTseNet(nn.Module):
    """Estimates of scaled log-mel spectra [B, M, K] of one class for each mixture.

    Attributes:
        log_mel: log-mel spectra as the network's config has them.
        path: noise schedule with zero terminal SNR.
    """

    def __init__(self, config: DpmTseConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.config = c = config
        self.classes = classes
        self.log_mel = LogMel(
            sample_rate_hz=c.sample_rate_hz,
            n_fft=c.n_fft,
            hop=c.hop,
            n_mels=c.mels,
            floor=c.floor,
            lowest=c.lowest,
            highest=c.highest,
        )
        self.path = VariancePreserving(beta_first=c.beta_first, beta_last=c.beta_last, train_steps=c.train_steps)
        backbone = PaperNet if c.backbone == "unet" else SmallNet
        self.net: PaperNet | SmallNet = backbone(c, num_classes=len(classes), path=self.path)

    def frames(self, samples: int, *, padded: bool = False) -> int:
        """K, number of frames of a mixture of so many samples; `padded` adds those of `pad_s`."""
        c = self.config
        return math.ceil(max(1, samples, c.pad_s * c.sample_rate_hz if padded else 0) / c.hop)

    def scaled(self, signal: Tensor, frames: int) -> Tensor:
        """Scaled log-mel spectra [B, M, K] of signals [B, T], padded with zeros or cut to K frames."""
        whole = F.pad(signal, (0, frames * self.config.hop - signal.shape[-1]))
        return self.config.span * self.log_mel.normalise(self.log_mel.transform(whole))

    def unscaled(self, values: Tensor) -> Tensor:
        """Log-mel spectra of scaled ones."""
        return self.log_mel.denormalise(values / self.config.span)

    def forward(self, state: Tensor, t: Tensor, given: QueriedMixture) -> Tensor:
        """Estimates of the data [B, M, K] at states of the path [B, M, K] and times [B]."""
        return apply_mask(self.net(state, t, given), given.mask)


class PaperNet(nn.Module):
    """2-D U-Net that predicts v from state and mixture as two channels, with the names of the public weights."""

    def __init__(self, config: DpmTseConfig, *, num_classes: int, path: VariancePreserving) -> None:
        super().__init__()
        self._path = path
        widths = [min(config.channels * 2**level, config.channels_most) for level in range(config.levels)]
        self.unet = UNet2d(
            in_channels=2,
            out_channels=1,
            widths=widths,
            attention=[level >= config.levels - config.attention_levels for level in range(config.levels)],
            layers=config.blocks,
            num_classes=num_classes,
            head_dim=config.head_dim,
            groups=config.groups,
        )

    def forward(self, state: Tensor, t: Tensor, given: QueriedMixture) -> Tensor:
        """Estimates of the data [B, M, K]; frames and bands are padded to what the levels need.

        Normalisation and attention also see padding, as in the paper.
        """
        bands, frames = state.shape[1:]
        rest = [-size % self.unet.factor for size in (frames, bands)]
        signal = F.pad(torch.stack([state, given.mixture], dim=1), (0, rest[0], 0, rest[1]))
        # Index i of the public noise levels is the time (i + 1) / T.
        v = self.unet(signal, t * self._path.train_steps - 1.0, given.classes)[:, 0, :bands, :frames]
        return convert(v, kind="v", to="data", path=self._path, state=state, start=torch.zeros_like(state), t=t)


class SmallNet(nn.Module):
    """1-D network that predicts a normal distribution of each value given mixture and class.

    Its mean lies between silence and the mixture, with a correction. The estimate is the posterior mean given the
    state, so that noise passes only as far as the distribution is wide.
    """

    def __init__(self, config: DpmTseConfig, *, num_classes: int, path: VariancePreserving) -> None:
        super().__init__()
        self._path = path
        self._span = config.span
        self.label = nn.Embedding(num_classes, config.embedding)
        self.net = DilatedNet(
            channels_in=2 * config.mels,
            channels_out=3 * config.mels,
            clue_dim=config.embedding,
            channels=config.channels,
            blocks=config.blocks,
            cycle=config.cycle,
            embedding_dim=config.embedding,
        )

    def forward(self, state: Tensor, t: Tensor, given: QueriedMixture) -> Tensor:
        """Estimates of the data [B, M, K]."""
        mixture = given.mixture
        predicted = self.net(torch.cat([state, mixture], dim=1), t, self.label(given.classes), given.mask)
        gate, correction, log_variance = predicted.chunk(3, dim=1)
        mean = (mixture + self._span) * gate.sigmoid() - self._span + correction
        variance = (log_variance + _FIRST_LOG_VARIANCE).clamp(-12.0, 4.0).exp()
        estimate, _ = gaussian_posterior(
            state, mean=mean, variance=variance, path=self._path, start=torch.zeros_like(state), t=t
        )
        return estimate
