"""DPM-TSE: target sounds by their class, drawn by diffusion on log-mel spectra (Hai et al., ICASSP 2024)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import CheckpointError, ConfigError
from .checkpoints.checkpoint import Checkpoint, load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.dpm_tse import DpmTseConfig, DpmTseNet, QueriedMixture
from .nets.generative.log_mel import LogMel
from .nets.generative.mel_mask import AT_FLOOR, masked
from .nets.generative.noise import QueryNoise, member_seeds
from .nets.generative.paths import expand
from .nets.generative.samplers.ddim import Ddim
from .nets.generative.vocoders.vocoder import Vocoder, open_vocoder
from .nets.tcn import frame_mask
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.batches import check_rate, equal_lengths, full_float32
from .shared.class_pairs import class_pairs
from .shared.class_queries import read_labels
from .trainable import TASKS, ExtractionLoss, LossFacts, TrainBatch

NAME = "dpm_tse"
PAPER_STEPS = 50

Waveform = Literal["mask", "griffin_lim", "vocoder"]

_SILENCE = math.log(1e-5)


class DpmTseTask:
    """Mean squared error of v (Salimans and Ho, 2022) at a time and noise drawn for each pair."""

    net_config = DpmTseConfig
    own_loss = LossFacts(name="v_squared_error")

    def build(self, config: DpmTseConfig, *, classes: tuple[str, ...]) -> DpmTseNet:
        """Network with fresh weights."""
        return DpmTseNet(config, classes=classes)

    def loss(self, net: DpmTseNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B], the mean over draws; `criterion`, a loss of signals, is not used.

        Raises:
            ConfigError: data of another rate than the network's, or queries of several classes.
        """
        del criterion
        c = net.config
        if batch.queries.sample_rate_hz != c.sample_rate_hz:
            raise ConfigError(
                f"net.sample_rate_hz = {c.sample_rate_hz}, but the training data is at "
                f"{batch.queries.sample_rate_hz} Hz; set both to one rate"
            )
        pairs = class_pairs(batch, net.classes, draws=c.draws, inactive_share=c.inactive_share)
        frames = net.frames(pairs.mixture.shape[-1])
        counts = torch.tensor([net.frames(int(samples)) for samples in pairs.lengths], device=pairs.mixture.device)
        mixture, data = net.scaled(pairs.mixture, frames), net.scaled(pairs.target, frames)
        start = torch.zeros_like(data)
        t = _times(len(data), least=max(c.time_least, 1.0 / c.train_steps)).to(data.device)
        state = net.path.state(data=data, start=start, noise=torch.randn_like(data), t=t)
        mask = frame_mask(counts, num_frames=frames)
        found: Tensor = net(state, t, QueriedMixture(mixture=mixture, classes=pairs.classes, mask=mask))
        # The error of v is that of the data over the weight of the noise.
        weight = expand(net.path.coefficients(t).noise, data)
        error: Tensor = ((found - data) / weight).square().mean(dim=1)
        mean = error.mean(dim=1) if mask is None else (error * mask[:, 0]).sum(dim=1) / counts
        return mean.view(c.draws, -1).mean(dim=0)


TASKS.register(NAME)(DpmTseTask())


def _times(count: int, *, least: float) -> Tensor:
    """Times [P] of `least` to 1, spread evenly from a random one on."""
    places = (torch.rand(1) + torch.arange(count, dtype=torch.float64) / count) % 1.0
    return 1.0 - (1.0 - least) * places


@register_system(NAME)
class DpmTse:
    """Sound extraction by class labels; the log-mel spectrum is drawn from noise, given mixture and class.

    A query of several classes is answered class by class, and the magnitudes are added.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        steps: steps of DDIM, each with one evaluation of the network for each class.
        eta: share of fresh noise of DDIM, from 0 (deterministic but for the first noise) to 1 (as in the paper).
        waveform: "mask": the ratio of the estimated to the mixture's mel magnitudes is a mask on the mixture, whose
            phase is kept; "griffin_lim": a phase is searched, from the mixture's on; "vocoder": that of `vocoder` makes
            the waveform.
        vocoder: weights file of a HiFi-GAN or BigVGAN for the log-mel spectra of the network, with its `config.json`
            next to it (AudioLDM's needs none); for `waveform: vocoder`.

    Raises:
        ConfigError: one of `waveform: vocoder` and `vocoder` without the other.
        CheckpointError: the vocoder cannot be opened, or takes other spectra.
    """

    name: ClassVar[str] = NAME

    def __init__(
        self,
        *,
        checkpoint: str,
        steps: Annotated[int, Field(ge=1, le=1000)] = PAPER_STEPS,
        eta: Annotated[float, Field(ge=0, le=1)] = 1.0,
        waveform: Waveform = "mask",
        vocoder: str | None = None,
        device: str = "cpu",
    ) -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        self._set_up(
            opened, reference=checkpoint, steps=steps, eta=eta, waveform=waveform, vocoder=vocoder, device=device
        )

    def _set_up(
        self,
        opened: Checkpoint,
        *,
        reference: str,
        steps: int,
        eta: float,
        waveform: Waveform,
        vocoder: str | None,
        device: str,
    ) -> None:
        config, self._net = open_net(DpmTseTask(), opened, device=device)
        if config.sample_rate_hz != opened.card.sample_rate_hz:
            raise CheckpointError(
                f"checkpoint {reference!r}: its card says {opened.card.sample_rate_hz} Hz, and its network "
                f"{config.sample_rate_hz} Hz; one of the two was changed: fetch both again"
            )
        self._device = device
        self._sampler = Ddim(steps=steps, eta=eta, limit=config.span)
        self._vocoder = _vocoder(waveform, vocoder, self._net.log_mel)
        made_by = "mask on the mixture" if self._vocoder is None else self._vocoder.description
        card = system_card(
            opened,
            name=self.name,
            family="generative",
            description="diffusion on log-mel spectra, conditioned on class labels (Hai et al., 2024)",
            clues=frozenset({"classes"}),
            reference=reference,
            classes=self._net.classes,
            options={"sampler": "ddim", "steps": steps, "eta": eta, "evaluations": steps, "waveform": made_by},
        )
        self.card = replace(card, stochastic=True, phase="kept" if self._vocoder is None else "generated")

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without a known class fail alone."""
        check_rate(batch, self.card)
        labels, failures = read_labels(batch, self._net.classes)
        mixture = batch.mixture[:, 0].to(self._device)
        estimate = torch.zeros_like(mixture)
        answerable = [row for row, each in enumerate(labels) if each]
        with full_float32():
            for length, rows in equal_lengths(batch, answerable):
                signals = mixture[rows, :length]
                log_mels = self._drawn(signals, [labels[row] for row in rows], [batch.seeds[row] for row in rows])
                estimate[rows, :length] = self._waveforms(log_mels, signals)
        return Extraction(estimate=estimate, failures=failures)

    def _waveforms(self, log_mels: Tensor, mixture: Tensor) -> Tensor:
        """Signals [B, T] float32 of log-mel spectra [B, M, K] for mixtures [B, T]."""
        net, samples = self._net, mixture.shape[-1]
        if self._vocoder is None:
            return masked(net.log_mel, mixture=mixture, estimate=log_mels).float()
        # A value at the floor is silence, also where the floor is high.
        silent = log_mels < math.log(net.config.floor) + AT_FLOOR
        log_mels = torch.where(silent, min(math.log(net.config.floor), _SILENCE), log_mels)
        whole = F.pad(mixture, (0, log_mels.shape[-1] * net.config.hop - samples))
        return self._vocoder.synthesise(log_mels, mixture=whole)[..., :samples].float()

    def _drawn(self, mixture: Tensor, labels: Sequence[tuple[str, ...]], seeds: Sequence[int]) -> Tensor:
        """Log-mel spectra [B, M, K] of mixtures [B, T] of one length, for the classes and the seed of each."""
        net, samples = self._net, mixture.shape[-1]
        frames = net.frames(samples, padded=True)
        owners = [row for row, names in enumerate(labels) for _ in names]
        classes = torch.tensor([net.classes.index(name) for names in labels for name in names], device=mixture.device)
        noise = QueryNoise(
            [each for seed, names in zip(seeds, labels, strict=True) for each in member_seeds(seed, len(names))],
            [frames] * len(owners),
        )
        scaled = net.scaled(mixture, frames)[owners]
        given = QueriedMixture(mixture=scaled, classes=classes)

        def denoiser(state: Tensor, t: Tensor) -> Tensor:
            data: Tensor = net(state, t, given)
            return data

        drawn = self._sampler.sample(net.path, denoiser, start=torch.zeros_like(scaled), noise=noise)
        floor = net.config.floor
        above = (net.unscaled(drawn[..., : net.frames(samples)]).exp() - floor).clamp_min(0.0)
        together = above.new_zeros(len(mixture), *above.shape[1:])
        return (together.index_add(0, torch.tensor(owners, device=above.device), above) + floor).log()


def _vocoder(waveform: Waveform, path: str | None, log_mel: LogMel) -> Vocoder | None:
    """What makes the waveform; None for a mask."""
    if (waveform == "vocoder") != (path is not None):
        raise ConfigError(
            f"waveform = {waveform!r} with vocoder = {path!r}: give the weights file of a vocoder with "
            "`waveform: vocoder`, and none otherwise"
        )
    return None if waveform == "mask" else open_vocoder(path, mel=log_mel)
