"""Orders of pages and stimuli are balanced, and depend on the seed alone."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tsebench.reports.listening.orders import orders, williams_row


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 9])
def test_a_williams_design_is_a_latin_square_balanced_for_carry_over(count: int) -> None:
    rows = [williams_row(count, number) for number in range(count if count % 2 == 0 else 2 * count)]
    assert all(sorted(row) == list(range(count)) for row in rows)
    places = Counter((place, item) for row in rows for place, item in enumerate(row))
    assert len(set(places.values())) == 1
    follows = Counter(pair for row in rows for pair in pairwise(row))
    assert count < 2 or (len(follows) == count * (count - 1) and len(set(follows.values())) == 1)


def test_every_stimulus_comes_at_every_place_equally_often() -> None:
    pages = [(f"p{k}", [f"s{k}{j}" for j in range(5)]) for k in range(7)]
    drawn = orders(pages, listeners=10, seed=3)
    assert drawn == orders(pages, listeners=10, seed=3)
    assert drawn != orders(pages, listeners=10, seed=4)
    places = Counter((name, place) for order in drawn for each in order for place, name in enumerate(each.stimuli))
    assert set(places.values()) == {2}
    of_pages = Counter((each.page, place) for order in drawn for place, each in enumerate(order))
    assert max(of_pages.values()) - min(of_pages.get((f"p{k}", j), 0) for k in range(7) for j in range(7)) <= 1
    assert all({each.page for each in order} == {name for name, _ in pages} for order in drawn)
