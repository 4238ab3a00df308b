"""Topics of systems: the clues that they use, their rate, and their options."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.errors import CheckpointError
from ...systems.checkpoints.checkpoint import read_checkpoint_card, shipped_checkpoints
from ...systems.protocol import SystemCard
from ...systems.registry import SYSTEMS, load_system
from ..keys import REQUIRED, tables_of
from ..topic import Kind, Topic, topic_of


def _system(name: str) -> Topic:
    place = f"`options` of a system of a run config, `{{name: {name}, options: {{KEY: VALUE}}}}`"
    return topic_of(f"system {name}", SYSTEMS.get(name), place=place, given=["device"], facts=[*_facts(name)])


def _facts(name: str) -> Iterator[tuple[str, str]]:
    """Facts on the card of the system, or of that with the first shipped checkpoint which fits."""
    required = {key.name for key in tables_of(SYSTEMS.get(name), given=["device"])[0].keys if key.default == REQUIRED}
    if not required:
        yield from _of_card(load_system(name).card)
    elif required == {"checkpoint"}:
        for shipped in shipped_checkpoints():
            try:
                card = load_system(name, checkpoint=shipped).card
            except CheckpointError:  # of another system
                continue
            kind = read_checkpoint_card(shipped).architecture
            fitting = [one for one in shipped_checkpoints() if read_checkpoint_card(one).architecture == kind]
            yield from _of_card(card)
            yield "Shipped checkpoints", ", ".join(fitting)
            return


def _of_card(card: SystemCard) -> Iterator[tuple[str, str]]:
    yield "Family", card.family
    yield "Clues", ", ".join(sorted(card.clues)) or ("none: it reads the target" if card.privileged else "none")
    yield "Sample rate", "any" if card.sample_rate_hz is None else f"{card.sample_rate_hz} Hz, that of its checkpoint"


SYSTEM = Kind(name="system", about="clues, rate and options of a system", names=SYSTEMS.names, named=_system)
