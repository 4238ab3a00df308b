"""Rows of several runs side by side: nothing counted twice, nothing compared that differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

_TRIAL = ["system", "dataset", "trial_id", "metric", "signature"]
# Values of one system that differ by less come from the machine, not from the system.
_SAME = 1e-4


def merge_runs(
    rows: pd.DataFrame, titles: Mapping[str, str], *, apart: Collection[str] = ()
) -> pd.DataFrame:
    """One row for each system, trial, metric and signature; adds `base_system`, `base_metric`.

    A system that several runs scored alike (the mixture, most often) is given once. One whose
    values differ between runs is another system in each: its name gains the run's. A metric with
    two signatures in one stratum is two metrics: its name gains a number.

    Args:
        rows: as `read_rows` gives them.
        titles: names of runs by id; two runs of one name are told apart by their ids.
        apart: systems that are known to be another in each run, whatever their values.
    """
    rows = rows.assign(base_system=rows["system"], base_metric=rows["metric"])
    differing = rows["system"].isin({*_differing(rows), *apart})
    unique = {run: name for run, name in titles.items() if [*titles.values()].count(name) == 1}
    runs = rows["run_id"].map(lambda run: unique.get(run) or run)
    names = rows["system"] + " (" + runs + ")"
    rows = rows.assign(system=rows["system"].where(~differing, names))
    rows = rows.drop_duplicates(_TRIAL)
    return rows.assign(metric=_numbered(rows))


def _differing(rows: pd.DataFrame) -> list[str]:
    """Systems with two results for one trial and metric in different runs."""
    twice = rows[rows.duplicated(_TRIAL, keep=False)]
    groups = twice.groupby(_TRIAL)
    with np.errstate(invalid="ignore"):  # infinite values are equal or far apart, never in between
        spread = (groups["value"].max() - groups["value"].min()).fillna(0.0) > _SAME
    other = groups["status"].nunique() > 1
    found = (spread | other).groupby("system").any()
    return [str(name) for name in found.index[found]]


def _numbered(rows: pd.DataFrame) -> pd.Series:
    """Metric names, with a number for each signature where one stratum has several."""
    stratum = ["dataset", "condition", "n_active", "n_inactive", "metric"]
    order = rows.groupby(stratum)["signature"].rank(method="dense").astype(int)
    several = order.groupby([rows[name] for name in stratum]).transform("max") > 1
    return rows["metric"].where(~several, rows["metric"] + " [" + order.astype(str) + "]")
