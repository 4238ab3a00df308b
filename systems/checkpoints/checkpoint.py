"""Checkpoints: a folder with `model.pt` (tensors only; nothing in it ever runs) and `card.json` (their description)."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError, field_validator
from torch import Tensor, nn

from ...core.errors import CheckpointError, ConfigError, HubError, suggest
from ...core.file_kinds import stand_in_at
from ...core.files import make_folder, write_atomic
from ...core.hub.download import fetch_first, pinned
from ...core.hub.reference import is_reference, parse_reference
from ...core.validation import StrictModel, explain, parse
from ...datasets.contents import Contents
from .adaptation_card import Adaptation
from .archive import load_archive, outline_of
from .foreign import describe
from .tensor_files import TENSORS, is_tensor_file, load_tensors
from .weights import name_problem, weights_of

M = TypeVar("M", bound=BaseModel)

WEIGHTS, CARD = "model.pt", "card.json"
ZOO = Path(__file__).resolve().parents[1] / "zoo"


class Initial(StrictModel):
    """Checkpoint of a frozen network whose estimates another one improves, or learns."""

    checkpoint: str  # as the training config named it
    architecture: str
    sha256: str  # hash of its weights file


class CheckpointCard(StrictModel):
    """Facts that are needed to rebuild a network, and the origin of its weights."""

    architecture: str  # name of the registered system
    net: dict[str, str | int | float | bool | None]  # its hyper-parameters
    classes: tuple[str, ...]
    sample_rate_hz: int
    sha256: str  # hash of the weights file
    training_data: tuple[str, ...] = ()  # names of sets and of parts of corpora, see `datasets/contamination.py`
    trained_on: Contents | None = None  # the recordings and speakers themselves, if known
    data_fingerprint: str = ""  # of the training stream
    data_options: Mapping[
        str, str | int | float | bool | None
    ] = {}  # `data.overrides` of the training that are no lists
    loss: str = ""
    seed: int | None = None
    epochs: int | None = None
    steps: int | None = None
    best_valid_loss: float | None = None  # in the unit of the loss
    prepared: str = ""  # parts that were fitted before training, and their data; "" if none
    licence: str = "Apache-2.0"
    git_commit: str | None = None
    tsebench_version: str = ""
    adapted: Adaptation | None = None  # adaptation that added its last classes, if any
    initial: Initial | None = None  # frozen network whose estimates this one takes, if any
    teacher: Initial | None = None  # network whose estimates it was also trained on, if any

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(classes)) != len(classes):
            raise ValueError(f"the labels {list(classes)} are not distinct")
        return classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Opened checkpoint: its card, its weights on the CPU, and their path."""

    card: CheckpointCard
    state: Mapping[str, Tensor]
    path: Path


def save_checkpoint(folder: Path, *, state: Mapping[str, Tensor], card: CheckpointCard) -> Path:
    """Write `model.pt` and `card.json`, whose `sha256` is set here; returns the path of the weights.

    Raises:
        OutputError: the folder cannot be written.
    """
    weights = to_bytes({name: tensor.detach().cpu() for name, tensor in state.items()})
    signed = card.model_copy(update={"sha256": hashlib.sha256(weights).hexdigest()})
    make_folder(folder)
    write_atomic(folder / WEIGHTS, weights)
    write_atomic(folder / CARD, signed.model_dump_json(indent=2) + "\n")
    return folder / WEIGHTS


def load_checkpoint(checkpoint: str | Path, *, architecture: str) -> Checkpoint:
    """Open a folder, a weights file with its card next to it, a name of the zoo, or a repository of the hub, safely.

    Raises:
        CheckpointError: missing, damaged, unsafe to load, of another system, or not finite.
    """
    path = find_checkpoint(checkpoint)
    where = f"checkpoint {str(path)!r}"
    wanted = f"system {architecture!r} opens {WEIGHTS} with its {CARD}, as `tsebench train` writes them"
    if not path.with_name(CARD).is_file():
        kind = "a safetensors file"
        if not is_tensor_file(path):
            kind = describe(outline_of(read_weights(path), where=where, wanted=wanted).root)
        raise CheckpointError(f"{where} is {kind}, and no {CARD} is next to it; {wanted}")
    card = _read_card(path.with_name(CARD))
    if card.architecture != architecture:
        raise CheckpointError(
            f"checkpoint {str(path)!r} is of system {card.architecture!r}, but system {architecture!r} was to load it"
        )
    weights = read_weights(path)
    state = _state(weights, path, where=where, wanted=wanted)
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise CheckpointError(
            f"checkpoint {str(path)!r} does not match the sha256 {card.sha256[:12]}… of its "
            f"{CARD}; one of the two was changed or copied from elsewhere: fetch both again"
        )
    return Checkpoint(card=card, state=state, path=path)


def _state(weights: bytes, path: Path, *, where: str, wanted: str) -> dict[str, Tensor]:
    """Weights by name, of a safetensors file or of a torch file."""
    if is_tensor_file(path):
        return weights_of(load_tensors(weights, where=where), where=where, wanted=wanted)
    loaded = load_archive(weights, where=where, wanted=wanted)
    if isinstance(loaded, Mapping) and not all(isinstance(value, Tensor) for value in loaded.values()):
        where = f"{where}, {describe(outline_of(weights, where=where, wanted=wanted).root)}"
    return weights_of(loaded, where=where, wanted=wanted)


def shipped_checkpoints() -> list[str]:
    """Names of the zoo, sorted."""
    return sorted(path.parent.name for path in ZOO.glob(f"*/{WEIGHTS}"))


def find_checkpoint(checkpoint: str | Path) -> Path:
    """Path of the weights file of a checkpoint, see `load_checkpoint`; a CheckpointError if there is none."""
    if isinstance(checkpoint, str) and is_reference(checkpoint):
        return _fetched(checkpoint)
    shipped = shipped_checkpoints()
    candidates = [Path(checkpoint), Path(checkpoint) / WEIGHTS, Path(checkpoint) / TENSORS]
    if str(checkpoint) in shipped:
        candidates.append(ZOO / checkpoint / WEIGHTS)
    for candidate in candidates:
        try:
            if candidate.expanduser().is_file():
                return candidate.expanduser()
        except (OSError, RuntimeError):
            break  # not a possible file name, or the home of an unknown user
    raise CheckpointError(
        f"no checkpoint at {str(checkpoint)!r}: give a folder with {WEIGHTS} and {CARD}, its "
        f"{WEIGHTS}, hf://ORG/NAME@REVISION, or a shipped name{suggest(str(checkpoint), shipped)}"
    )


def _fetched(text: str) -> Path:
    """Weights of a repository of the hub, with its card next to them; safetensors where it has both kinds."""
    try:
        reference = pinned(parse_reference(text))
        fetch_first(reference, [CARD])
        return fetch_first(reference, [reference.path] if reference.path else [TENSORS, WEIGHTS])
    except HubError as error:
        raise CheckpointError(str(error)) from None


def read_checkpoint_card(checkpoint: str | Path) -> CheckpointCard:
    """Read the card of a checkpoint without checking its weights; a CheckpointError if it is missing or damaged."""
    return _read_card(find_checkpoint(checkpoint).with_name(CARD))


def trained_on(checkpoint: str | None) -> Contents | None:
    """Recordings and speakers of the training data, if the checkpoint of a system's card is one of ours with them."""
    if checkpoint is None:
        return None
    try:
        return read_checkpoint_card(checkpoint).trained_on
    except CheckpointError:
        return None


def net_config(model: type[M], checkpoint: Checkpoint) -> M:
    """Hyper-parameters of a checkpoint's network; a CheckpointError if they do not fit it."""
    try:
        return parse(model, checkpoint.card.net, where=f"net of {str(checkpoint.path)!r}")
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def fill(net: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights into a network, which may be built on the device "meta".

    Raises:
        CheckpointError: a key is missing or unknown, or a shape or type differs.
    """
    expected = net.state_dict()
    where = f"checkpoint {str(checkpoint.path)!r}"
    if problem := name_problem(expected, checkpoint.state, noun="key"):
        raise CheckpointError(f"{where} {problem}; it does not fit the network that its {CARD} describes")
    for name, tensor in expected.items():
        found = checkpoint.state[name]
        if (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            raise CheckpointError(
                f"{where}: {name!r} is {_kind(found)}, but the network of its {CARD} needs {_kind(tensor)}"
            )
    net.load_state_dict(dict(checkpoint.state), assign=True)


def to_bytes(content: Mapping[str, Any]) -> bytes:
    """Serialise tensors and plain values as a torch archive; equal content gives equal bytes."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    return buffer.getvalue()


def from_bytes(archive: bytes, *, path: Path) -> object:
    """Read an archive of `to_bytes` on the CPU; `path` is for messages.

    Raises:
        CheckpointError: not a torch archive, damaged, or more than tensors and plain values in it.
    """
    wanted = "give a file that torch.save made of tensors and plain values"
    return load_archive(archive, where=f"checkpoint {str(path)!r}", wanted=wanted)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def read_weights(path: Path) -> bytes:
    """Bytes of a file of weights; a CheckpointError if it cannot be read or is larger than the memory."""
    try:
        size, memory = path.stat().st_size, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if size > memory:
            raise CheckpointError(f"{str(path)!r} has {size} bytes, and this machine has {memory} of memory")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except MemoryError:
        raise CheckpointError(f"cannot read {str(path)!r}: its {size} bytes do not fit into memory") from None


def _read_card(path: Path) -> CheckpointCard:
    if not path.is_file():
        raise CheckpointError(f"no {CARD} at {str(path)!r}: it belongs next to the weights")
    try:
        return CheckpointCard.model_validate(json.loads(read_weights(path)))
    except ValidationError as error:
        raise CheckpointError(explain(error, CheckpointCard, where=str(path))) from None
    except RecursionError:
        raise CheckpointError(f"{str(path)!r} is nested too deeply; it is no {CARD} of tsebench") from None
    except ValueError as error:
        reason = f"it is {other}" if (other := stand_in_at(path)) else str(error)[:200]
        raise CheckpointError(f"{str(path)!r} is not JSON: {reason}") from None
