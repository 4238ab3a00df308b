"""Weights of the public SpEx+ (nnet/spex_plus.py of Ge et al., Interspeech 2020) under our names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ...core.errors import CheckpointError
from .spex_plus import SpExPlusConfig

_PLAIN = {
    "encoder_1d_short": "encoder.short.filters",
    "encoder_1d_middle": "encoder.longer.0",
    "encoder_1d_long": "encoder.longer.1",
    "ln": "norm.norm",
    "proj": "bottleneck",
    "mask1": "masks.0",
    "mask2": "masks.1",
    "mask3": "masks.2",
    "decoder_1d_short": "decoder.bases.0",
    "decoder_1d_middle": "decoder.bases.1",
    "decoder_1d_long": "decoder.bases.2",
    "spk_encoder.0": "speaker_encoder.norm.norm",
    "spk_encoder.1": "speaker_encoder.input",
    "spk_encoder.5": "speaker_encoder.output",
    "pred_linear": "speakers.linear",
}
_BLOCK = {
    "conv1x1": "widen",
    "prelu1": "widen_activation",
    "norm1": "widen_norm",
    "dconv": "depthwise",
    "prelu2": "depthwise_activation",
    "norm2": "depthwise_norm",
    "sconv": "residual",
}
_RESIDUAL_BLOCK = {
    "conv1": "first",
    "batch_norm1": "first_norm",
    "prelu1": "first_activation",
    "conv2": "second",
    "batch_norm2": "second_norm",
    "prelu2": "second_activation",
    "conv_downsample": "shortcut",
}
_LEAF = {"gamma": "weight", "beta": "bias"}
_SCALARS = ("activation.weight",)  # a slope of a PReLU is [1] there
_BLOCK_KEY = re.compile(r"conv_block_([1-9][0-9]*)(?:_other\.([0-9]+))?\.(\w+)")
_RESIDUAL_KEY = re.compile(r"spk_encoder\.([234])\.(\w+)")


def from_public(state: Mapping[str, Tensor], config: SpExPlusConfig) -> dict[str, Tensor]:
    """State dictionary of `SpExPlusNet` from that of the public class `SpEx_Plus`.

    Args:
        state: weights by the public names; a common prefix "module." is dropped.
        config: sizes of the network with the options `PUBLISHED`.

    Raises:
        CheckpointError: a weight has no counterpart in our network.
    """
    found: dict[str, Tensor] = {}
    for key, tensor in state.items():
        renamed = dict(_renamed(key.removeprefix("module."), tensor, config))
        if not renamed:
            raise CheckpointError(f"the public SpEx+ has no weight {key!r}; give the state_dict of its class SpEx_Plus")
        found |= renamed
    if config.speakers:  # the public code keeps no names of its speakers
        found["speakers.keys"] = torch.zeros(config.speakers, dtype=torch.int64)
    return found


def _renamed(key: str, tensor: Tensor, config: SpExPlusConfig) -> Iterator[tuple[str, Tensor]]:
    """Our names and shapes of one weight; none if it is unknown."""
    stem, _, leaf = key.rpartition(".")
    leaf = _LEAF.get(leaf, leaf)
    block, residual = _BLOCK_KEY.fullmatch(stem), _RESIDUAL_KEY.fullmatch(stem)
    if stem in _PLAIN:
        yield f"{_PLAIN[stem]}.{leaf}", tensor
    elif block and block[3] in _BLOCK:
        where = f"stacks.{int(block[1]) - 1}"
        if block[2] is None and block[3] == "conv1x1" and leaf == "weight":
            # The columns of the embedding follow those of the features.
            yield f"{where}.clue.weight", tensor[:, config.bottleneck :, 0].clone()
            tensor = tensor[:, : config.bottleneck].clone()
        place = "first" if block[2] is None else f"others.{block[2]}"
        yield _shaped(f"{where}.{place}.{_BLOCK[block[3]]}.{leaf}", tensor)
    elif residual and residual[2] in _RESIDUAL_BLOCK:
        yield _shaped(f"speaker_encoder.blocks.{int(residual[1]) - 2}.{_RESIDUAL_BLOCK[residual[2]]}.{leaf}", tensor)


def _shaped(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    """Gains of norms are [N, 1] in the public code and [N] here, slopes [1] and []."""
    if name.endswith(_SCALARS):
        return name, tensor.reshape(())
    if "_norm." in name and tensor.ndim > 1:
        return name, tensor.reshape(-1)
    return name, tensor
