"""Numbers of rows and distinct rows, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.text_columns import coded, distinct, row_numbers

NAMES = ["system", "trial_id", "n", "tag_class"]


def frame(count: int, texts: int) -> pd.DataFrame:
    rng = np.random.default_rng(count)
    columns = {name: rng.integers(texts, size=count).astype(str).astype(object) for name in NAMES}
    columns["tag_class"][rng.random(count) < 0.3] = None
    return pd.DataFrame({**columns, "n": rng.integers(3, size=count), "value": rng.normal(size=count)})


@pytest.mark.parametrize("names", [NAMES, ["tag_class"], ["n", "system"]])
@pytest.mark.parametrize(("count", "texts"), [(0, 1), (1, 1), (300, 3), (300, 200)])  # the last: far too many numbers
def test_distinct_rows_are_those_of_pandas(count: int, texts: int, names: list[str]) -> None:
    rows = frame(count, texts)
    for given in (rows, coded(rows, NAMES)):
        pd.testing.assert_frame_equal(distinct(given, names), given[names].drop_duplicates())
        numbers = row_numbers(given, names)
        assert numbers.max(initial=0) < max(1, 8 * count)
        twice = np.bincount(numbers, minlength=1)[numbers] > 1
        assert (twice == given.duplicated(names, keep=False).to_numpy()).all()
