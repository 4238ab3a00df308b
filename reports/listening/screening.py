"""Post-screening of listeners: who hears the hidden reference, and who does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set

from .answers import Rating
from .designs import MOST_TAKEN, SHARE, Design
from .listening_key import ListeningKey


def screened(ratings: Sequence[Rating], key: ListeningKey, design: Design) -> dict[str, str]:
    """Listeners who are left out, with the reason; the rules are those of `Design.rules`."""
    by_listener: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_listener[rating.listener].append(rating)
    vain = _vain_anchors(ratings, key, design)
    found = {name: _reason(own, key, design, vain) for name, own in sorted(by_listener.items())}
    return {name: reason for name, reason in found.items() if reason}


def _vain_anchors(ratings: Sequence[Rating], key: ListeningKey, design: Design) -> set[str]:
    """Pages on which so many take the anchor for the reference that it screens nobody (ITU-R BS.1534-3, 4.1.2)."""
    values: dict[str, list[bool]] = defaultdict(list)
    for rating in ratings:
        if key.conditions[rating.condition] == "anchor":
            values[rating.page].append(rating.value > design.anchor_most)
    return {page for page, taken in values.items() if sum(taken) > MOST_TAKEN * len(taken)}


def _reason(own: Sequence[Rating], key: ListeningKey, design: Design, vain: Set[str]) -> str:
    """Why a listener is left out; "" if nothing speaks against it. `vain` are pages whose anchor does not count."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for rating in own:
        if rating.page in vain and key.conditions[rating.condition] == "anchor":
            continue
        if design.name != "ab" or key.pages[rating.page].check:
            kinds[key.conditions[rating.condition]].append(rating.value)
    missed = _share(kinds, "reference", lambda value: value < design.reference_least)
    if missed > SHARE:
        return f"the hidden reference is below {design.reference_least:g} on {100 * missed:.0f} % of the pages"
    taken = _share(kinds, "anchor", lambda value: value > design.anchor_most)
    if key.screens_by_anchor and taken > SHARE:
        return f"the anchor is above {design.anchor_most:g} on {100 * taken:.0f} % of the pages"
    values = {rating.value for rating in own}
    if design.name != "ab" and len(values) == 1 and len(own) > 1:
        return "every stimulus has the same rating"
    return ""


def _share(kinds: Mapping[str, Sequence[float]], kind: str, wrong: Callable[[float], bool]) -> float:
    values = kinds.get(kind, ())
    return sum(wrong(value) for value in values) / len(values) if values else 0.0
