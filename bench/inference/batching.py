"""Batches of queries of similar length, at the rate of the system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ...datasets.batches import channel_of, query_at, query_of, resampled
from ...datasets.types import Query, Truth
from ...systems.protocol import SystemCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One trial on its way through the harness."""

    index: int
    query: Query
    truth: Truth

    @property
    def length(self) -> int:
        """Samples of the mixture."""
        return int(self.query.mixture.shape[-1])

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of the mixture, and the reference channel."""
        return int(self.query.mixture.shape[0]), self.query.reference_channel


def bucket(
    items: Sequence[Item], *, fit: Callable[[Sequence[Item]], bool], equal_lengths: bool = False
) -> list[list[Item]]:
    """Sort by length and cut into batches of one number of channels, each as large as `fit` allows.

    With `equal_lengths` only items of one length are together, for systems whose answer depends on the padding.
    """
    batches: list[list[Item]] = []
    for item in sorted(items, key=lambda item: (*item.channels, item.length, item.index)):
        last = batches[-1] if batches else []
        alike = bool(last) and last[0].channels == item.channels
        if alike and not (equal_lengths and last[0].length != item.length) and fit([*last, item]):
            last.append(item)
        else:
            batches.append([item])
    return batches


def as_taken_by(item: Item, card: SystemCard) -> Item:
    """The item as a system takes it: its channels, at its rate."""
    query = query_of(item.query, card.channels)
    truth, target = item.truth, item.truth.target
    if query is not item.query and target is not None:
        truth = replace(truth, target=channel_of(target, item.query.reference_channel)[None])
    return at_rate(replace(item, query=query, truth=truth), card.sample_rate_hz)


def at_rate(item: Item, rate_hz: int | None) -> Item:
    """The item as a system of another rate sees it; unchanged if the rate is None or its own.

    A video keeps its pictures, which do not depend on the rate of the sound.
    """
    query, truth = item.query, item.truth
    source_hz = query.sample_rate_hz
    if rate_hz is None or rate_hz == source_hz:
        return item
    move = partial(resampled, from_hz=source_hz, to_hz=rate_hz)
    target = None if truth.target is None else move(truth.target)
    return Item(
        index=item.index,
        query=query_at(query, rate_hz),
        truth=replace(
            truth,
            target=target,
            interferers=move(truth.interferers),
            parts={name: move(signal) for name, signal in truth.parts.items()},
        ),
    )
