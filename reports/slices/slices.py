"""Dimensions, masks and aggregates of the slices of some rows.

Values come from the `tag_` columns. Numbers are binned with fixed edges, never with quantiles of the data, so that a
name means the same trials in every run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...bench.score_row import ANSWER_TAGS, TAG_PREFIX
from ...bench.statistics.aggregate import Aggregate, condition_key, with_condition_labels
from ...bench.statistics.aggregate_slices import aggregate_parts
from ...bench.text_columns import distinct
from .dimensions import DIMENSIONS, Dimension, Slice

_MOST_VALUES = 20  # of a tag without a described dimension
_OF_ANY_SIZE = tuple(dimension for dimension in DIMENSIONS if dimension.name != "target")


@dataclass(frozen=True, kw_only=True)
class SliceMask:
    """A slice, and the mask [N] of the rows that are in it."""

    dimension: Dimension
    slice: Slice
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceCell:
    """One metric of one system in one slice of a stratum."""

    slice: Slice
    cell: Aggregate


def known_dimensions(rows: pd.DataFrame) -> tuple[Dimension, ...]:
    """A dimension for every tag of trials, whether it cuts the rows or not."""
    names = [str(n).removeprefix(TAG_PREFIX) for n in rows.columns if str(n).startswith(TAG_PREFIX)]
    described = {tag for dimension in DIMENSIONS for tag in dimension.tags}
    taken = {dimension.name for dimension in DIMENSIONS}
    others = (
        # A tag may have the name of a dimension that is made of another tag.
        Dimension(name=f"tag_{tag}" if tag in taken else tag, title=tag.replace("_", " "), tags=(tag,))
        for tag in names
        if tag not in described and tag not in ANSWER_TAGS
    )
    return (*(d for d in DIMENSIONS if any(tag in names for tag in d.tags)), *others)


def dimensions_of(rows: pd.DataFrame) -> tuple[Dimension, ...]:
    """The dimensions that cut at least one dataset into two slices or more."""
    return tuple(
        dimension
        for dimension in known_dimensions(rows)
        if _cuts(rows, dimension, math.inf if dimension in _OF_ANY_SIZE else _MOST_VALUES)
    )


def parts_of(rows: pd.DataFrame, dimension: Dimension) -> Iterator[SliceMask]:
    """The slices of some rows, in order; with `several`, a row may be in more than one."""
    codes, values = pd.factorize(_values(rows, dimension))
    slices = [dimension.slices(str(value)) for value in values]
    found = {part for of_value in slices for part in of_value}
    missing = codes < 0
    if missing.any():
        found.add(dimension.unknown)
    for part in sorted(found, key=dimension.order):
        within = np.array([part in of_value for of_value in slices], np.bool_)
        mask = within[codes] & ~missing if len(within) else np.zeros(len(rows), np.bool_)
        if part == dimension.unknown:
            mask |= missing
        yield SliceMask(dimension=dimension, slice=part, mask=mask)


def aggregate_slices(
    rows: pd.DataFrame,
    dimensions: Sequence[Dimension] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[SliceCell, ...]:
    """Means, intervals and counts of every slice of every stratum, system and metric.

    A stratum that a dimension does not cut has no cells of it. Cells are sorted by dimension, dataset, stratum, slice,
    system and metric. By default, all dimensions that cut the rows are taken.

    Raises:
        ConfigError: `level`, `resamples` or the columns of `rows` are wrong.
    """
    chosen = dimensions_of(rows) if dimensions is None else dimensions
    parts: list[SliceMask] = []
    masks: list[NDArray[np.bool_]] = []
    groups = with_condition_labels(rows).groupby(["dataset", "condition"], sort=False)
    strata: NDArray[np.int64] = np.asarray(groups.ngroup(), np.int64)
    for dimension in chosen:
        own = list(parts_of(rows, dimension))
        cut = _strata_that_are_cut(strata, own)
        parts += own
        masks += [part.mask & cut for part in own]
    # All masks at once: the rows are sorted and grouped a single time.
    every = aggregate_parts(rows, masks, level=level, resamples=resamples, seed=seed)
    places = {dimension.name: place for place, dimension in enumerate(chosen)}
    found = [
        (places[part.dimension.name], part.dimension.order(part.slice), part.slice, cell)
        for part, cells in zip(parts, every, strict=True)
        for cell in cells
        if cell.applies
    ]
    found.sort(key=lambda f: (f[0], f[3].dataset, condition_key(f[3].condition), f[1], f[3].system, f[3].metric))
    return tuple(SliceCell(slice=part, cell=cell) for _, _, part, cell in found)


def _strata_that_are_cut(codes: NDArray[np.int64], parts: Sequence[SliceMask]) -> NDArray[np.bool_]:
    """[N]: whether the row's stratum, by number, holds two slices or more."""
    counts = np.zeros(codes.max(initial=-1) + 1, np.int64)
    for part in parts:
        counts[np.unique(codes[part.mask])] += 1
    return np.asarray(counts[codes] > 1, np.bool_)


def _values(rows: pd.DataFrame, dimension: Dimension) -> pd.Series:
    """The value of each row, missing where it has none."""
    columns = [TAG_PREFIX + tag for tag in dimension.tags if TAG_PREFIX + tag in rows]
    if not columns:
        return pd.Series(np.nan, index=rows.index, dtype=object)
    # Columns of texts are categories, each with its own values.
    values = rows[columns[0]].astype(object) if len(columns) > 1 else rows[columns[0]]
    for column in columns[1:]:
        values = values.where(values.notna(), rows[column])
    if TAG_PREFIX + dimension.unless in rows:
        values = values.where(rows[TAG_PREFIX + dimension.unless].isna())
    return values


def _cuts(rows: pd.DataFrame, dimension: Dimension, most: float) -> bool:
    """Whether any dataset has two slices or more, and at most `most` values."""
    pairs = distinct(
        pd.DataFrame({"dataset": rows["dataset"], "value": _values(rows, dimension)}), ["dataset", "value"]
    )
    for _, group in pairs.groupby("dataset"):
        known = group["value"].dropna()
        slices = {part for value in known for part in dimension.slices(str(value))}
        if len(slices) > 1 and len(known) <= most:
            return True
    return False
