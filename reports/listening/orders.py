"""Balanced orders of pages and of stimuli.

A Williams design (Williams 1949) is a Latin square in which every item comes at every place equally often, and, for an
even number of items, after every other item equally often; an odd number needs the mirrored square too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...datasets.seeding import generator


@dataclass(frozen=True, slots=True)
class PageOrder:
    """A page with its stimuli in the order in which one listener sees them."""

    page: str
    stimuli: tuple[str, ...]


def williams_row(count: int, number: int) -> list[int]:
    """Row `number` of a Williams design of `count` items, 0 to count − 1; rows repeat after all are used."""
    first = [(place + 1) // 2 if place % 2 else (count - place // 2) % count for place in range(count)]
    row = [(item + number) % count for item in first]
    return row[::-1] if count % 2 and (number // count) % 2 else row


def orders(pages: Sequence[tuple[str, Sequence[str]]], *, listeners: int, seed: int) -> list[tuple[PageOrder, ...]]:
    """An order for each listener.

    Args:
        pages: id of each page, and ids of its stimuli.
        listeners: number of orders.
        seed: of the numbering of pages, stimuli and orders.
    """
    numbered = [pages[i] for i in generator("pages", seed).permutation(len(pages))]
    mixed = [
        [stimuli[i] for i in generator("stimuli", seed, page).permutation(len(stimuli))] for page, stimuli in numbered
    ]
    shifts = generator("shifts", seed).permutation(len(pages))
    return [
        tuple(
            PageOrder(
                page=numbered[place][0],
                stimuli=tuple(mixed[place][i] for i in williams_row(len(mixed[place]), listener + int(shifts[place]))),
            )
            for place in williams_row(len(pages), listener)
        )
        for listener in range(listeners)
    ]
