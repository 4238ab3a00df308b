"""Networks and system cards from opened checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...datasets.types import ClueKind
from ..protocol import Family, SystemCard
from ..trainable import Config, Net, Task
from .checkpoint import Checkpoint, fill, net_config


def open_net(task: Task[Config, Net], checkpoint: Checkpoint, *, device: str) -> tuple[Config, Net]:
    """Hyper-parameters and network of a checkpoint, for inference; a CheckpointError if they do not fit."""
    config = net_config(task.net_config, checkpoint)
    # Without memory or random numbers until the weights are known to fit.
    with torch.device("meta"):
        net = task.build(config, classes=checkpoint.card.classes)
    fill(net, checkpoint)
    return config, net.to(device).eval()


def system_card(
    checkpoint: Checkpoint,
    *,
    name: str,
    family: Family,
    description: str,
    clues: frozenset[ClueKind],
    reference: str,
    causal: bool = False,
    classes: tuple[str, ...] | None = None,
    options: Mapping[str, str | int | float | bool | None] | None = None,
) -> SystemCard:
    """Card of a system whose weights come from a checkpoint; see `SystemCard` for the fields.

    `reference` is the checkpoint as the user named it; `options` are those besides the hyper-parameters.
    """
    card = checkpoint.card
    return SystemCard(
        name=name,
        family=family,
        description=description,
        clues=clues,
        sample_rate_hz=card.sample_rate_hz,
        causal=causal,
        checkpoint=reference,
        sha256=card.sha256,
        licence=card.licence,
        training_data=card.training_data,
        classes=classes,
        options={**card.net, **(options or {})},
    )
