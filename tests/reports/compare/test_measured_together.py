"""Differences that are measured together are those that are measured one by one."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from helpers.runs import make_run, rows_of

from tsebench.reports.compare.matched_runs import match_runs
from tsebench.reports.compare.measured_together import measure_together
from tsebench.reports.compare.paired_strata import Mask, PairedStratum, Resampling, cells_of


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[PairedStratum, Mask]]:
    """Three systems, of which one has failures, and one less than 14 changed clusters; whole, halves, and nothing."""
    rng = np.random.default_rng(0)
    folders = []
    for name in ("base", "candidate"):
        rows = []
        for system in ("good", "failing", "same"):
            values = rng.normal(3.0 + 2.0 * (name == "candidate" and system == "good"), 1.0, 60)
            values = np.arange(60.0) if system == "same" else values
            values[5] += name == "candidate"
            values[[3, 11]] = np.nan if system == "failing" else values[[3, 11]]
            rows += rows_of(list(values), system)
        folders.append(make_run(tmp_path_factory.mktemp(name), rows))
    cells = list(cells_of(match_runs(*folders)))
    assert len(cells) == 3
    first = np.arange(60) < 31
    return [(cell, mask) for cell in cells for mask in (cell.everything(), first, ~first, np.zeros(60, np.bool_))]


@pytest.mark.parametrize("family", [1, 2000])
def test_the_results_are_the_same_to_the_last_bit(parts: list[tuple[PairedStratum, Mask]], family: int) -> None:
    settings = Resampling(resamples=50)
    together = measure_together(parts, settings, family=family)
    alone = [cell.measure(mask, settings, family=family) for cell, mask in parts]
    assert [repr(astuple(one)) for one in together] == [repr(astuple(one)) for one in alone]
    p_values = [one.found.p_value for one in together]
    assert (min(p_values) < 1e-4) == (family == 2000)  # more draws where the family needs them
