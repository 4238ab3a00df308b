"""Encoder with prompts, losses of given texts, and greedy decoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .vocabulary import IGNORED, Vocabulary, teacher_tokens


def stem(encoder: Any, mel: Tensor) -> Tensor:
    """Frames [B, K, D] of log-mel spectra [B, n_mels, 2 K] after the two convolutions, positions added."""
    frames = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel)))).transpose(1, 2)
    placed: Tensor = frames + encoder.positional_embedding[: frames.shape[1]]
    return placed


def encode(encoder: Any, frames: Tensor, prompts: Tensor | None = None) -> Tensor:
    """States [B, K, D] of the frames of `stem`; prompts [B, P, D] in front of them are attended to and cut off.

    Source: Ma et al., "Extending Whisper with prompt tuning to target-speaker ASR", ICASSP 2024 (arXiv 2312.08079).
    """
    count = 0 if prompts is None else prompts.shape[1]
    x = frames if prompts is None else torch.cat([prompts, frames], dim=1)
    for block in encoder.blocks:
        x = block(x)
    states: Tensor = encoder.ln_post(x[:, count:])
    return states


def text_losses(
    decoder: Any, states: Tensor, texts: Sequence[str | None], vocabulary: Vocabulary, *, replaced: float = 0.0
) -> Tensor:
    """Mean cross-entropy [B] of the tokens of each text given states [B, K, D], in nats; 0 for a text of None.

    A share `replaced` of the words that the decoder is given are random ones, drawn from the CPU's global generator.
    """
    inputs, labels = teacher_tokens(vocabulary, texts, longest=len(decoder.positional_embedding))
    if replaced:
        inputs = _with_random_words(inputs, vocabulary, share=replaced)
    labels = labels.to(states.device)
    logits = decoder(inputs.to(states.device), states)
    losses = F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    return losses.sum(dim=1) / (labels != IGNORED).sum(dim=1).clamp(min=1)


def _with_random_words(inputs: Tensor, vocabulary: Vocabulary, *, share: float) -> Tensor:
    words = vocabulary.printable.float()
    words[vocabulary.end] = 0.0
    drawn = torch.multinomial(words, inputs.numel(), replacement=True).view_as(inputs)
    chosen = torch.rand(inputs.shape) < share
    chosen[:, : len(vocabulary.start)] = False
    return torch.where(chosen, drawn, inputs)


def greedy_texts(decoder: Any, states: Tensor, vocabulary: Vocabulary, *, most: int) -> list[str]:
    """Most likely next tokens, one after the other, until the end or `most` of them; states [B, K, D]."""
    start = list(vocabulary.start)
    tokens = torch.tensor([start] * len(states), device=states.device)
    allowed = vocabulary.printable.to(states.device)
    ended = torch.zeros(len(states), dtype=torch.bool, device=states.device)
    for _ in range(min(most, len(decoder.positional_embedding) - len(start))):
        logits = decoder(tokens, states)[:, -1].masked_fill(~allowed, float("-inf"))
        chosen = logits.argmax(dim=-1).masked_fill(ended, vocabulary.end)
        ended = ended | (chosen == vocabulary.end)
        tokens = torch.cat([tokens, chosen[:, None]], dim=1)
        if bool(ended.all()):
            break
    return [_text(row, vocabulary) for row in tokens[:, len(start) :].tolist()]


def _text(tokens: list[int], vocabulary: Vocabulary) -> str:
    stop = tokens.index(vocabulary.end) if vocabulary.end in tokens else len(tokens)
    return vocabulary.decode(tokens[:stop])
