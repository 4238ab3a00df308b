"""Base of generative systems of target speech: training task and sampled system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from ...datasets.types import Truth
from ..checkpoints.checkpoint import Checkpoint, Initial, load_checkpoint
from ..checkpoints.networks import open_net, system_card
from ..nets.enrollment import join_enrollments
from ..nets.generative.noise import QueryNoise, member_seeds
from ..nets.generative.parametrisation import from_data_and_noise
from ..nets.generative.paths import expand
from ..nets.generative.samplers.build import SamplerConfig, SamplerName
from ..nets.speech_generator.config import SpeechGeneratorConfig
from ..nets.speech_generator.given import LevelledSignals, SpeechConditions
from ..nets.speech_generator.net import SpeechGenerator
from ..protocol import Extraction, Family, QueryBatch
from ..trainable import AnyTask, ExtractionLoss, LossFacts, TrainBatch
from .batches import check_rate, equal_lengths
from .enrolled import NO_ENROLLMENT, enrollments_of, has_samples
from .initial_estimates import attach_recorded, open_initial

Config = TypeVar("Config", bound=SpeechGeneratorConfig)
Net = TypeVar("Net", bound=SpeechGenerator[Any])

_LATE_WEIGHT_T = 0.3  # estimates of the data weigh 1/max(t, 0.3), since those at small t decide the last steps
_LARGEST_LEAK = 0.5


class GeneratedSpeechTask(Generic[Config, Net]):
    """Train a `SpeechGenerator` to predict data, score or velocity at random times of its path."""

    own_loss = LossFacts(name="denoising")
    net_config: type[Config]
    net_class: type[Net]

    def build(self, config: Config, *, classes: tuple[str, ...]) -> Net:
        """Network with fresh weights; sound classes are not used."""
        del classes
        return self.net_class(config)  # type: ignore[call-arg]

    def attach(self, net: Net, *, sample_rate_hz: int) -> tuple[Initial, Checkpoint] | None:
        """Give the network its frozen initial network, if its config has one."""
        if net.config.initial is None:
            return None
        opened = open_initial(net.config.initial, sample_rate_hz=sample_rate_hz)
        net.initial = opened
        return opened.source, opened.checkpoint

    def loss(self, net: Net, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]: weighted squared errors of the predictions."""
        del criterion
        config = net.config
        signals = net.signals(batch.mixture, batch.queries.lengths, *enrollments_of(batch))
        if net.training:
            signals = _leaking(signals, config.leakage)
        given = net.given(signals, start=config.start).repeated(config.draws)
        data = net.spectra.of(batch.target / signals.level).repeat_interleave(config.draws, dim=0)
        noise = standard_noise(data)
        losses = prediction_errors(net, data, noise, given)
        return losses.reshape(-1, config.draws).mean(dim=1)


def _leaking(signals: LevelledSignals, share: float) -> LevelledSignals:
    """Initial estimates of which a `share` is moved towards the mixture."""
    if signals.estimate is None or not share:
        return signals
    size, chosen = torch.rand(2, len(signals.mixture), 1).to(signals.mixture)
    leak = _LARGEST_LEAK * size * (chosen < share)
    return replace(signals, estimate=signals.estimate + leak * (signals.mixture - signals.estimate))


def standard_noise(like: Tensor) -> Tensor:
    """Normal noise of variance 1 in the shape and on the device of `like`."""
    kind = torch.complex64 if like.is_complex() else torch.float32
    return torch.randn(like.shape, dtype=kind).to(like)


def prediction_errors(net: SpeechGenerator[Any], data: Tensor, noise: Tensor, given: SpeechConditions) -> Tensor:
    """Weighted mean squared errors [B] of predictions at random times, for data and noise [B, F, K]."""
    path, predictor = net.path, net.predictor
    t = path.last + (1.0 - path.last) * torch.rand(len(data), dtype=torch.float64)
    prior = torch.rand(len(data)) < net.config.prior_share
    t = torch.where(prior, torch.ones_like(t), t).to(data.device)
    first = path.prior(start=given.start, noise=noise, t=t)
    state = path.state(data=data, start=given.start, noise=noise, t=t)
    state = torch.where(expand(prior, state).bool(), first, state)
    wanted = from_data_and_noise(data, noise, predictor.kind, path=path, start=given.start, t=t)
    errors = predictor(state, t, given) - wanted
    if predictor.kind == "score":
        errors = expand(path.coefficients(t).noise, errors) * errors
    means = _mean_square(errors, given.mask)
    return means / t.clamp_min(_LATE_WEIGHT_T).to(means) if predictor.kind == "data" else means


def _mean_square(errors: Tensor, mask: Tensor | None) -> Tensor:
    """Mean squared magnitudes [B] of errors [B, F, K] in the frames of a mask [B, 1, K]."""
    squares = errors.abs().square().mean(dim=1)
    if mask is None:
        return squares.mean(dim=-1)
    return (squares * mask[:, 0]).sum(dim=-1) / mask[:, 0].sum(dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where the samples of a group of queries begin.

    Attributes:
        state: first state [R, F, K]; None: that of the path, with the noise of each query.
        first: its times [R]; None: 1.
        level: [R, 1], by which the generated signals are multiplied.
    """

    state: Tensor | None
    first: Tensor | None
    level: Tensor


class GeneratedSpeech:
    """Target speech drawn from a generative network, by an enrollment; without the way that a harness calls it.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        sampler: "euler", "midpoint", "heun", "ddim" or "predictor_corrector"; null: the config's.
        steps: of the sampler; null: the config's.
        ensemble: samples of which an answer is the mean.
        initial: where the checkpoint of the initial estimate is, if not where the card says.
    """

    name: ClassVar[str]
    architecture: ClassVar[str]
    description: ClassVar[str]
    family: ClassVar[Family] = "generative"
    task: ClassVar[AnyTask]

    def __init__(
        self,
        *,
        checkpoint: str,
        sampler: SamplerName | None = None,
        steps: Annotated[int, Field(ge=1, le=10_000)] | None = None,
        ensemble: Annotated[int, Field(ge=1, le=1000)] = 1,
        initial: str | None = None,
        device: str = "cpu",
    ) -> None:
        opened = load_checkpoint(checkpoint, architecture=self.architecture)
        _, self._net = open_net(self.task, opened, device=device)
        config: SpeechGeneratorConfig = self._net.config
        attach_recorded(self._net, opened, initial)
        chosen = SamplerConfig(name=sampler or config.sampler, steps=steps or config.steps)
        self._sampler, self._ensemble, self._device = chosen.build(), ensemble, device
        options: dict[str, str | int | float | bool | None] = {
            "sampler": chosen.name,
            "steps": chosen.steps,
            "ensemble": ensemble,
            "evaluations": ensemble * self._sampler.evaluations(self._net.path),
        }
        if opened.card.initial is not None:
            options["initial_sha256"] = opened.card.initial.sha256
        card = system_card(
            opened,
            name=self.name,
            family=self.family,
            description=self.description,
            clues=frozenset({"enrollment"}),
            reference=checkpoint,
            options=options,
        )
        self.card = replace(card, stochastic=self._net.draws_noise, privileged=self.family == "oracle")

    def _begin(self, signals: LevelledSignals, given: SpeechConditions, truths: Sequence[Truth] | None) -> Beginning:
        """Where samples begin; `truths` are those of the queries, for an oracle."""
        del given, truths
        return Beginning(state=None, first=None, level=signals.level)

    def _answer(self, batch: QueryBatch, truths: Sequence[Truth] | None = None) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        check_rate(batch, self.card)
        enrolled = [row for row, clues in enumerate(batch.clues) if has_samples(clues.enrollments)]
        estimate = torch.zeros(len(batch), batch.mixture.shape[-1], device=batch.mixture.device)
        for length, rows in equal_lengths(batch, enrolled):
            for row, answer in zip(rows, self._drawn(batch, rows, length, truths), strict=True):
                estimate[row, :length] = answer
        failures = {query_id: NO_ENROLLMENT for row, query_id in enumerate(batch.ids) if row not in enrolled}
        return Extraction(estimate=estimate, failures=failures)

    def _drawn(self, batch: QueryBatch, rows: Sequence[int], length: int, truths: Sequence[Truth] | None) -> Tensor:
        """Answers [R, T] to queries of one length: the means of their samples."""
        net, device = self._net, self._device
        signals = net.signals(
            torch.stack([batch.mixture[row, 0, :length] for row in rows]).to(device),
            torch.full((len(rows),), length, device=device),
            *join_enrollments([batch.clues[row].enrollments for row in rows], device=device),
        )
        given = net.given(signals, start=net.config.start)
        begin = self._begin(signals, given, None if truths is None else [truths[row] for row in rows])
        seeds = [member_seeds(batch.seeds[row], self._ensemble) for row in rows]
        total = torch.zeros_like(signals.mixture)
        for member in range(self._ensemble):
            noise = QueryNoise([own[member] for own in seeds], [given.start.shape[-1]] * len(rows))
            generated = self._sampler.sample(
                net.path, net.denoiser(given), start=given.start, noise=noise, state=begin.state, first=begin.first
            )
            total += net.spectra.signal(generated, phase=given.phase, num_samples=length)
        return total / self._ensemble * begin.level


class GeneratedSpeechSystem(GeneratedSpeech):
    """System of a generative network of target speech."""

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        return self._answer(batch)
