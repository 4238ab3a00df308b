"""Sizes of Whisper's weights by the dimensions in its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def misfit(dims: Any, state: Mapping[str, Tensor]) -> str:
    """The first weight that is not of the dimensions' size; "" if all are, so that a network of those sizes is safe.

    Args:
        dims: `ModelDimensions` of the package.
    """
    expected = {
        "encoder.conv1.weight": (dims.n_audio_state, dims.n_mels, 3),
        "encoder.positional_embedding": (dims.n_audio_ctx, dims.n_audio_state),
        f"encoder.blocks.{dims.n_audio_layer - 1}.attn.query.weight": (dims.n_audio_state,) * 2,
        "decoder.token_embedding.weight": (dims.n_vocab, dims.n_text_state),
        "decoder.positional_embedding": (dims.n_text_ctx, dims.n_text_state),
        f"decoder.blocks.{dims.n_text_layer - 1}.attn.query.weight": (dims.n_text_state,) * 2,
    }
    for name, shape in expected.items():
        found = tuple(state[name].shape) if name in state else None
        if found != shape:
            return f"{name} has the shape {found}, and its 'dims' say {shape}"
    return ""
