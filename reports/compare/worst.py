"""The trials that got worse most: where to listen first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..facts import metric_facts
from .nouns import ChangedTrial
from .strata import Cell

Audio = Callable[[Cell, str], tuple[tuple[str, str], ...]]
"""Links to what can be heard of one trial of a cell, each with a word for it."""

PER_CELL = 5


def silent(_cell: Cell, _trial_id: str) -> tuple[tuple[str, str], ...]:
    """Nothing can be heard."""
    return ()


def worst_trials(
    cells: Sequence[Cell], *, audio: Audio = silent, count: int = PER_CELL
) -> list[ChangedTrial]:
    """The trials of each cell that lost their value, then those that got worse most.

    Args:
        cells: of metrics that have a direction; others are left out.
        audio: says what can be heard of a trial.
        count: trials of each cell.
    """
    return [trial for cell in cells for trial in _worst(cell, audio, count)]


def _worst(cell: Cell, audio: Audio, count: int) -> Iterator[ChangedTrial]:
    facts = metric_facts(cell.metric)
    if facts.higher_is_better is None:
        return
    ours, theirs = cell.counted()
    base, candidate = (
        np.where(there, side["value"].to_numpy(np.float64), math.nan)
        for there, side in ((ours, cell.base), (theirs, cell.candidate))
    )
    with np.errstate(invalid="ignore"):  # two infinite values have no difference
        gain = (candidate - base) * (1.0 if facts.higher_is_better else -1.0)
    gain[ours & ~theirs & ~cell.inapplicable()] = -math.inf
    order = np.argsort(np.where(np.isnan(gain), math.inf, gain), kind="stable")
    for place in order[:count]:
        if not gain[place] < 0:
            return
        name = str(cell.trials.index[place])
        reasons = [
            _reason(side["status"].iloc[place], side["reason"].iloc[place])
            for side in (cell.base, cell.candidate)
        ]
        yield ChangedTrial(
            system=cell.pair.title,
            dataset=cell.dataset,
            condition=cell.condition,
            trial_id=name,
            metric=facts,
            base=float(base[place]),
            candidate=float(candidate[place]),
            base_reason=reasons[0],
            candidate_reason=reasons[1],
            audio=audio(cell, name),
        )


def _reason(status: object, reason: object) -> str:
    """Why there is no value, or what is noted on it."""
    if not isinstance(status, str):
        return "missing"
    text = reason if isinstance(reason, str) else ""
    return text if status == "ok" else f"{status}: {text}" if text else status
