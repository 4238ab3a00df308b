"""Models of the public SpeakerBeam repository, converted to our TD-SpeakerBeam.

The repository, BUTSpeechFIT/speakerbeam, saves its `TimeDomainSpeakerBeam` as asteroid does. The weights are the same
under other names and in part in other shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.errors import CheckpointError, ConfigError
from ..core.validation import parse
from .checkpoints.checkpoint import Checkpoint, CheckpointCard
from .nets.td_speakerbeam import TdSpeakerBeamConfig
from .registry import register_system
from .shared.asteroid_packages import Package, read_package
from .shared.enrolled import EnrolledSystem
from .td_speakerbeam import NAME as ARCHITECTURE
from .td_speakerbeam import TdSpeakerBeam

NAME = "speakerbeam_repo"
MODEL = "TimeDomainSpeakerBeam"

_RATE_HZ = 8000
_CONDITIONINGS = {"mul": "multiplication", "muladd": "affine", "concat": "concatenation"}
# Arguments with the only supported values; the first one is the repository's default.
_FIXED = {
    "fb_name": ("free", "FreeFB"),
    "norm_type": ("gLN",),
    "causal": (False,),
    "encoder_activation": (None, "linear"),
    "n_src": (1,),
}
# Our name of each argument, and the repository's default.
_ARGUMENTS: Mapping[str, tuple[str, Any]] = {
    "n_blocks": ("blocks", 8),
    "n_repeats": ("stacks", 3),
    "bn_chan": ("bottleneck", 128),
    "hid_chan": ("hidden", 512),
    "skip_chan": ("skip", 128),
    "conv_kernel_size": ("kernel", 3),
    "mask_act": ("mask", "sigmoid"),
    "kernel_size": ("filter_length", 16),
    "n_filters": ("num_filters", 512),
    "stride": ("stride", 8),
}
_BLOCK = {
    "shared_block.0": "widen",
    "shared_block.1": "widen_activation",
    "shared_block.2": "widen_norm",
    "shared_block.3": "depthwise",
    "shared_block.4": "depthwise_activation",
    "shared_block.5": "depthwise_norm",
    "res_conv": "residual",
    "skip_conv": "skip",
}
_PART = {"bottleneck.0": "norm", "bottleneck.1": "bottleneck", "mask_net.1": "output"}
_BANKS = {
    "encoder": "extractor.encoder.filters",
    "decoder": "extractor.decoder.basis",
    "auxiliary.1": "auxiliary.encoder.filters",
}
_LEAF = {"gamma": "weight", "beta": "bias"}


@register_system(NAME)
class SpeakerBeamRepo(EnrolledSystem):
    """A model.pth of the public SpeakerBeam repository (TimeDomainSpeakerBeam), for enrollments, at 8 kHz.

    Args:
        model: the file. As in the repository, signals are not normalised, and frames are not padded.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or of an unsupported network.
    """

    name = NAME
    description = "TD-SpeakerBeam with weights of its public repository (Delcroix et al., 2020)"
    task = TdSpeakerBeam.task

    def __init__(self, *, model: str, device: str = "cpu") -> None:
        package = read_package(Path(model).expanduser())
        config = config_of(package)
        opened = Checkpoint(
            card=CheckpointCard(
                architecture=ARCHITECTURE,
                net=config.model_dump(mode="json"),
                classes=(),
                sample_rate_hz=int(package.args.get("sample_rate", _RATE_HZ)),
                sha256=package.sha256,
                licence="as the model's makers say",
            ),
            state=own_state(package, config),
            path=Path(model),
        )
        self._set_up(opened, reference=model, device=device)


def config_of(package: Package) -> TdSpeakerBeamConfig:
    """Convert the arguments of the repository's network to our hyper-parameters.

    Raises:
        CheckpointError: another class, or an unsupported argument.
    """
    if package.name != MODEL:
        raise CheckpointError(
            f"{package.where} holds a {package.name!r}, and system {NAME!r} opens {MODEL!r}; "
            "separation models of asteroid are opened by system 'asteroid'"
        )
    args = {key: default for key, (_, default) in _ARGUMENTS.items()}
    args |= {key: value for key, value in package.args.items() if value is not None}
    _check(package, args)
    stacks_before, rest = divmod(args["i_adapt_layer"] + 1, args["n_blocks"])
    whole = not rest and stacks_before < args["n_repeats"]
    content = {ours: args[key] for key, (ours, _) in _ARGUMENTS.items()} | {
        "skip": package.args.get("skip_chan", args["skip_chan"]) or 0,
        "conditioned_after": min(max(1, stacks_before), args["n_repeats"] - 1),
        "adapted_block": None if whole else args["i_adapt_layer"],
        "embedding_dim": args["adapt_enroll_dim"],
        "conditioning": _CONDITIONINGS[args["adapt_layer_type"]],
        "encoder": "linear",
        "adapted": "block",
        "frames": "inside",
        "normalise": False,
    }
    try:
        return parse(TdSpeakerBeamConfig, content, where=package.where)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def _check(package: Package, args: Mapping[str, Any]) -> None:
    """Refuse arguments that our network does not support."""
    allowed = {**_FIXED, "adapt_layer_type": tuple(_CONDITIONINGS), "mask_act": ("relu", "sigmoid", "linear")}
    for key, values in allowed.items():
        found = args.get(key, values[0])
        if found not in values:
            known = ", ".join(repr(value) for value in values)
            raise CheckpointError(f"{package.where}: model_args[{key!r}] = {found!r} is not supported (known: {known})")
    blocks, repeats, at = args["n_blocks"], args["n_repeats"], args.get("i_adapt_layer")
    counted = all(isinstance(number, int) for number in (blocks, repeats, at))
    if not counted or repeats < 2 or at not in range(blocks * repeats):
        raise CheckpointError(
            f"{package.where}: model_args['i_adapt_layer'] = {at!r} with n_blocks = {blocks!r} and n_repeats = "
            f"{repeats!r}; it must be the number of a block, from 0, of two repeats or more"
        )
    if args["adapt_layer_type"] == "muladd" and args.get("adapt_enroll_dim") != 2 * args["bn_chan"]:
        raise CheckpointError(
            f"{package.where}: model_args['adapt_enroll_dim'] = {args.get('adapt_enroll_dim')!r} with adapt_layer_type "
            f"'muladd' must be twice bn_chan = {args['bn_chan']}"
        )


def own_state(package: Package, config: TdSpeakerBeamConfig) -> dict[str, Tensor]:
    """Convert the weights of the repository's network to ours.

    Raises:
        CheckpointError: a weight has no counterpart in our network.
    """
    state: dict[str, Tensor] = {}
    for key, tensor in package.state.items():
        renamed = dict(_renamed(key, tensor, config))
        if not renamed:
            raise CheckpointError(
                f"{package.where} has the weight {key!r}, for which the network of its model_args has no place"
            )
        state |= renamed
    return state


def _renamed(key: str, tensor: Tensor, config: TdSpeakerBeamConfig) -> Iterator[tuple[str, Tensor]]:
    """Our names and shapes of one weight; none if it is unknown."""
    bank, _, rest = key.partition(".filterbank.")
    if rest == "_filters" and bank in _BANKS:
        yield f"{_BANKS[bank]}.weight", tensor
    elif key.startswith("masker.adapt_layer.transform."):
        yield from _concatenation(key.split(".")[3:], tensor, config)
    elif key.startswith("masker."):
        yield from _of_network(key.removeprefix("masker."), tensor, config, ours="extractor")
    elif key.startswith("auxiliary.2."):
        yield from _of_network(key.removeprefix("auxiliary.2."), tensor, config, ours="auxiliary")


def _of_network(key: str, tensor: Tensor, config: TdSpeakerBeamConfig, *, ours: str) -> Iterator[tuple[str, Tensor]]:
    """Convert a weight of asteroid's TDConvNet, in the extraction or the auxiliary network."""
    *stem, leaf = key.split(".")
    leaf = _LEAF.get(leaf, leaf)
    part = ".".join(stem)
    if part in _PART:
        yield f"{ours}.{_PART[part]}.{leaf}", tensor
    elif part == "mask_net.0":
        name = "output_activation" if ours == "extractor" else "activation"
        yield f"{ours}.{name}.{leaf}", tensor.reshape(())
    elif stem[0] == "TCN" and stem[1].isdigit() and ".".join(stem[2:]) in _BLOCK:
        stack, block = divmod(int(stem[1]), config.blocks)
        name = _BLOCK[".".join(stem[2:])]
        # The slope of a PReLU is [1] in asteroid and a scalar here.
        value = tensor.reshape(()) if name.endswith("activation") else tensor
        after = stack - config.conditioned_after
        where = f"after.{after}" if after >= 0 else f"before.{stack}"
        where = "stack" if ours == "auxiliary" else where
        yield f"{ours}.{where}.blocks.{block}.{name}.{leaf}", value


def _concatenation(rest: list[str], tensor: Tensor, config: TdSpeakerBeamConfig) -> Iterator[tuple[str, Tensor]]:
    """Split W [f; e] + b into the columns of the features and those of the embedding."""
    names = {"0": "conditioning", "1": "skip_conditioning"}
    if len(rest) != 2 or rest[0] not in names:
        return
    name = f"extractor.{names[rest[0]]}"
    if rest[1] == "bias":
        yield f"{name}.features.bias", tensor
        return
    yield f"{name}.features.weight", tensor[:, : config.bottleneck, None].clone()
    yield f"{name}.embedding.weight", tensor[:, config.bottleneck :].clone()
