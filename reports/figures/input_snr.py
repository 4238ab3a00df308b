"""The primary metric against the input SNR, in bins with fixed edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from ..leaderboard.board import Leaderboard
from ..leaderboard.wording import title
from ..slices.dimensions import Dimension
from ..slices.slices import SliceCell
from .registry import FIGURES, LeftOut, Plot
from .shared.columns import PlotColumn, lone_remark, record, remarks
from .shared.lines import RING, draw_lines
from .shared.slice_cells import sizes_of, slices_of


@FIGURES.register("input_snr")
def input_snr(board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Primary metric against the SNR of the mixture, in bins."""
    for shown, dimension, cells in slices_of(board, ("input_snr", "input_snr_lufs")):
        if dimension is not None and len({found.slice for found in cells}) > 1:
            yield _plot(shown, dimension, cells)
        else:
            yield LeftOut(shown.name(), "the trials do not differ in input SNR by a bin, or have no tag of it")


def _plot(shown: PlotColumn, dimension: Dimension, cells: Sequence[SliceCell]) -> Plot:
    sizes = sizes_of(cells)
    bins = sorted(sizes, key=dimension.order)
    data = pd.DataFrame(
        [{"place": bins.index(f.slice), "bin": f.slice.value, **record(f.cell)} for f in cells]
    ).sort_values(["system", "place"], ignore_index=True)
    missing = remarks((f"{f.cell.system} at {f.slice.text}", f.cell, sizes[f.slice]) for f in cells)
    shares = ", ".join(f"{part.text}: {sizes[part]}" for part in bins)
    caption = (
        f"{shown.label} against the {dimension.title} of the target in the mixture; "
        f"{title(shown.table)}. Trials: {shares}. Means with {shown.bounds}.{lone_remark(data, RING)}{missing}"
    )
    draw = partial(
        draw_lines,
        shown,
        data,
        places=list(range(len(bins))),
        names=[part.text.removesuffix(f" {dimension.unit}") for part in bins],
        xlabel=f"{dimension.title} [{dimension.unit}]",
    )
    return Plot(shown.name(), caption, data, draw)
