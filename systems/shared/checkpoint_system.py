"""Base of systems whose network comes from a checkpoint of their own training task."""

from __future__ import annotations

from typing import Any, ClassVar

from ...datasets.types import ClueKind
from ..checkpoints.checkpoint import Checkpoint, load_checkpoint
from ..checkpoints.networks import open_net, system_card
from ..protocol import Family, SystemCard
from ..trainable import AnyTask


class CheckpointSystem:
    """A system with one network; its card is that of the checkpoint.

    Args:
        checkpoint: a folder, a weights file with its card next to it, a shipped name, or hf://ORG/NAME@REVISION.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    family: ClassVar[Family] = "discriminative"
    task: ClassVar[AnyTask]
    clues: ClassVar[frozenset[ClueKind]]
    card: SystemCard

    def __init__(self, *, checkpoint: str, device: str = "cpu") -> None:
        opened = load_checkpoint(checkpoint, architecture=self.name)
        self._set_up(opened, reference=checkpoint, device=device)

    def _set_up(self, checkpoint: Checkpoint, *, reference: str, device: str) -> None:
        self._config: Any
        self._config, self._net = open_net(self.task, checkpoint, device=device)
        self._device = device
        self.card = system_card(
            checkpoint,
            name=self.name,
            family=self.family,
            description=self.description,
            clues=self.clues,
            reference=reference,
            causal=bool(getattr(self._config, "causal", False)),
        )
