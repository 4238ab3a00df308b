"""Topics of systems: the clues that they use, their rate, and their options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

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
    """Facts on the card of a system, or on those with each shipped checkpoint that fits it."""
    required = {key.name for key in tables_of(SYSTEMS.get(name), given=["device"])[0].keys if key.default == REQUIRED}
    if not required:
        card = load_system(name).card
        yield "Family", card.family
        yield "Clues", _clues(card)
        yield "Sample rate", _rate(card)
    elif required == {"checkpoint"} and (cards := _with_shipped(name)):
        yield "Family", next(iter(cards.values())).family
        yield "Clues", ", ".join(sorted({kind for card in cards.values() for kind in card.clues}))
        yield "Sample rate", "that of its checkpoint"
        for checkpoint, card in cards.items():
            yield "Shipped checkpoint", f"`{checkpoint}`: {_clues(card)}, {_rate(card)}"


@cache
def _with_shipped(name: str) -> Mapping[str, SystemCard]:
    """Cards of a system with the shipped checkpoints that it can load."""
    architecture = ""
    found: dict[str, SystemCard] = {}
    for checkpoint in shipped_checkpoints():
        kind = read_checkpoint_card(checkpoint).architecture
        if architecture in {"", kind}:
            try:
                found[checkpoint] = load_system(name, checkpoint=checkpoint).card
            except CheckpointError:  # of another system
                continue
            architecture = kind
    return found


def _clues(card: SystemCard) -> str:
    return ", ".join(sorted(card.clues)) or ("none, it reads the target" if card.privileged else "none")


def _rate(card: SystemCard) -> str:
    return "any" if card.sample_rate_hz is None else f"{card.sample_rate_hz} Hz"


SYSTEM = Kind(name="system", about="clues, rate and options of a system", names=SYSTEMS.names, named=_system)
