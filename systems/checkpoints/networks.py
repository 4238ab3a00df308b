"""Networks and system cards from opened checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...core.errors import CheckpointError
from ...core.text import error_text
from ...datasets.types import ClueKind
from ..protocol import Family, SystemCard
from ..trainable import Config, Net, Task
from .checkpoint import Checkpoint, fill, net_config

_LARGEST = 10_000_000  # of a number that is no size of a weight, such as one of recordings


def open_net(task: Task[Config, Net], checkpoint: Checkpoint, *, device: str) -> tuple[Config, Net]:
    """Hyper-parameters and network of a checkpoint, for inference; a CheckpointError if they do not fit."""
    config = net_config(task.net_config, checkpoint)
    where = f"net of {str(checkpoint.path)!r}"
    _check_sizes(checkpoint, where)
    try:
        # Without memory or random numbers until the weights are known to fit.
        with torch.device("meta"):
            net = task.build(config, classes=checkpoint.card.classes)
    except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise CheckpointError(f"{where} cannot be built: {error_text(error)}") from None
    fill(net, checkpoint)
    return config, net.to(device).eval()


def _check_sizes(checkpoint: Checkpoint, where: str) -> None:
    """Refuse numbers of layers or sizes that the weights cannot have, before a network of that size is begun."""
    most = max(_LARGEST, sum(tensor.numel() for tensor in checkpoint.state.values()))
    for name, value in checkpoint.card.net.items():
        limit = len(checkpoint.state) if name.endswith("layers") else most
        if isinstance(value, int) and value > limit:
            raise CheckpointError(f"{where}: {name} = {value:.3g}, and the weights allow at most {limit}")


def system_card(
    checkpoint: Checkpoint,
    *,
    name: str,
    family: Family,
    description: str,
    clues: frozenset[ClueKind],
    reference: str,
    causal: bool = False,
    chunk_samples: int | None = None,
    lookahead_samples: int = 0,
    classes: tuple[str, ...] | None = None,
    options: Mapping[str, str | int | float | bool | None] | None = None,
) -> SystemCard:
    """Card of a system whose weights come from a checkpoint; see `SystemCard` for the fields.

    `reference` is the checkpoint as the user named it; `options` come in addition to the hyper-parameters and the
    options of the training data.
    """
    card = checkpoint.card
    return SystemCard(
        name=name,
        family=family,
        description=description,
        clues=clues,
        sample_rate_hz=card.sample_rate_hz,
        causal=causal,
        chunk_samples=chunk_samples,
        lookahead_samples=lookahead_samples,
        checkpoint=reference,
        sha256=card.sha256,
        licence=card.licence,
        training_data=card.training_data,
        classes=classes,
        options={**card.data_options, **card.net, **(options or {})},
    )
