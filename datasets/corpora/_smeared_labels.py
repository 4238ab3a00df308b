"""Labels smeared to their ancestors: the hierarchy read off the labels, and the most specific."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def ancestors(rows: Sequence[Sequence[str]]) -> Mapping[str, frozenset[str]]:
    """The classes above each class.

    Where labels are smeared, every clip of a class has all classes above it. So b is above a if
    each clip with a has b. Of two classes that never come apart, as a class and its only child may
    not, the one that mostly stands behind is above, since ancestors are appended.

    Args:
        rows: the labels of each clip, in their order.
    """
    always: dict[str, frozenset[str]] = {}
    for row in rows:
        labels = frozenset(row)
        for label in labels:
            always[label] = always.get(label, labels) & labels
    ahead = _ahead(rows, always)
    return {
        a: frozenset(
            b for b in together if b != a and (a not in always[b] or ahead[a, b] > ahead[b, a])
        )
        for a, together in always.items()
    }


def most_specific(labels: Sequence[str], above: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Those labels of a clip that are not above another of its labels, in their order.

    Args:
        labels: of one clip.
        above: the classes above each class.
    """
    covered = {ancestor for label in labels for ancestor in above[label]}
    return tuple(label for label in labels if label not in covered)


def _ahead(
    rows: Sequence[Sequence[str]], always: Mapping[str, frozenset[str]]
) -> Counter[tuple[str, str]]:
    """In how many rows a stands before b, for classes that never come apart."""
    ahead: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for place, a in enumerate(row):
            ahead.update((a, b) for b in row[place + 1 :] if b in always[a] and a in always[b])
    return ahead
