"""Frozen networks, low-rank adapters (Hu et al., "LoRA", ICLR 2022), and prompts that name the wanted speaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

AdaptedPart = Literal["attention", "all"]
Held = TypeVar("Held", bound=nn.Module)
_ATTENTION = ("query", "key", "value", "out")
_MLP = ("mlp.0", "mlp.2")


class LowRank(nn.Module):
    """B·A·x · alpha/rank, zero at first."""

    def __init__(self, linear: nn.Linear, *, rank: int, alpha: float) -> None:
        super().__init__()
        self.down = nn.Linear(linear.in_features, rank, bias=False)
        self.up = nn.Linear(rank, linear.out_features, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        """Inputs [..., N] of a linear layer to what is added to its outputs [..., M]."""
        added: Tensor = self.up(self.down(x)) * self.scale
        return added


class Adapters(nn.ModuleDict):
    """One `LowRank` for each linear layer of a Whisper's attentions, or of its blocks ("all").

    The layers stay as they are; hooks on them add what the adapters give.
    """

    def __init__(self, model: nn.Module, *, rank: int, alpha: float, part: AdaptedPart) -> None:
        layers = dict(_adapted_layers(model, part))
        super().__init__(
            {name.replace(".", "_"): LowRank(layer, rank=rank, alpha=alpha) for name, layer in layers.items()}
        )
        for name, layer in layers.items():
            _add_output(layer, self[name.replace(".", "_")])


def _adapted_layers(model: nn.Module, part: AdaptedPart) -> Iterator[tuple[str, nn.Linear]]:
    ends = _ATTENTION + (_MLP if part == "all" else ())
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(ends):
            yield name, layer


def _add_output(layer: nn.Module, adapter: nn.Module) -> None:
    def added(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        more: Tensor = adapter(inputs[0])
        return output + more

    layer.register_forward_hook(added)


class SpeakerPrompts(nn.Module):
    """Frames in front of the encoder's: learned ones, the speaker embedding, and the beginning of the enrollment.

    Source: Ma et al., "Extending Whisper with prompt tuning to target-speaker ASR", ICASSP 2024 (arXiv 2312.08079), has
        learned prompts and a projected speaker embedding; the enrollment as a prompt is of arXiv 2501.14477.

    Args:
        state: D, width of the encoder.
        learned: number of learned frames.
        speaker_dim: entries of the speaker embedding.
        enrollment_frames: number of frames of the enrollment, 20 ms each; 0: none.
    """

    def __init__(self, *, state: int, learned: int, speaker_dim: int, enrollment_frames: int) -> None:
        super().__init__()
        self.enrollment_frames = enrollment_frames
        self.learned = nn.Parameter(0.02 * torch.randn(learned, state))
        self.speaker = nn.Linear(speaker_dim, state)
        self.marker = nn.Parameter(torch.zeros(state)) if enrollment_frames else None

    def forward(self, speaker: Tensor, enrollment: Tensor) -> Tensor:
        """Embeddings [B, S] and enrollment stems [B, W, K, D] to prompts [B, P, D]."""
        parts = [self.learned.expand(len(speaker), -1, -1), self.speaker(speaker)[:, None]]
        if self.marker is not None:
            parts.append(enrollment[:, 0, : self.enrollment_frames] + self.marker)
        return torch.cat(parts, dim=1)


class StemEmbedder(nn.Module):
    """Speaker embedding: two layers on mean and deviation of an enrollment's stems over time."""

    def __init__(self, *, state: int, speaker_dim: int) -> None:
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(state, 2 * speaker_dim), nn.SiLU())
        self.utterance = nn.Linear(4 * speaker_dim, speaker_dim)

    def forward(self, stems: Tensor, counts: Tensor) -> Tensor:
        """Stems [B, W, K, D], of which the first `counts` [B] frames are of the enrollment, to embeddings [B, S]."""
        frames = self.frame(stems.flatten(1, 2))
        inside = (torch.arange(frames.shape[1], device=frames.device) < counts[:, None])[..., None]
        mean = (frames * inside).sum(dim=1) / counts[:, None]
        variance = ((frames - mean[:, None]).square() * inside).sum(dim=1) / counts[:, None]
        embedding: Tensor = self.utterance(torch.cat([mean, (variance + 1e-5).sqrt()], dim=1))
        return embedding


class Frozen(Generic[Held]):
    """Holds a network outside of the parameters and of the state of the one that uses it.

    Attributes:
        net: the network, in evaluation mode and without gradients of its weights.
    """

    def __init__(self, net: Held) -> None:
        self.net = net.requires_grad_(False).eval()

    def on(self, device: torch.device) -> Held:
        """The network, moved to a device."""
        return self.net.to(device)
