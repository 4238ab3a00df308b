"""Rows of several runs side by side: nothing counted twice, nothing compared that differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ...bench.text_columns import distinct, row_numbers

_TRIAL = ["system", "dataset", "trial_id", "metric", "signature"]
# Values of one system that differ by less come from the machine, not from the system.
_SAME = 1e-4


def merge_runs(rows: pd.DataFrame, titles: Mapping[str, str], *, apart: Collection[str] = ()) -> pd.DataFrame:
    """One row for each system, trial, metric and signature; adds `base_system`, `base_metric`.

    A system that several runs scored alike (the mixture, most often) is given once. One whose values differ between
    runs is another system in each: its name gains the run's. A metric with two signatures in one stratum is two
    metrics: its name gains a number.

    Args:
        titles: names of runs by id; the id distinguishes runs of one name.
        apart: systems that are known to be another in each run, whatever their values.
    """
    rows = rows.assign(base_system=rows["system"], base_metric=rows["metric"])
    numbers = row_numbers(rows, _TRIAL)
    twice = rows[np.bincount(numbers)[numbers] > 1]
    others = {*_differing(twice), *apart}
    if others:
        rows = rows.assign(system=_with_runs(rows, others, titles))
    if len(twice):
        rows = rows.drop_duplicates(_TRIAL)
    return rows.assign(metric=_numbered(rows))


def _with_runs(rows: pd.DataFrame, systems: Collection[str], titles: Mapping[str, str]) -> pd.Series:
    """Names of the systems, with that of the run behind those that differ between runs."""
    rows = rows[["system", "run_id"]].astype(object)
    unique = {run: name for run, name in titles.items() if [*titles.values()].count(name) == 1}
    runs = rows["run_id"].map({run: unique.get(run) or run for run in rows["run_id"].unique()})
    names = rows["system"] + " (" + runs + ")"
    return rows["system"].where(~rows["system"].isin(systems), names)


def _differing(twice: pd.DataFrame) -> list[str]:
    """Systems with two results for one trial and metric in different runs."""
    groups = twice.groupby(_TRIAL)
    with np.errstate(invalid="ignore"):  # infinite values are equal or far apart, never in between
        spread = (groups["value"].max() - groups["value"].min()).fillna(0.0) > _SAME
    other = groups["status"].nunique() > 1
    found = (spread | other).groupby("system").any()
    return [str(name) for name in found.index[found]]


def _numbered(rows: pd.DataFrame) -> pd.Series:
    """Metric names, with a number for each signature where one stratum has several."""
    stratum = ["dataset", "condition", "n_active", "n_inactive", "metric"]
    if not distinct(rows, [*stratum, "signature"]).duplicated(stratum).any():
        return rows["metric"]
    rows = rows[[*stratum, "signature"]].astype({"metric": object, "signature": object})
    order = rows.groupby(stratum)["signature"].rank(method="dense").astype(int)
    several = order.groupby([rows[name] for name in stratum]).transform("max") > 1
    return rows["metric"].where(~several, rows["metric"] + " [" + order.astype(str) + "]")
