"""Tables as CSV, and back: the one way in which reports write them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from .escapes import csv_cell, csv_original


def to_csv(frame: pd.DataFrame) -> str:
    """A table as CSV at full precision; texts cannot be formulas (see `csv_cell`)."""
    safe = frame.rename(columns=csv_cell)
    for place, kind in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(place, pd.array(list(map(csv_cell, safe.iloc[:, place])), dtype=object))
    return str(safe.to_csv(index=False, lineterminator="\n"))


def read_csv(path: Path) -> pd.DataFrame:
    """A table that `to_csv` wrote, all as text, so that no digit changes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no CSV, or not in UTF-8.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.map(csv_original).rename(columns=csv_original)
