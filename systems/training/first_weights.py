"""Weights of an earlier training that a network starts with: stages of a training, and parts that others trained."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ...core.errors import CheckpointError, listed
from ..checkpoints.archive import load_archive
from ..checkpoints.checkpoint import CARD, find_checkpoint, read_checkpoint_card, read_weights
from ..checkpoints.tensor_files import is_tensor_file, load_tensors
from ..checkpoints.weights import weights_of
from .config import StartConfig

_STATE = "state_dict"


def start_with(net: nn.Module, start: StartConfig) -> str:
    """Load the weights of files into those of the network that have the same names, after the prefix.

    Other weights of the network stay fresh, and others of a file are left out.

    Returns:
        line for the checkpoint's card: how many weights came from which file.

    Raises:
        CheckpointError: no file, none of its weights has a name of the network's, or one has another shape.
    """
    return "; ".join(_start_with(net, file) for file in start.files())


def _start_with(net: nn.Module, start: StartConfig) -> str:
    path = find_checkpoint(start.checkpoint)
    content = read_weights(path)
    found = {f"{start.prefix}{name}": tensor for name, tensor in _weights(content, path).items()}
    if start.only:
        found = {name: tensor for name, tensor in found.items() if name.startswith(start.only)}
    own, where = net.state_dict(), f"start_from.checkpoint {start.checkpoint!r}"
    shared = sorted(set(own) & set(found))
    if not shared:
        raise CheckpointError(
            f"{where}: none of its weights ({listed(sorted(found), length=80)}) is one of the network's "
            f"({listed(sorted(own), length=80)}); set start_from.prefix or only, or choose another file"
        )
    for name in shared:
        if own[name].shape != found[name].shape:
            raise CheckpointError(
                f"{where}: weight {name!r} is {[*found[name].shape]}, and the network of this config needs "
                f"{[*own[name].shape]}; give both trainings the same net"
            )
    net.load_state_dict({name: found[name].to(own[name].dtype) for name in shared}, strict=False)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{len(shared)} of {len(own)} weights from {Path(start.checkpoint).name} (sha256 {digest}…)"


def first_training_data(start: StartConfig | None) -> tuple[str, ...]:
    """Names of the data that the first weights were trained on, as far as their files have cards."""
    files = start.files() if start else ()
    carded = [file.checkpoint for file in files if find_checkpoint(file.checkpoint).with_name(CARD).is_file()]
    return tuple(name for checkpoint in carded for name in read_checkpoint_card(checkpoint).training_data)


def _weights(content: bytes, path: Path) -> dict[str, Tensor]:
    """State dict of a checkpoint of ours, or of a plain file of weights."""
    where, wanted = f"checkpoint {str(path)!r}", "start_from opens a checkpoint of `tsebench train` or a state_dict"
    if is_tensor_file(path):
        return weights_of(load_tensors(content, where=where), where=where, wanted=wanted)
    loaded = load_archive(content, where=where, wanted=wanted)
    inner = loaded.get(_STATE) if isinstance(loaded, Mapping) else None
    return weights_of(inner if isinstance(inner, Mapping) else loaded, where=where, wanted=wanted)
