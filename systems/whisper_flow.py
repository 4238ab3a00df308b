"""Target speech extraction by a Whisper that knows the speaker, and flow matching (arXiv 2501.14477).

An enrollment makes a frozen Whisper a recogniser of its speaker: by a speaker embedding, frames of the enrollment and
learned frames as prompts, and by low-rank adapters. A flow-matching acoustic model draws the target's magnitudes given
the Whisper's states, the mixture and, if there is one, the estimate of a frozen discriminative network. Both are
trained together, with the recogniser's loss.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..core.errors import CheckpointError, ConfigError
from ..core.progress import ProgressFactory
from .checkpoints.checkpoint import Checkpoint, Initial, load_checkpoint
from .checkpoints.networks import open_net, system_card
from .nets.enrollment import join_enrollments
from .nets.generative.log_mel import LogMel
from .nets.generative.noise import QueryNoise, member_seeds
from .nets.generative.samplers.build import SamplerConfig, SamplerName
from .nets.generative.spectra import CompressedStft
from .nets.generative.vocoders.vocoder import open_vocoder
from .nets.whisper_flow import Heard, WhisperFlowConfig, WhisperFlowNet
from .nets.whisper_flow_spectra import DrawnSpectra, Magnitudes, MelLevels
from .protocol import Extraction, QueryBatch
from .registry import register_system
from .shared.batches import check_rate
from .shared.enrolled import NO_ENROLLMENT, enrollments_of, has_samples
from .shared.initial_estimates import open_initial
from .shared.whisper_files import open_listener
from .trainable import TASKS, ExtractionLoss, FirstItems, LossFacts, TrainBatch

NAME = "whisper_flow"
_FITTED_TO = 64  # items
_AT_START = 0.2  # share of the times at t = 1, where sampling begins
_LEAST_TIME = 0.3  # of the loss's weight
_LARGEST_LEAK = 0.3
_MOST = 1000
_SAMPLERS: tuple[SamplerName, ...] = ("euler", "midpoint", "heun")


class WhisperFlowTask:
    """Squared error of the magnitudes over the time, and the weighted cross-entropy of the transcript."""

    net_config = WhisperFlowConfig
    own_loss = LossFacts(name="flow_matching_and_words")

    def build(self, config: WhisperFlowConfig, *, classes: tuple[str, ...]) -> WhisperFlowNet:
        """Network with fresh adapters and acoustic model; sound classes are not used."""
        del classes
        # The frozen parts have buffers that are in no checkpoint: never on the device "meta".
        with torch.device("cpu"):
            listener, sha256 = open_listener(config.whisper_checkpoint, sample_rate_hz=config.sample_rate_hz)
            spectra = _spectra(config)
            if config.initial is None:
                return WhisperFlowNet(config, listener=listener, initial=None, spectra=spectra, built_on=(sha256,))
            opened = open_initial(config.initial, sample_rate_hz=config.sample_rate_hz)
            return WhisperFlowNet(
                config, listener=listener, initial=opened.net, spectra=spectra, built_on=(sha256, opened.source.sha256)
            )

    def attach(self, net: WhisperFlowNet, *, sample_rate_hz: int) -> tuple[Initial, Checkpoint] | None:
        """The record of the network of initial estimates, which `build` has opened."""
        if net.config.initial is None:
            return None
        opened = open_initial(net.config.initial, sample_rate_hz=sample_rate_hz)
        return opened.source, opened.checkpoint

    def prepare(self, net: WhisperFlowNet, first_items: FirstItems, *, seed: int, progress: ProgressFactory) -> str:
        """Fit mean and deviation of the compressed magnitudes at each frequency to targets."""
        del seed, progress
        sums = torch.zeros(3, net.spectra.channels, dtype=torch.float64)
        for batch in first_items(_FITTED_TO):
            sums += net.moments(batch.target, batch.mixture, batch.queries.lengths)
        mean = sums[0] / sums[2]
        net.mean.copy_(mean)
        net.deviation.copy_((sums[1] / sums[2] - mean.square()).clamp_min(1e-6).sqrt())
        return f"mean and deviation of the spectra in each channel, of the first {_FITTED_TO} training targets"

    def loss(self, net: WhisperFlowNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]; times, noises and leaks are drawn from the global generator of the CPU."""
        del criterion
        leak = _leaks(net, len(batch.target)).to(batch.target.device) if net.training else None
        heard = net.hear(batch.mixture, batch.queries.lengths, *enrollments_of(batch), leak=leak)
        target = net.standard(batch.target * heard.scale)
        total = torch.zeros(len(target), device=target.device)
        for _ in range(net.config.draws):
            total = total + _flow_losses(net, heard, target)
        total = total / net.config.draws
        if net.config.asr_loss:
            total = total + net.config.asr_loss * net.base.net.losses(heard.states, batch.transcripts)
        return total


def _spectra(config: WhisperFlowConfig) -> DrawnSpectra:
    """What the acoustic model draws; a vocoder's file is opened."""
    if config.output == "log_mel":
        mel = LogMel(sample_rate_hz=config.sample_rate_hz, n_fft=config.n_fft, hop=config.hop, n_mels=config.n_mels)
        return MelLevels(mel, open_vocoder(config.vocoder, mel=mel))
    if config.vocoder is not None:
        raise ConfigError(f"net.vocoder = {config.vocoder!r} is for net.output: log_mel; leave one of the two out")
    stft = CompressedStft(n_fft=config.n_fft, hop=config.hop, exponent=config.exponent, scale=1.0)
    return Magnitudes(stft)


def _leaks(net: WhisperFlowNet, count: int) -> Tensor:
    """Shares [count] of leakage, most of them 0."""
    drawn = torch.rand(2, count)
    return torch.where(drawn[0] < net.config.leak, _LARGEST_LEAK * drawn[1], 0.0)


def _flow_losses(net: WhisperFlowNet, heard: Heard, target: Tensor) -> Tensor:
    """Squared errors [B] of the estimates at one time of each item, weighted by 1/max(t, 0.3)."""
    drawn = torch.rand(2, len(target))
    t = torch.where(drawn[0] < _AT_START, 1.0, drawn[1]).to(target.device)
    noise = torch.randn(target.shape).to(target.device)
    state = net.path.state(data=target, start=torch.zeros_like(target), noise=noise, t=t)
    errors = (net.predict(heard, state, t) - target).square() * heard.mask
    mean = errors.sum(dim=(1, 2)) / (heard.mask.sum(dim=(1, 2)) * target.shape[1])
    return mean / t.clamp_min(_LEAST_TIME)


@register_system(NAME)
class WhisperFlow:
    """Draws the target's magnitudes given what a Whisper hears of its speaker, and returns the words.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
        steps: of the sampler.
        sampler: "euler", with one evaluation of the acoustic model a step; "midpoint" or "heun", with two.
        ensemble: samples of which the answer is the mean.
        whisper_checkpoint: the Whisper that the checkpoint was built on, if it lies elsewhere on this machine.
        initial: the network of its initial estimates, likewise.
        vocoder: the file of its vocoder, likewise.
    """

    task = WhisperFlowTask()

    def __init__(
        self,
        *,
        checkpoint: str,
        steps: int = 4,
        sampler: SamplerName = "euler",
        ensemble: int = 1,
        whisper_checkpoint: str | None = None,
        initial: str | None = None,
        vocoder: str | None = None,
        device: str = "cpu",
    ) -> None:
        if sampler not in _SAMPLERS:
            raise ConfigError(f"system {NAME!r}: sampler = {sampler!r}; choose one of {', '.join(_SAMPLERS)}")
        if not 1 <= steps <= _MOST or not 1 <= ensemble <= _MOST:
            raise ConfigError(f"system {NAME!r}: steps = {steps}, ensemble = {ensemble}; set each to 1 ... {_MOST}")
        opened = load_checkpoint(checkpoint, architecture=NAME)
        moved = {"whisper_checkpoint": whisper_checkpoint, "initial": initial, "vocoder": vocoder}
        self._net = _opened_net(self.task, opened, {k: v for k, v in moved.items() if v is not None}, device=device)
        self._device = device
        self._ensemble = ensemble
        self._sampler = SamplerConfig(name=sampler, steps=steps).build()
        card = system_card(
            opened,
            name=NAME,
            family="generative",
            description=_description(self._net.config),
            clues=frozenset({"enrollment"}),
            reference=checkpoint,
            options={
                "steps": steps,
                "sampler": sampler,
                "ensemble": ensemble,
                "evaluations": ensemble * self._sampler.evaluations(self._net.path),
            },
        )
        generated = self._net.config.output == "log_mel"
        # What a vocoder makes of the end of a signal depends on the frames behind it.
        self.card = replace(
            card,
            stochastic=True,
            transcribes=self._net.config.asr_loss > 0,
            phase="generated" if generated else "kept",
            padding_neutral=not generated,
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; queries without an enrollment fail alone."""
        check_rate(batch, self.card)
        enrollments = [clues.enrollments if has_samples(clues.enrollments) else () for clues in batch.clues]
        failures = {
            query_id: NO_ENROLLMENT for query_id, signals in zip(batch.ids, enrollments, strict=True) if not signals
        }
        lengths = batch.lengths.to(self._device)
        heard = self._net.hear(
            batch.mixture[:, 0].to(self._device), lengths, *join_enrollments(enrollments, device=self._device)
        )
        members = [member_seeds(seed, self._ensemble) for seed in batch.seeds]
        estimates = [self._one(heard, [seeds[k] for seeds in members]) for k in range(self._ensemble)]
        estimate = torch.stack(estimates).mean(dim=0)
        texts = self._net.base.net.texts(heard.states, lengths) if self._net.config.asr_loss else None
        return Extraction(estimate=estimate, transcripts=texts, failures=failures)

    def _one(self, heard: Heard, seeds: list[int]) -> Tensor:
        noise = QueryNoise(seeds, self._net.spectra.num_frames(heard.lengths).tolist())
        return self._net.draw(heard, noise=noise, sampler=self._sampler)


def _opened_net(task: WhisperFlowTask, checkpoint: Checkpoint, moved: dict[str, str], *, device: str) -> WhisperFlowNet:
    """Network of a checkpoint; a CheckpointError if the frozen networks are not those of its training."""
    card = checkpoint.card.model_copy(update={"net": {**checkpoint.card.net, **moved}})
    config, net = open_net(task, Checkpoint(card=card, state=checkpoint.state, path=checkpoint.path), device=device)
    names = [config.whisper_checkpoint, config.initial or ""]
    for name, found, trained in zip(names, net.found, net.built_on.cpu(), strict=False):
        if found.tolist() != trained.tolist():
            key = "initial" if name == config.initial else "whisper_checkpoint"
            raise CheckpointError(
                f"{name!r} has the sha256 {_hex(found)[:12]}…, but checkpoint {str(checkpoint.path)!r} was trained on "
                f"one with {_hex(trained)[:12]}…; give that one by the option {key}"
            )
    return net


def _hex(digest: Tensor) -> str:
    return bytes(digest.tolist()).hex()


def _description(config: WhisperFlowConfig) -> str:
    kind = "log-mel spectra" if config.output == "log_mel" else "magnitudes"
    given = ["mixture"] + (["the frozen estimate of " + config.initial] if config.initial else [])
    given += ["the states of a Whisper that knows the speaker"] if config.semantic else []
    return f"flow matching from noise to {kind} given {', '.join(given)} (after arXiv 2501.14477)"


TASKS.register(NAME)(WhisperFlow.task)
