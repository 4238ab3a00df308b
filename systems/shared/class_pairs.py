"""Training pairs of a mixture and one sound class, several from each rendered mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from numpy.random import Generator
from torch import Tensor

from ...core.errors import ConfigError
from ...datasets.seeding import generator
from ..trainable import TrainBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPairs:
    """P mixtures with one queried class each, on the device of the batch.

    Attributes:
        mixture: [P, T].
        target: [P, T], zeros where the mixture does not contain the class.
        classes: [P] number of the class.
        lengths: [P] samples.
    """

    mixture: Tensor
    target: Tensor
    classes: Tensor
    lengths: Tensor


def class_pairs(batch: TrainBatch, classes: Sequence[str], *, draws: int, inactive_share: float) -> ClassPairs:
    """`draws` pairs of each mixture; they follow from the ids of the queries and their order alone.

    The first draw is the mixture itself. In the others, the target of another item of the batch stands in the place of
    its own, unless its class sounds in the rest of the mixture. In a share of the pairs the queried class is one that
    the mixture does not contain.

    Raises:
        ConfigError: a query has no class or several.
    """
    labels = [_only(clues.classes) for clues in batch.queries.clues]
    rest = batch.mixture - batch.target
    count, lengths = len(labels), batch.queries.lengths
    inside = torch.arange(rest.shape[-1], device=rest.device) < lengths[:, None]
    mixtures, targets, numbers = [], [], []
    for draw in range(draws):
        for row, (query_id, label) in enumerate(zip(batch.queries.ids, labels, strict=True)):
            rng = generator("class pair", query_id, draw)
            others = set(batch.active_classes[row]) - {label}
            source = (row + draw) % count
            if labels[source] in others:
                source = row
            target = batch.target[source] * inside[row]
            mixtures.append(rest[row] + target)
            absent = _absent(rng, others | {labels[source]}, classes, inactive_share)
            targets.append(target if absent is None else torch.zeros_like(target))
            numbers.append(classes.index(labels[source] if absent is None else absent))
    return ClassPairs(
        mixture=torch.stack(mixtures),
        target=torch.stack(targets),
        classes=torch.tensor(numbers, device=rest.device),
        lengths=lengths.repeat(draws),
    )


def _only(labels: tuple[str, ...]) -> str:
    if len(labels) != 1:
        raise ConfigError(
            f"a training query names {len(labels)} classes ({', '.join(labels)[:100]}), but this system is trained "
            'with one; set data.overrides: {conditions: ["1:0"], clues: [classes]}'
        )
    return labels[0]


def _absent(rng: Generator, active: set[str], classes: Sequence[str], share: float) -> str | None:
    """A class that is not active, in a share of the draws."""
    inactive = [label for label in classes if label not in active]
    if rng.random() >= share or not inactive:
        return None
    return inactive[int(rng.integers(len(inactive)))]
