"""Slices: parts of a set's trials that reports look at by themselves.

A dimension is one way to cut a set: by class, by gender pair, by input SNR. Its values come from
the `tag_` columns of the rows. Numbers are binned with fixed edges, never with quantiles of the
data, so that two runs and two people mean the same by one name. Strata (conditions) are never
pooled: a slice is a part of each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...bench.rows import TAG_PREFIX
from ...bench.statistics.aggregate import Aggregate, condition_key
from ...bench.statistics.aggregate_slices import aggregate_parts
from .dimensions import DIMENSIONS, Dimension, Slice

FEW = 20  # values up to which a tag that nobody described is offered

_OF_ANY_SIZE = tuple(dimension for dimension in DIMENSIONS if dimension.name != "target")


@dataclass(frozen=True, kw_only=True)
class SliceMask:
    """A slice of some rows.

    Attributes:
        dimension: what it is a value of.
        mask: [N], which rows are in it.
    """

    dimension: Dimension
    slice: Slice
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceCell:
    """One metric of one system in one slice of a stratum."""

    slice: Slice
    cell: Aggregate


def known_dimensions(rows: pd.DataFrame) -> tuple[Dimension, ...]:
    """A dimension for every tag of the rows, whether it cuts them or not.

    Args:
        rows: as `read_rows` gives them.
    """
    tags = [str(name) for name in rows.columns if str(name).startswith(TAG_PREFIX)]
    names = [tag.removeprefix(TAG_PREFIX) for tag in tags]
    described = {tag for dimension in DIMENSIONS for tag in dimension.tags}
    taken = {dimension.name for dimension in DIMENSIONS}
    others = (
        # A tag may have the name of a dimension that is made of another tag.
        Dimension(name=f"tag_{tag}" if tag in taken else tag, title=_title(tag), tags=(tag,))
        for tag in names
        if tag not in described
    )
    return (*(d for d in DIMENSIONS if any(tag in names for tag in d.tags)), *others)


def dimensions_of(rows: pd.DataFrame) -> tuple[Dimension, ...]:
    """The dimensions that cut at least one dataset into two slices or more.

    Args:
        rows: as `read_rows` gives them.
    """
    return tuple(
        dimension
        for dimension in known_dimensions(rows)
        if _cuts(rows, dimension, math.inf if dimension in _OF_ANY_SIZE else FEW)
    )


def parts_of(rows: pd.DataFrame, dimension: Dimension) -> Iterator[SliceMask]:
    """The slices of some rows, in order; with `several`, a row may be in more than one.

    Args:
        rows: as `read_rows` gives them.
        dimension: how to cut.
    """
    codes, values = pd.factorize(_values(rows, dimension))
    slices = [dimension.slices(str(value)) for value in values]
    found = {part for of_value in slices for part in of_value}
    missing = codes < 0
    if missing.any():
        found.add(dimension.not_told)
    for part in sorted(found, key=dimension.order):
        within = np.array([part in of_value for of_value in slices], np.bool_)
        mask = within[codes] & ~missing if len(within) else np.zeros(len(rows), np.bool_)
        if part == dimension.not_told:
            mask |= missing
        yield SliceMask(dimension=dimension, slice=part, mask=mask)


def slice_parts(rows: pd.DataFrame) -> Iterator[SliceMask]:
    """The slices of every dimension."""
    for dimension in dimensions_of(rows):
        yield from parts_of(rows, dimension)


def aggregate_slices(
    rows: pd.DataFrame,
    dimensions: Sequence[Dimension] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[SliceCell, ...]:
    """Means, intervals and counts of every slice of every stratum, system and metric.

    A stratum that a dimension does not cut has no cells of it. Cells are sorted by dimension,
    dataset, stratum, slice, system and metric.

    Args:
        rows: as `read_rows` gives them, or merged.
        dimensions: which; default: all that cut the rows.
        level: coverage of the intervals.
        resamples: number of bootstrap draws.
        seed: another seed, other intervals.

    Raises:
        ConfigError: `level`, `resamples` or the columns of `rows` are wrong.
    """
    chosen = dimensions_of(rows) if dimensions is None else dimensions
    parts: list[SliceMask] = []
    masks: list[NDArray[np.bool_]] = []
    for dimension in chosen:
        own = list(parts_of(rows, dimension))
        cut = _strata_that_are_cut(rows, own)
        parts += own
        masks += [part.mask & cut for part in own]
    # All at once: the rows are sorted and taken apart a single time.
    every = aggregate_parts(rows, masks, level=level, resamples=resamples, seed=seed)
    places = {dimension.name: place for place, dimension in enumerate(chosen)}
    found = [
        (places[part.dimension.name], part.dimension.order(part.slice), part.slice, cell)
        for part, cells in zip(parts, every, strict=True)
        for cell in cells
        if cell.applies
    ]
    ordered = sorted(found, key=lambda f: (f[0], *_order(f[3]), f[1], *_who(f[3])))
    return tuple(SliceCell(slice=part, cell=cell) for _, _, part, cell in ordered)


def _strata_that_are_cut(rows: pd.DataFrame, parts: Sequence[SliceMask]) -> NDArray[np.bool_]:
    """[N]: is the row of a stratum that holds two slices or more?"""
    strata = rows.groupby(["dataset", "condition", "n_active", "n_inactive"], sort=False)
    codes = strata.ngroup().to_numpy()
    counts = np.zeros(strata.ngroups, np.int64)
    for part in parts:
        counts[np.unique(codes[part.mask])] += 1
    return np.asarray(counts[codes] > 1, np.bool_)


def _order(cell: Aggregate) -> tuple[str, tuple[int, int, int, str]]:
    return cell.dataset, condition_key(cell.condition)


def _who(cell: Aggregate) -> tuple[str, str]:
    return cell.system, cell.metric


def _values(rows: pd.DataFrame, dimension: Dimension) -> pd.Series:
    """The value of each row, missing where it has none."""
    columns = [TAG_PREFIX + tag for tag in dimension.tags if TAG_PREFIX + tag in rows]
    if not columns:
        return pd.Series(np.nan, index=rows.index, dtype=object)
    values = rows[columns[0]]
    for column in columns[1:]:
        values = values.where(values.notna(), rows[column])
    if TAG_PREFIX + dimension.unless in rows:
        values = values.where(rows[TAG_PREFIX + dimension.unless].isna())
    return values


def _cuts(rows: pd.DataFrame, dimension: Dimension, most: float) -> bool:
    """Does any dataset have two slices or more, and not too many values?"""
    values = _values(rows, dimension)
    pairs = pd.DataFrame({"dataset": rows["dataset"], "value": values}).drop_duplicates()
    for _, group in pairs.groupby("dataset"):
        told = group["value"].dropna()
        slices = {part for value in told for part in dimension.slices(str(value))}
        if len(slices) > 1 and len(told) <= most:
            return True
    return False


def _title(tag: str) -> str:
    return tag.replace("_", " ")
