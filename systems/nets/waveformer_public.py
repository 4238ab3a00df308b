"""Weights and sizes of the public Waveformer (dcc_tf.py of github.com/vb000/Waveformer) under our names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ...core.errors import CheckpointError

SIZES: Mapping[str, tuple[str, int | bool]] = {
    "L": ("frame", 8),
    "enc_dim": ("encoder_dim", 512),
    "num_enc_layers": ("encoder_layers", 10),
    "dec_dim": ("decoder_dim", 256),
    "num_dec_layers": ("decoder_layers", 2),
    "dec_chunk_size": ("chunk", 72),
    "dec_buf_len": ("context", 100),
    "out_buf_len": ("overlap", 2),
    "lookahead": ("lookahead", True),
}
"""Our name of each argument of its class, and its default there."""

FIXED = {"use_pos_enc": True, "skip_connection": True, "proj": True}
"""Arguments with the one value that is supported, which is the default there."""

_NAMES = {
    r"in_conv\.0\.": "analysis.",
    r"label_embedding\.(\d+)\.": r"labels.\1.",
    r"mask_gen\.encoder\.dcc_layers\.dcc_(\d+)\.layers\.0\.": r"encoder.\1.",
    r"mask_gen\.encoder\.dcc_layers\.dcc_(\d+)\.layers\.1\.": r"encoder.\1.depthwise_norm.",
    r"mask_gen\.encoder\.dcc_layers\.dcc_(\d+)\.layers\.3\.": r"encoder.\1.pointwise.",
    r"mask_gen\.encoder\.dcc_layers\.dcc_(\d+)\.layers\.4\.": r"encoder.\1.pointwise_norm.",
    r"mask_gen\.proj_e2d_e\.0\.": "to_memory.",
    r"mask_gen\.proj_e2d_l\.0\.": "to_decoder.",
    r"mask_gen\.proj_d2e\.0\.": "from_decoder.",
    r"mask_gen\.decoder\.pos_enc\.pe": "decoder.positions",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.self_attn\.": r"decoder.layers.\1.self_attention.",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.multihead_attn\.": r"decoder.layers.\1.cross_attention.",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.linear1\.": r"decoder.layers.\1.feed_forward.widen.",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.linear2\.": r"decoder.layers.\1.feed_forward.narrow.",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.norm1\.": r"decoder.layers.\1.norms.0.",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.norm2\.": r"decoder.layers.\1.norms.1.",
    r"mask_gen\.decoder\.tf_dec_layers\.(\d+)\.norm3\.": r"decoder.layers.\1.norms.2.",
    r"out_conv\.0\.": "synthesis.",
}


def config_of(params: Mapping[str, object], *, where: str) -> dict[str, object]:
    """Our hyper-parameters of `model_params` of its JSON config.

    Raises:
        CheckpointError: an argument is unknown, or has a value that is not supported; `where` starts the line.
    """
    known = {*SIZES, *FIXED, "label_len"}
    if unknown := sorted(set(params) - known):
        raise CheckpointError(
            f"{where}: model_params names {unknown[0]!r}, and the network dcc_tf takes {', '.join(sorted(known))}"
        )
    for name, value in FIXED.items():
        if params.get(name, value) != value:
            raise CheckpointError(f"{where}: {name} = {params[name]!r} is not supported; it must be {value}")
    return {ours: params.get(name, default) for name, (ours, default) in SIZES.items()}


def from_public(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dictionary of `WaveformerNet` from that of the public class `Net`.

    Raises:
        CheckpointError: a weight has no counterpart in our network.
    """
    return dict(_renamed(name, tensor) for name, tensor in state.items())


def _renamed(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    for pattern, ours in _NAMES.items():
        if (match := re.match(pattern, name)) is not None:
            return _reshaped(match.expand(ours) + name[match.end() :], tensor)
    raise CheckpointError(f"the public Waveformer has no weight {name!r}; give the model_state_dict of its class Net")


def _reshaped(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    """Convolutions of one tap are matrices here, depthwise ones have the channels last, and positions no batch."""
    if name == "decoder.positions" and tensor.ndim == 3:
        return name, tensor[0]
    if re.fullmatch(r"encoder\.\d+\.weight", name) and tensor.ndim == 3:
        return name, tensor[:, 0].T.contiguous()
    pointwise = re.fullmatch(r"(encoder\.\d+\.pointwise|to_memory|to_decoder|from_decoder)\.weight", name)
    if pointwise and tensor.ndim == 3 and tensor.shape[-1] == 1:
        return name, tensor[..., 0]
    return name, tensor
