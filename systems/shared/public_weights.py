"""Weights of public generative models: a torch file with the network's under "model", or with them alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ...core.errors import CheckpointError
from ..checkpoints.archive import load_archive, outline_of
from ..checkpoints.checkpoint import read_weights
from ..checkpoints.foreign import describe
from ..checkpoints.weights import weights_of


def read_public_weights(
    path: Path, *, known_by: str, of: str, where: str, wanted: str
) -> tuple[dict[str, Tensor], str]:
    """Weights by name, and the hash of the file.

    Args:
        known_by: a part of a weight's name that files of this kind have.
        of: name of the network, for messages.
        where: start of an error's line.
        wanted: its end: what is opened here.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, not finite, or of another network.
    """
    content = read_weights(path)
    kind = describe(outline_of(content, where=where, wanted=wanted).root)
    loaded = load_archive(content, where=where, wanted=wanted)
    if isinstance(loaded, Mapping) and isinstance(loaded.get("model"), Mapping):
        loaded = loaded["model"]
    if not isinstance(loaded, Mapping) or not any(known_by in str(name) for name in loaded):
        raise CheckpointError(f"{where} is {kind}, and has no weight {known_by!r} of {of}; {wanted}")
    return weights_of(loaded, where=where, wanted=wanted), hashlib.sha256(content).hexdigest()
