"""Which signal has the voice of an enrollment: cosines of embeddings, by any embedder of voices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ...datasets.signals.audio import resample
from ..checkpoints.checkpoint import fill, load_checkpoint, net_config
from ..nets.separate_then_identify import SeparateThenIdentifyConfig, SeparateThenIdentifyNet
from .speaker_models import Input, SpeakerModel, open_speaker_model

_ARCHITECTURE = "separate_then_identify"


class SpeakerEmbedder(Protocol):
    """Embeddings of voices.

    Attributes:
        sha256: of its weights.
    """

    sha256: str

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        """The embedding [D] of unit length of a signal [T]; None if there is nothing to hear."""
        ...


def open_embedder(
    embedder: str,
    *,
    where: str,
    input: Input,  # noqa: A002 - what users write
    sample_rate_hz: int,
    output: str | None,
    device: str,
) -> SpeakerEmbedder:
    """An embedder of voices: a checkpoint of separate_then_identify, or a user's ONNX file.

    Args:
        embedder: a path that ends in .onnx, or a checkpoint; the rest but `device` is for the
            former.
        where: start of an error's line.
        input: see `SpeakerModel`.
        sample_rate_hz: that it was trained at.
        output: name of its output.
        device: where a checkpoint's network runs; an ONNX file runs on the CPU.

    Raises:
        CheckpointError: the checkpoint cannot be opened.
        ConfigError: the ONNX file cannot be.
    """
    if not embedder.lower().endswith(".onnx"):
        return _OwnNetwork(embedder, device=device)
    model = open_speaker_model(
        Path(embedder),
        where=f"{where}, embedder",
        input=input,
        sample_rate_hz=sample_rate_hz,
        output=output,
        device="cpu",
    )
    return _OnnxModel(model)


class _OwnNetwork:
    """The embedder of a checkpoint of separate_then_identify."""

    def __init__(self, checkpoint: str, *, device: str) -> None:
        opened = load_checkpoint(checkpoint, architecture=_ARCHITECTURE)
        with torch.device("meta"):
            self._net = SeparateThenIdentifyNet(net_config(SeparateThenIdentifyConfig, opened))
        fill(self._net, opened)
        self._net.to(device).eval()
        self._device, self._rate_hz = device, opened.card.sample_rate_hz
        self.sha256 = opened.card.sha256

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        samples = signal.detach().cpu().float().numpy()
        heard = torch.from_numpy(resample(samples, from_hz=sample_rate_hz, to_hz=self._rate_hz))
        if not len(heard):
            return None
        lengths = torch.tensor([len(heard)], device=self._device)
        return self._net.embed(heard[None].to(self._device), lengths)[0].cpu()


class _OnnxModel:
    """A user's speaker model."""

    def __init__(self, model: SpeakerModel) -> None:
        self._model = model
        self.sha256 = model.model.sha256

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        samples = signal.detach().cpu().float().numpy()
        found = self._model.embedding(samples, sample_rate_hz=sample_rate_hz)
        return None if found is None else F.normalize(torch.from_numpy(found), dim=-1)


def closest_voice(
    outputs: Sequence[Tensor], wanted: Tensor, *, embedder: SpeakerEmbedder, sample_rate_hz: int
) -> int:
    """The place of the output [T] whose embedding has the highest cosine to that of `wanted` [T].

    Signals in which there is nothing to hear, or whose embedding is not finite, come last.
    """
    reference = embedder.embed(wanted, sample_rate_hz=sample_rate_hz)
    cosines: list[float] = []
    for output in outputs:
        found = embedder.embed(output, sample_rate_hz=sample_rate_hz)
        cosine = -2.0 if reference is None or found is None else float(found @ reference)
        cosines.append(-2.0 if math.isnan(cosine) else cosine)
    return max(range(len(cosines)), key=cosines.__getitem__)
