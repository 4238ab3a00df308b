"""Trials that a gate checks; an unknown name or value is an error, never a pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from ...core.errors import ConfigError, suggest
from ..slices.dimensions import CONDITION, Dimension, Slice, condition_slices
from ..slices.slices import known_dimensions, parts_of
from .differences import ComparedTrials
from .gates import Gate, Restriction
from .paired_strata import Mask, PairedStratum

_NAMES = ("dataset", "system", CONDITION)


def looked_at(gate: Gate, cells: Sequence[PairedStratum]) -> list[ComparedTrials]:
    """The parts of cells that a gate looks at; `cells` are every metric of every pair and stratum.

    Raises:
        ConfigError: the gate names an unknown metric, slice or value, is the wrong way round, or looks at no trial.
    """
    own = _of_metric(gate, cells)
    dimensions = {d.name: d for d in known_dimensions(pd.concat([c.trials for c in own]))}
    masks = {id(cell): cell.everything() for cell in own}
    slices: list[Slice] = []
    for part in gate.restrictions:
        if part.name not in _NAMES and part.name not in dimensions:
            known = suggest(part.name, [*_NAMES, *dimensions])
            raise ConfigError(f"--fail-on {str(gate)!r}: unknown slice {part.name!r}{known}")
        values: set[str] = set()
        for cell in own:
            inside, there = _inside(cell, part, dimensions.get(part.name))
            masks[id(cell)] = masks[id(cell)] & inside
            values |= {found.value for found in there}
            slices += [f for f in there if (f.name, f.value) == (part.name, part.value)]
        if part.value not in values:
            known = suggest(part.value, values)
            raise ConfigError(f"--fail-on {str(gate)!r}: no trial has {part.name} {part.value!r}{known}")
    found = [
        ComparedTrials(cell, masks[id(cell)], _joined(slices))
        for cell in own
        if (masks[id(cell)] & ~cell.inapplicable).any()
    ]
    if not found:
        raise ConfigError(
            f"--fail-on {str(gate)!r} looks at no trial: no trial is in all of its slices; drop one of them"
        )
    return found


def unjudged_notes(gates: Sequence[Gate], cells: Sequence[PairedStratum]) -> list[str]:
    """Sentences on systems that a gate leaves out, because its metric does not say which of two is better."""
    found = {
        (str(gate), cell.pair.title): cell.unjudged
        for gate in gates
        for cell in cells
        if cell.unjudged and cell.metric == gate.metric
    }
    return [f"gate {gate} leaves out {system}: {why}" for (gate, system), why in found.items()]


def _of_metric(gate: Gate, cells: Sequence[PairedStratum]) -> list[PairedStratum]:
    """Cells of the gate's metric where it has a direction."""
    own = [cell for cell in cells if cell.metric == gate.metric]
    if not own:
        known = suggest(gate.metric, {cell.metric for cell in cells})
        raise ConfigError(f"--fail-on {str(gate)!r}: unknown metric {gate.metric!r}{known}")
    unjudged, own = [cell for cell in own if cell.unjudged], [cell for cell in own if not cell.unjudged]
    if not own:
        system, why = unjudged[0].pair.title, unjudged[0].unjudged
        raise ConfigError(f"--fail-on {str(gate)!r} judges no system: of {system}, {why}; gate one that does not")
    higher = own[0].facts.higher_is_better
    if higher is not None and higher != (gate.sign == "<"):
        better, sign = ("higher", "<") if higher else ("lower", ">")
        raise ConfigError(
            f"--fail-on {str(gate)!r} fails when {gate.metric} gets better: {better} is better; "
            f"write {gate.metric}{sign}NUMBER"
        )
    return own


def _inside(cell: PairedStratum, part: Restriction, dimension: Dimension | None) -> tuple[Mask, list[Slice]]:
    """Mask of the trials in a slice, and all slices of that dimension in the stratum."""
    nothing = ~cell.everything()
    if dimension is not None:
        parts = [found for found in parts_of(cell.trials, dimension) if found.mask.any()]
        mask = next((found.mask for found in parts if found.slice.value == part.value), nothing)
        return mask, [found.slice for found in parts]
    names = {
        "dataset": [cell.dataset],
        "system": [cell.pair.title, cell.pair.candidate, cell.pair.base],
        CONDITION: [found.value for found in condition_slices(cell.condition)],
    }[part.name]
    there = [Slice(name=part.name, title=part.name, value=name, text=name) for name in names]
    return (cell.everything() if part.value in names else nothing), there


def _joined(slices: Iterable[Slice]) -> Slice | None:
    """The slices within a stratum as one."""
    inside = [part for part in dict.fromkeys(slices) if part.name not in _NAMES]
    if len(inside) < 2:
        return inside[0] if inside else None
    first, *others = inside
    return Slice(
        name="+".join(part.name for part in inside),
        title=first.title,
        value="+".join(part.value for part in inside),
        text=" · ".join([first.text, *(part.label for part in others)]),
    )
