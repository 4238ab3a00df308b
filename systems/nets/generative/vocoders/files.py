"""Vocoders from files of the user, in the public layouts of HiFi-GAN and BigVGAN."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from .....core.errors import CheckpointError, ConfigError
from .....core.validation import parse
from ....checkpoints.archive import load_archive
from ....checkpoints.checkpoint import read_weights
from ....checkpoints.weights import load_strictly, weights_of, without_prefix
from ..log_mel import LogMel
from .big_vgan import BigVganGenerator
from .hifi_gan import GeneratorSizes, HifiGanGenerator

_CONFIG = "config.json"
_WANTED = (
    f"a vocoder is the generator of HiFi-GAN or BigVGAN as its authors save it, with its {_CONFIG} in the same folder"
)
_TABLES = ("generator", "state_dict")
_PREFIXES = ("first_stage_model.vocoder.", "vocoder.", "generator.")
_NORMS = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))

_Sizes = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]


class _PublicConfig(BaseModel):
    """The keys of a public `config.json` that matter here; defaults are AudioLDM's at 16 kHz."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sampling_rate: int = Field(default=16000, gt=0)
    n_fft: int = Field(default=1024, gt=0)
    win_size: int = Field(default=1024, gt=0)
    hop_size: int = Field(default=160, gt=0)
    num_mels: int = Field(default=64, gt=0)
    fmin: float = 0.0
    fmax: float | None = 8000.0
    upsample_rates: _Sizes = (5, 4, 2, 2, 2)
    upsample_kernel_sizes: _Sizes = (16, 16, 8, 4, 4)
    upsample_initial_channel: int = Field(default=1024, gt=0)
    resblock: Literal["1", "2"] = "1"
    resblock_kernel_sizes: _Sizes = (3, 7, 11)
    resblock_dilation_sizes: tuple[_Sizes, ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    activation: Literal["snake", "snakebeta"] = "snakebeta"
    snake_logscale: bool = True
    use_tanh_at_final: bool = True
    use_bias_at_final: bool = True


class FileVocoder:
    """A vocoder of the user's.

    Attributes:
        sha256: of the file.
    """

    def __init__(self, net: HifiGanGenerator | BigVganGenerator, *, mel: LogMel, description: str, sha256: str) -> None:
        self.mel = mel
        self.description = description
        self.sha256 = sha256
        self.net = net.eval()

    @torch.no_grad()
    def synthesise(self, log_mel: Tensor, *, mixture: Tensor) -> Tensor:
        """Log-mel spectra [B, n_mels, K] and mixtures [B, T], of which only the length counts, to waveforms [B, T]."""
        self.net.to(log_mel.device)
        signal, num_samples = self.net(log_mel.float()), mixture.shape[-1]
        padded = nn.functional.pad(signal, (0, max(0, num_samples - signal.shape[-1])))
        return padded[..., :num_samples].to(mixture.dtype)


def load_vocoder(path: str | Path) -> FileVocoder:
    """Open a weights file, whose config is `config.json` next to it; without one, AudioLDM's at 16 kHz is taken.

    Raises:
        CheckpointError: missing, damaged, unsafe to load, of another layout, or not what its config describes.
    """
    path = Path(path).expanduser()
    where = f"vocoder {str(path)!r}"
    if not path.is_file():
        raise CheckpointError(f"{where} is no file; {_WANTED}")
    archive = read_weights(path)
    state = _state(load_archive(archive, where=where, wanted=_WANTED), where=where)
    config = _config(path, where=where)
    sizes = f"its {_CONFIG}" if path.with_name(_CONFIG).is_file() else "AudioLDM at 16 kHz"
    is_big = any(name.startswith("activation_post.") for name in state)
    with torch.device("meta"):
        net = _net(config, is_big=is_big)
    load_strictly(net, state, where=where, of=f"of the generator of {sizes}", wanted=_WANTED)
    kind = "BigVGAN" if is_big else "HiFi-GAN"
    sha256 = hashlib.sha256(archive).hexdigest()
    return FileVocoder(net, mel=_mel(config), description=f"{kind} {path.name} ({sha256[:12]})", sha256=sha256)


def _state(loaded: object, *, where: str) -> dict[str, Tensor]:
    """Weights by the names of the generator, without weight norm."""
    for key in _TABLES:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if isinstance(loaded, Mapping):
        for prefix in _PREFIXES:
            inside = {name: value for name, value in loaded.items() if str(name).startswith(prefix)}
            loaded = inside or loaded
    state = weights_of(loaded, where=where, wanted=_WANTED)
    for prefix in _PREFIXES:
        state = without_prefix(state, prefix)
    return without_weight_norm(state)


def without_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with `weight` = g·v/‖v‖ in place of g and v, the norm over all but the first dimension."""
    folded = dict(state)
    for gain_end, direction_end in _NORMS:
        for name in [name for name in folded if name.endswith(gain_end)]:
            stem = name.removesuffix(gain_end)
            if stem + direction_end in folded:
                gain, direction = folded.pop(name), folded.pop(stem + direction_end)
                norm = torch.linalg.vector_norm(direction, dim=tuple(range(1, direction.dim())), keepdim=True)
                folded[stem + ".weight"] = gain * (direction / norm)
    return folded


def _config(path: Path, *, where: str) -> _PublicConfig:
    config_file = path.with_name(_CONFIG)
    content: Any = {}
    if config_file.is_file():
        try:
            content = json.loads(config_file.read_text(encoding="utf-8"))
        except ValueError:
            raise CheckpointError(f"{where}: {_CONFIG} next to it is not JSON; {_WANTED}") from None
    try:
        config = parse(_PublicConfig, content, where=str(config_file))
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    problem = _problem(config)
    if problem:
        raise CheckpointError(f"{where}: {_CONFIG} {problem}")
    return config


def _problem(config: _PublicConfig) -> str:
    """Why sizes do not belong together, or are not supported; "" if they do."""
    product = 1
    for rate in config.upsample_rates:
        product *= rate
    if product != config.hop_size:
        return f"upsamples by {product}, but its hop_size is {config.hop_size}; the two must be equal"
    if len(config.upsample_rates) != len(config.upsample_kernel_sizes):
        return "needs as many upsample_kernel_sizes as upsample_rates"
    if len(config.resblock_kernel_sizes) != len(config.resblock_dilation_sizes):
        return "needs as many resblock_dilation_sizes as resblock_kernel_sizes"
    if config.win_size != config.n_fft or config.fmin != 0:
        return (
            f"has win_size {config.win_size}, n_fft {config.n_fft}, fmin {config.fmin:g}; supported are vocoders with "
            "win_size = n_fft and fmin = 0"
        )
    return ""


def _net(config: _PublicConfig, *, is_big: bool) -> HifiGanGenerator | BigVganGenerator:
    sizes = GeneratorSizes(
        num_mels=config.num_mels,
        upsample_rates=config.upsample_rates,
        upsample_kernel_sizes=config.upsample_kernel_sizes,
        upsample_initial_channel=config.upsample_initial_channel,
        resblock=config.resblock,
        resblock_kernel_sizes=config.resblock_kernel_sizes,
        resblock_dilation_sizes=config.resblock_dilation_sizes,
    )
    if not is_big:
        return HifiGanGenerator(sizes)
    return BigVganGenerator(
        sizes,
        beta=config.activation == "snakebeta",
        log_scale=config.snake_logscale,
        tanh=config.use_tanh_at_final,
        bias=config.use_bias_at_final,
    )


def _mel(config: _PublicConfig) -> LogMel:
    return LogMel(
        sample_rate_hz=config.sampling_rate,
        n_fft=config.n_fft,
        hop=config.hop_size,
        n_mels=config.num_mels,
        highest_hz=config.fmax,
    )
