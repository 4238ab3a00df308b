"""Cards of networks that improve the estimates of a frozen one: they have seen its training data too."""

from __future__ import annotations

from ...datasets.contents import Contents
from ..checkpoints.checkpoint import Checkpoint, CheckpointCard, Initial


def built_on(card: CheckpointCard, initial: tuple[Initial, Checkpoint] | None) -> CheckpointCard:
    """The card of a network with the record of its frozen one, and the union of their training data."""
    if initial is None:
        return card
    record, checkpoint = initial
    frozen = checkpoint.card
    return card.model_copy(
        update={
            "initial": record,
            "training_data": tuple(dict.fromkeys((*card.training_data, *frozen.training_data))),
            "trained_on": _union(card.trained_on, frozen.trained_on),
        }
    )


def _union(first: Contents | None, second: Contents | None) -> Contents | None:
    """Everything that one of two contents has; None if one of them is unknown."""
    if first is None or second is None:
        return None

    def both(name: str) -> tuple[str, ...]:
        return tuple(sorted({*getattr(first, name), *getattr(second, name)}))

    return Contents(parts=both("parts"), recordings=both("recordings"), speakers=both("speakers"))
