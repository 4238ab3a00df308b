"""Whisper as a target-speaker recogniser, and a flow-matching acoustic model that listens to its states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .filterbank import rms
from .generative.dilated import DilatedNet
from .generative.noise import Noise
from .generative.paths import OptimalTransport
from .generative.samplers.sampler import Sampler
from .speech_generator.backbones import posterior_mean
from .whisper.adapters import AdaptedPart, Adapters, Frozen, SpeakerPrompts, StemEmbedder
from .whisper.base import LEVEL, Listener
from .whisper.mel import HOP, WHISPER_RATE_HZ
from .whisper_flow_spectra import DrawnSpectra, frame_mask, standardised

Size = Annotated[int, Field(gt=0)]
_STATE_S = 2 * HOP / WHISPER_RATE_HZ


class WhisperFlowConfig(StrictModel):
    """Hyper-parameters. Sizes of the acoustic model, steps and weights of the losses are not public.

    Attributes:
        whisper_checkpoint: weights of the Whisper: a file of OpenAI, {"dims", "model_state_dict"}, by its path, or a
            checkpoint of `whisper_mixture`, by its folder or its shipped name. Nothing is downloaded.
        initial: checkpoint of the frozen network whose estimate the Whisper and the acoustic model take with the
            mixture, and whose phase the result has; null: the mixture alone, and its phase.
        sample_rate_hz: of the signals.
        lora_rank: rank of the adapters of the Whisper's attentions.
        lora_alpha: their factor is `lora_alpha` / `lora_rank`.
        lora_layers: "attention" adapts query, key, value and output, "all" also the two other layers of each block.
        soft_prompts: learned frames in front of the Whisper's.
        enrollment_prompt: whether frames of the enrollment are in front of the Whisper's, too.
        enrollment_frames: most of them, 20 ms each.
        speaker_dim: entries of the speaker embedding, which is one more such frame and the clue of the acoustic model.
        asr_loss: weight of the cross-entropy of the transcript, in nats for a token; 0 trains no recogniser.
        semantic: whether the acoustic model takes the Whisper's states.
        output: what the acoustic model draws: "magnitude", |X|^exponent, whose phase is that of the initial estimate or
            of the mixture; or "log_mel", of which a vocoder makes the signal.
        vocoder: file of a vocoder (layouts of HiFi-GAN and BigVGAN) for "log_mel"; null: Griffin-Lim.
        n_fft: of the acoustic model's spectrum, in samples.
        hop: of the acoustic model's spectrum, in samples.
        n_mels: bands of "log_mel".
        exponent: of "magnitude".
        channels: width of the acoustic model.
        blocks: its dilated convolutions.
        cycle: dilations 1, 2, ..., 2^(cycle − 1) over and over.
        embedding_dim: of the embedding of time and speaker.
        draws: times and noises for each training item.
        leak: share of the training items whose initial estimate gets back some of what it removed, since that network
            is better on its training voices than on others.
    """

    whisper_checkpoint: str
    initial: str | None = None
    sample_rate_hz: Literal[8000, 16000] = 16000
    lora_rank: Annotated[int, Field(gt=0, le=1024)] = 8
    lora_alpha: Annotated[float, Field(gt=0)] = 16.0
    lora_layers: AdaptedPart = "attention"
    soft_prompts: Annotated[int, Field(ge=1, le=512)] = 16
    enrollment_prompt: bool = True
    enrollment_frames: Annotated[int, Field(gt=0, le=1500)] = 150
    speaker_dim: Size = 256
    asr_loss: Annotated[float, Field(ge=0)] = 0.1
    semantic: bool = True
    output: Literal["magnitude", "log_mel"] = "magnitude"
    vocoder: str | None = None
    n_fft: Size = 510
    hop: Size = 128
    n_mels: Size = 80
    exponent: Annotated[float, Field(gt=0, le=1)] = 0.33
    channels: Size = 512
    blocks: Size = 18
    cycle: Annotated[int, Field(gt=0, le=8)] = 6
    embedding_dim: Size = 512
    draws: Annotated[int, Field(gt=0, le=64)] = 1
    leak: Annotated[float, Field(ge=0, le=1)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Conditions of the acoustic model, at the level `LEVEL`.

    Attributes:
        scale: factors [B, 1] from the input's level to it.
        guide: signals [B, T], the initial estimate or the mixture.
        spectra: standardised spectra [B, C, K] of the guide, and what else the acoustic model is given.
        states: of the Whisper, [B, W, K', D].
        speaker: embeddings [B, S].
        mask: [B, 1, K], frames within the signals.
        lengths: [B], in samples.
    """

    scale: Tensor
    guide: Tensor
    spectra: tuple[Tensor, ...]
    states: Tensor
    speaker: Tensor
    mask: Tensor
    lengths: Tensor


class WhisperFlowNet(nn.Module):
    """Frozen Whisper with adapters and prompts, frozen initial estimate, and acoustic model.

    Spectra are standardised for each channel by `mean` and `deviation`, which are fitted before training. The flow goes
    from Gaussian noise to them (`OptimalTransport`).

    Args:
        listener: the Whisper.
        initial: the network of initial estimates, called with mixtures, lengths, enrollments and their lengths.
        spectra: what the acoustic model draws.
        built_on: SHA-256 of the weights files of the frozen networks, in hex; the state has those of training.

    Attributes:
        found: those of the files that were opened, [N, 32] bytes.
    """

    mean: Tensor
    deviation: Tensor
    built_on: Tensor

    def __init__(
        self,
        config: WhisperFlowConfig,
        *,
        listener: Listener,
        initial: nn.Module | None,
        spectra: DrawnSpectra,
        built_on: tuple[str, ...],
    ) -> None:
        super().__init__()
        self.config = config
        self.path = OptimalTransport()
        self.spectra = spectra
        state, channels = int(listener.model.dims.n_audio_state), spectra.channels
        self.base = Frozen(listener)
        self.start = Frozen(initial) if initial is not None else None
        self.adapters = Adapters(
            listener.model, rank=config.lora_rank, alpha=config.lora_alpha, part=config.lora_layers
        )
        self.prompts = SpeakerPrompts(
            state=state,
            learned=config.soft_prompts,
            speaker_dim=config.speaker_dim,
            enrollment_frames=min(config.enrollment_frames, listener.frames) if config.enrollment_prompt else 0,
        )
        self.embedder = StemEmbedder(state=state, speaker_dim=config.speaker_dim)
        self.beside = nn.Linear(state, state, bias=False) if initial is not None else None
        if self.beside is not None:
            nn.init.zeros_(self.beside.weight)
        given = 3 if initial is not None else 1
        self.acoustic = DilatedNet(
            channels_in=(1 + given) * channels + (state if config.semantic else 0),
            channels_out=2 * channels,
            clue_dim=config.speaker_dim,
            channels=config.channels,
            blocks=config.blocks,
            cycle=config.cycle,
            embedding_dim=config.embedding_dim,
        )
        self.found = torch.tensor([list(bytes.fromhex(sha256)) for sha256 in built_on], dtype=torch.uint8)
        self.register_buffer("built_on", self.found.clone())
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    def hear(
        self,
        mixture: Tensor,
        lengths: Tensor,
        enrollment: Tensor,
        enrollment_lengths: Tensor,
        *,
        leak: Tensor | None = None,
    ) -> Heard:
        """Conditions of mixtures [B, T] and enrollments [B, T'], zeros past the lengths [B].

        Args:
            leak: shares [B] of what the initial estimate removed that are given back to it.
        """
        scale = LEVEL / rms(mixture, lengths)
        mixture = mixture * scale
        guide = mixture
        if self.start is not None:
            with torch.no_grad():
                guide = self.start.on(mixture.device)(mixture, lengths, enrollment, enrollment_lengths)
            # What a network returns past the length of a signal is undefined.
            guide = guide * (torch.arange(guide.shape[1], device=lengths.device) < lengths[:, None])
            if leak is not None:
                guide = guide + leak[:, None] * (mixture - guide)
        speaker, states = self._listen(mixture, guide, lengths, enrollment, enrollment_lengths)
        given = (guide,) if self.start is None else (guide, mixture, mixture - guide)
        spectra = tuple(self.standard(each) for each in given)
        return Heard(
            scale=scale,
            guide=guide,
            spectra=spectra,
            states=states,
            speaker=speaker,
            mask=frame_mask(self.spectra.num_frames(lengths), num_frames=spectra[0].shape[-1]),
            lengths=lengths,
        )

    def predict(self, heard: Heard, state: Tensor, t: Tensor) -> Tensor:
        """Estimates of the target's standardised spectra [B, C, K] from states [B, C, K] at times [B].

        The network moves the mean of the target away from the initial estimate, and sets its variance in each bin: the
        estimate is the mean of the target given the state.
        """
        parts = [state, *heard.spectra]
        if self.config.semantic:
            parts.append(self._semantic(heard, state.shape[-1]))
        moved, spread = self.acoustic(torch.cat(parts, dim=1), t, heard.speaker, heard.mask).chunk(2, dim=1)
        return posterior_mean(
            mean=heard.spectra[0] + moved,
            variance=F.softplus(spread - 1.0),
            state=state,
            start=torch.zeros_like(state),
            at=self.path.coefficients(t),
        )

    def draw(self, heard: Heard, *, noise: Noise, sampler: Sampler) -> Tensor:
        """One sample [B, T] for each mixture."""

        def denoiser(state: Tensor, t: Tensor) -> Tensor:
            return self.predict(heard, state, t)

        start = torch.zeros_like(heard.spectra[0])
        drawn = sampler.sample(self.path, denoiser, start=start, noise=noise)
        spectra = (drawn * self.deviation[:, None] + self.mean[:, None]) * heard.mask
        signals = self.spectra.inverse(spectra, guide=heard.guide)
        inside = torch.arange(signals.shape[1], device=signals.device) < heard.lengths[:, None]
        return signals * inside / heard.scale

    def standard(self, signals: Tensor) -> Tensor:
        """Standardised spectra [B, C, K] of signals [B, T] at the level of the conditions."""
        return standardised(self.spectra.transform(signals), self.mean, self.deviation)

    @torch.no_grad()
    def moments(self, target: Tensor, mixture: Tensor, lengths: Tensor) -> Tensor:
        """Sums over frames of the spectra of targets [B, T], of their squares, and of ones, [3, C] in float64."""
        spectra = self.spectra.transform(target * LEVEL / rms(mixture, lengths)).double()
        mask = frame_mask(self.spectra.num_frames(lengths), num_frames=spectra.shape[-1])
        values = spectra * mask
        sums = [values.sum(dim=(0, 2)), values.square().sum(dim=(0, 2)), mask.sum().expand(values.shape[1])]
        return torch.stack(sums)

    def _listen(
        self, mixture: Tensor, guide: Tensor, lengths: Tensor, enrollment: Tensor, enrollment_lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Speaker embeddings [B, S] and states [B, W, K, D]."""
        listener = self.base.on(mixture.device)
        with torch.no_grad():
            frames = listener.stems(guide, lengths)
            enrolled = listener.stems(enrollment, enrollment_lengths)
            beside = listener.stems(mixture, lengths) if self.beside is not None else None
        counts = (enrollment_lengths / (listener.rate_hz * _STATE_S)).ceil()
        speaker = self.embedder(enrolled, counts.clamp(min=1))
        if self.beside is not None:
            frames = frames + self.beside(beside)
        return speaker, listener.states(frames, self.prompts(speaker, enrolled))

    def _semantic(self, heard: Heard, frames: int) -> Tensor:
        """States [B, D, K] of the Whisper at the frames of the spectrum, interpolated."""
        states = heard.states.flatten(1, 2)
        rate_hz = self.config.sample_rate_hz
        step_s = self.spectra.hop / rate_hz
        last = (heard.lengths / (rate_hz * _STATE_S)).ceil().clamp(min=1)[:, None] - 1
        place = torch.minimum(torch.arange(frames, device=states.device) * (step_s / _STATE_S), last)
        before = place.floor()
        after = torch.minimum(before + 1, last)
        share = (place - before)[..., None]
        rows = torch.arange(len(states), device=states.device)[:, None]
        between = (1.0 - share) * states[rows, before.long()] + share * states[rows, after.long()]
        return between.transpose(1, 2)
