"""Speaker embedders for picking an output by its voice: cosines of embeddings to an enrollment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ...datasets.signals.audio import resample
from ..checkpoints.checkpoint import load_checkpoint
from ..checkpoints.networks import open_net
from ..separate_then_identify import NAME, SeparateThenIdentifyTask
from .speaker_models import Input, SpeakerModel, open_speaker_model


class SpeakerEmbedder(Protocol):
    """Embeddings of voices; `sha256` is that of its weights, `training_data` what is known of its training."""

    sha256: str
    training_data: tuple[str, ...]

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        """Embedding [D] of unit length of a signal [T]; None if the signal is too short."""
        ...


def open_embedder(
    embedder: str,
    *,
    where: str,
    input: Input,  # noqa: A002 - name of the user's option
    sample_rate_hz: int,
    output: str | None,
    device: str,
) -> SpeakerEmbedder:
    """Open a checkpoint of separate_then_identify, or a user's ONNX file.

    Args:
        embedder: a path that ends in .onnx, or a checkpoint.
        where: start of an error's line.
        device: of a checkpoint's network; an ONNX file runs on the CPU.
    """
    if not embedder.lower().endswith(".onnx"):
        return _CheckpointEmbedder(embedder, device=device)
    path, where = Path(embedder), f"{where}, embedder"
    return _OnnxEmbedder(
        open_speaker_model(path, where=where, input=input, sample_rate_hz=sample_rate_hz, output=output, device="cpu")
    )


class _CheckpointEmbedder:
    """Embedder of a checkpoint of separate_then_identify."""

    def __init__(self, checkpoint: str, *, device: str) -> None:
        opened = load_checkpoint(checkpoint, architecture=NAME)
        _, self._net = open_net(SeparateThenIdentifyTask(), opened, device=device)
        self._device, self._rate_hz = device, opened.card.sample_rate_hz
        self.sha256 = opened.card.sha256
        self.training_data = opened.card.training_data

    @torch.no_grad()
    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        samples = signal.detach().cpu().float().numpy()
        resampled = torch.from_numpy(resample(samples, from_hz=sample_rate_hz, to_hz=self._rate_hz))
        if not len(resampled):
            return None
        lengths = torch.tensor([len(resampled)], device=self._device)
        return self._net.embed(resampled[None].to(self._device), lengths)[0].cpu()


class _OnnxEmbedder:
    """User's speaker model."""

    def __init__(self, model: SpeakerModel) -> None:
        self._model = model
        self.sha256 = model.model.sha256
        self.training_data: tuple[str, ...] = ()

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        samples = signal.detach().cpu().float().numpy()
        found = self._model.embedding(samples, sample_rate_hz=sample_rate_hz)
        return None if found is None else F.normalize(torch.from_numpy(found), dim=-1)


def closest_voice(
    outputs: Sequence[Tensor], enrollment: Tensor, *, embedder: SpeakerEmbedder, sample_rate_hz: int
) -> int:
    """Index of the output [T] whose embedding has the highest cosine to that of the enrollment [T'].

    Outputs without an embedding, or with one that is not finite, come last.
    """
    found = cosines(outputs, enrollment, embedder=embedder, sample_rate_hz=sample_rate_hz)
    return max(range(len(found)), key=lambda place: -2.0 if (cosine := found[place]) is None else cosine)


def cosines(
    outputs: Sequence[Tensor], enrollment: Tensor, *, embedder: SpeakerEmbedder, sample_rate_hz: int
) -> list[float | None]:
    """Cosine of the embedding of each output [T] to that of the enrollment [T'].

    It is None where one of the two has no embedding, or one that is not finite.
    """
    reference = embedder.embed(enrollment, sample_rate_hz=sample_rate_hz)
    embeddings = (embedder.embed(output, sample_rate_hz=sample_rate_hz) for output in outputs)
    found = [math.nan if reference is None or each is None else float(each @ reference) for each in embeddings]
    return [None if math.isnan(cosine) else cosine for cosine in found]
