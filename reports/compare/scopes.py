"""Which trials a gate looks at; a name or value that there is not is an error, never a pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from ...errors import ConfigError, suggest
from ..dimensions import CONDITION, Dimension, Slice, condition_slices
from ..facts import metric_facts
from ..slices import known_dimensions, parts_of
from .differences import Asked
from .gates import Gate, Restriction
from .strata import Cell, Mask

_NAMES = ("dataset", "system", CONDITION)


def looked_at(gate: Gate, cells: Sequence[Cell]) -> list[Asked]:
    """The parts of cells that a gate looks at.

    Args:
        gate: as the user wrote it.
        cells: every metric of every pair and stratum.

    Raises:
        ConfigError: the gate names a metric, slice or value that there is not, is the wrong way
            round, or looks at no trial.
    """
    own = _of_metric(gate, cells)
    dimensions = {d.name: d for d in known_dimensions(pd.concat([c.trials for c in own]))}
    masks = {id(cell): cell.everything() for cell in own}
    for part in gate.restrictions:
        if part.name not in _NAMES and part.name not in dimensions:
            known = suggest(part.name, [*_NAMES, *dimensions])
            raise ConfigError(f"--fail-on {str(gate)!r}: unknown slice {part.name!r}{known}")
        values: set[str] = set()
        for cell in own:
            inside, there = _inside(cell, part, dimensions.get(part.name))
            masks[id(cell)] = masks[id(cell)] & inside
            values |= there
        if part.value not in values:
            known = suggest(part.value, values)
            raise ConfigError(
                f"--fail-on {str(gate)!r}: no trial has {part.name} {part.value!r}{known}"
            )
    found = [
        Asked(cell, masks[id(cell)], _slice(gate.restrictions))
        for cell in own
        if (masks[id(cell)] & ~cell.inapplicable()).any()
    ]
    if not found:
        raise ConfigError(
            f"--fail-on {str(gate)!r} looks at no trial: no trial is in all of its slices; "
            "drop one of them"
        )
    return found


def _of_metric(gate: Gate, cells: Sequence[Cell]) -> list[Cell]:
    own = [cell for cell in cells if cell.metric == gate.metric]
    if not own:
        known = suggest(gate.metric, {cell.metric for cell in cells})
        raise ConfigError(f"--fail-on {str(gate)!r}: unknown metric {gate.metric!r}{known}")
    higher = metric_facts(gate.metric).higher_is_better
    if higher is not None and higher != (gate.sign == "<"):
        better, sign = ("higher", "<") if higher else ("lower", ">")
        raise ConfigError(
            f"--fail-on {str(gate)!r} fails when {gate.metric} gets better: {better} is better; "
            f"write {gate.metric}{sign}NUMBER"
        )
    return own


def _inside(cell: Cell, part: Restriction, dimension: Dimension | None) -> tuple[Mask, set[str]]:
    """Which trials of a cell are in a slice, and the values that the cell has there."""
    values = {
        "dataset": [cell.dataset],
        "system": [cell.pair.title, cell.pair.candidate, cell.pair.base],
        CONDITION: [found.value for found in condition_slices(cell.condition)],
    }.get(part.name)
    nothing = ~cell.everything()
    if values is not None:
        return (cell.everything() if part.value in values else nothing), set(values)
    parts = list(parts_of(cell.trials, dimension)) if dimension is not None else []
    mask = next((found.mask for found in parts if found.slice.value == part.value), nothing)
    return mask, {found.slice.value for found in parts if found.mask.any()}


def _slice(restrictions: Iterable[Restriction]) -> Slice | None:
    """The slices within a stratum, joined."""
    inside = [part for part in restrictions if part.name not in _NAMES]
    if not inside:
        return None
    return Slice(
        name="+".join(part.name for part in inside),
        value="+".join(part.value for part in inside),
        text=" and ".join(part.value for part in inside),
    )
