"""Files of the public SGMSE code: checkpoints of PyTorch Lightning with averaged weights next to the state dict.

`state_dict` has the weights of the last step, under names with the prefix "dnn.". The averaged ones (EMA), which the
public code uses to enhance, are a list in `ema["shadow_params"]`, in the order of the network's parameters; torch_ema
before 0.3 leaves the fixed frequencies out. `hyper_parameters` hold a class of the public package, for which an inert
stand-in is allowed by its name alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ...core.errors import CheckpointError, ConfigError
from ...core.validation import parse
from ..checkpoints.archive import load_archive, outline_of
from ..checkpoints.checkpoint import read_weights
from ..checkpoints.foreign import describe
from ..checkpoints.inert import inert_constructors
from ..checkpoints.weights import load_strictly
from ..nets.generative.ncsnpp.config import NcsnppConfig
from ..nets.generative.ncsnpp.net import FramePadding, Ncsnpp

Weights = Literal["ema", "last"]

_WANTED = "give a .ckpt of SGMSE (sp-uhh/sgmse), with state_dict, hyper_parameters and ema"
_CLASSES = ("sgmse.data_module.SpecsDataModule",)
_PREFIX = "dnn."
_STORM = ("score_net.", "denoiser_net.")
Positive = Annotated[float, Field(gt=0)]
Size = Annotated[int, Field(ge=1)]


class SgmseSettings(BaseModel):
    """Hyper-parameters of a checkpoint under their public names; those of training and of data are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    backbone: Literal["ncsnpp", "ncsnpp_v2", "ncsnpp_48k"]
    sde: Literal["ouve", "sbve"]
    loss_type: Literal["mse", "mae", "score_matching", "denoiser", "data_prediction"] = "score_matching"
    network_scaling: Literal["1/sigma", "1/t"] | None = None
    c_in: Literal["1", "edm"] = "1"
    c_out: Literal["1", "sigma", "1/sigma", "edm"] = "1"
    c_skip: Literal["0", "edm"] = "0"
    sigma_data: Positive = 0.1
    t_eps: Annotated[float, Field(gt=0, lt=1)] = 0.03
    N: Size | None = None

    theta: Positive = 1.5
    sigma_min: Positive = 0.05
    sigma_max: Positive = 0.5
    k: Annotated[float, Field(gt=1)] = 2.6
    c: Positive = 0.4

    sr: Size | None = None
    n_fft: Annotated[int, Field(ge=2)] = 510
    hop_length: Size = 128
    window: Literal["hann"] = "hann"
    transform_type: Literal["exponent", "none"] = "exponent"
    spec_factor: Positive = 0.15
    spec_abs_exponent: Positive = 0.5

    nf: Size = 128
    ch_mult: tuple[Size, ...] = (1, 1, 2, 2, 2, 2, 2)
    num_res_blocks: Size = 2
    attn_resolutions: tuple[Size, ...] | None = None
    image_size: Size = 256
    fourier_scale: Positive = 16.0
    progressive: Literal["output_skip", "none"] | None = None
    progressive_input: Literal["input_skip", "none"] | None = None
    scale_by_sigma: bool = True
    nonlinearity: Literal["swish"] = "swish"
    resblock_type: Literal["biggan"] = "biggan"
    progressive_combine: Literal["sum"] = "sum"
    embedding_type: Literal["fourier"] = "fourier"
    fir: Literal[True] = True
    skip_rescale: Literal[True] = True
    conditional: Literal[True] = True
    centered: Literal[True] = True

    @property
    def full_band(self) -> bool:
        """Whether it is the network for 48 kHz, whose defaults differ."""
        return self.backbone == "ncsnpp_48k"

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the signals."""
        return self.sr if self.sr is not None and not self.full_band else (48000 if self.full_band else 16000)

    @property
    def predicts(self) -> Literal["score", "data"]:
        """Quantity that network and its scaling give."""
        return "data" if self.loss_type == "data_prediction" and self.backbone == "ncsnpp_v2" else "score"

    @property
    def padding(self) -> FramePadding:
        """Frames that fill up a multiple of the network's."""
        return "zeros" if self.backbone == "ncsnpp" else "reflection"

    def check(self) -> None:
        """Raise a ConfigError for a bridge whose network gives no data, which its samplers take."""
        if self.sde == "sbve" and self.predicts != "data":
            raise ConfigError(
                f"sde 'sbve' with backbone {self.backbone!r} and loss_type {self.loss_type!r} is not supported; a "
                "bridge needs 'ncsnpp_v2' and 'data_prediction'"
            )

    def net_config(self) -> NcsnppConfig:
        """Sizes of the network; a ConfigError if it is none of ours."""
        in_skip = self.progressive_input or ("none" if self.full_band else "input_skip")
        out_skip = self.progressive or ("none" if self.full_band else "output_skip")
        if (in_skip == "none") != (out_skip == "none"):
            raise ConfigError(
                f"progressive_input {in_skip!r} with progressive {out_skip!r} is not supported; both have skips or none"
            )
        attention = self.attn_resolutions
        if attention is None:
            attention = () if self.full_band else (16,)
        divided = self.scale_by_sigma and self.backbone != "ncsnpp_v2"
        content = {
            "channels": self.nf,
            "multipliers": ",".join(map(str, self.ch_mult)),
            "blocks": self.num_res_blocks,
            "attention": ",".join(map(str, attention)),
            "bins": self.image_size,
            "fourier_scale": self.fourier_scale,
            "skips": in_skip != "none",
            "division": ("outside" if self.full_band else "inside") if divided else "none",
        }
        return parse(NcsnppConfig, content, where="network")


@dataclass(frozen=True, slots=True, kw_only=True)
class SgmseFile:
    """Content of a checkpoint."""

    settings: SgmseSettings
    net: Ncsnpp  # with its weights, on the CPU
    sha256: str  # of the file
    weights: Weights


def read_sgmse(path: Path, *, weights: Weights) -> SgmseFile:
    """Read a checkpoint safely: nothing in it is run.

    Args:
        path: a .ckpt of the public code.
        weights: the averaged ones ("ema"), or those of the last step ("last").

    Raises:
        CheckpointError: it is missing, damaged, unsafe, of another kind, not finite, or of an unsupported network.
    """
    where = f"model file {str(path)!r}"
    content = read_weights(path)
    found = outline_of(content, where=where, wanted=_WANTED)
    constructors = inert_constructors(found.names, also=_CLASSES)
    loaded = load_archive(content, where=where, wanted=_WANTED, constructors=constructors)
    kind = describe(found.root)
    table: Mapping[Any, Any] = loaded if isinstance(loaded, Mapping) else {}
    state, hyper = table.get("state_dict"), table.get("hyper_parameters")
    if not (isinstance(state, Mapping) and isinstance(hyper, Mapping)):
        raise CheckpointError(f"{where} is {kind}, and lacks state_dict or hyper_parameters of SGMSE; {_WANTED}")
    net, settings = _network(state, hyper, where=where, kind=kind)
    if weights == "ema":
        state = {**_fixed(net, state), **_averaged(net, table.get("ema"), where=where)}
    _fill(net, state, where=where)
    return SgmseFile(settings=settings, net=net, sha256=hashlib.sha256(content).hexdigest(), weights=weights)


def _network(
    state: Mapping[Any, Any], hyper: Mapping[Any, Any], *, where: str, kind: str
) -> tuple[Ncsnpp, SgmseSettings]:
    """Network without memory, and settings."""
    if not any(isinstance(name, str) and name.startswith(_PREFIX) for name in state):
        storm = any(isinstance(name, str) and name.startswith(_STORM) for name in state)
        named = "a checkpoint of StoRM, whose two networks are not supported" if storm else kind
        raise CheckpointError(f"{where} is {named}, and has no weights named {_PREFIX}...; {_WANTED}")
    try:
        plain = {str(key): value for key, value in hyper.items() if key in SgmseSettings.model_fields}
        settings = parse(SgmseSettings, plain, where="hyper_parameters")
        settings.check()
        config = settings.net_config()
    except ConfigError as error:
        raise CheckpointError(f"{where}: {error}"[:480]) from None
    most = len(state)
    if settings.num_res_blocks > most or max(settings.nf, *settings.ch_mult) > _most_channels(state):
        raise CheckpointError(f"{where}: nf, ch_mult or num_res_blocks are larger than its weights; it is damaged")
    with torch.device("meta"):
        return Ncsnpp(config), settings


def _most_channels(state: Mapping[Any, Any]) -> int:
    return max((max(weight.shape, default=0) for weight in state.values() if isinstance(weight, Tensor)), default=0)


def _averaged(net: Ncsnpp, ema: object, *, where: str) -> dict[str, Tensor]:
    """Averaged weights, under the names of the state dict."""
    shadow = ema.get("shadow_params") if isinstance(ema, Mapping) else None
    if not isinstance(shadow, list):
        raise CheckpointError(
            f"{where} has no averaged weights (ema.shadow_params); give weights: last to use those of the last step"
        )
    names = [name for name, _ in net.named_parameters()]
    if len(shadow) != len(names):
        names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    if len(shadow) != len(names):
        raise CheckpointError(
            f"{where}: ema.shadow_params has {len(shadow)} weights, and the network of its hyper_parameters "
            f"{len(names)}; give weights: last to use those of the last step"
        )
    return {_PREFIX + name: tensor for name, tensor in zip(names, shadow, strict=True)}


def _fixed(net: Ncsnpp, state: Mapping[Any, Any]) -> dict[str, Any]:
    """Weights of the state dict that training does not change, which the averaged ones may leave out."""
    names = [_PREFIX + name for name, parameter in net.named_parameters() if not parameter.requires_grad]
    return {name: state[name] for name in names if name in state}


def _fill(net: Ncsnpp, state: Mapping[Any, Any], *, where: str) -> None:
    """Load the weights with the prefix by name; all of the network and no others."""
    given = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if str(name).startswith(_PREFIX)}
    load_strictly(net, given, where=where, of="of the network of its hyper_parameters")
