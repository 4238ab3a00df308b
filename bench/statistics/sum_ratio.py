"""Common part of poolings that are one sum over another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .resampling import FloatArray


class SumRatio:
    """A pooling without classes, whose summands [N, 2] are numerators and denominators."""

    __slots__ = ()

    def counted(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Rows with a value."""
        return (rows["status"] == "ok").to_numpy(np.bool_)

    def names(self, rows: pd.DataFrame) -> Sequence[str]:  # noqa: ARG002 - no classes
        """None."""
        return ()

    def value(self, sums: FloatArray) -> FloatArray:
        """First sum over second."""
        with np.errstate(invalid="ignore", divide="ignore"):  # 0/0: the value of nothing is NaN
            return np.asarray(sums[..., 0] / sums[..., 1], np.float64)
