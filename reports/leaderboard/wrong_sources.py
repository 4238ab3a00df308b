"""Systems whose estimates often lie nearer to another source of the mixture than to the target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from ...bench.run.nearest_source import OTHER
from ...bench.run.record import RunFacts
from ...bench.run.system_facts import SystemFacts
from ...bench.score_row import NEAREST, TAG_PREFIX

SHARE = 0.3
"""Least share of a system's trials on a set that is worth a remark; outputs in a random order give about 0.5."""
LEAST = 2
"""Least number of such trials."""

_COLUMN = TAG_PREFIX + NEAREST
_NO_ORDER = (
    "outputs of a separator have no order, and --permutation si_sdr assigns them; any other system extracts the wrong "
    "source, or changes the mixture little"
)
_ASSIGNED = "the best assignment is taken already, so the outputs are hardly separated"
_WRONG = "it extracts the wrong source, or changes the mixture little"


def wrong_source_remarks(rows: pd.DataFrame, runs: Sequence[RunFacts]) -> Iterator[str]:
    """Sentences on systems that are neither baselines nor oracles, and whose phase is not generated, by set.

    Only trials whose query names nothing but the target count (FMQ, or no query).

    Args:
        rows: merged; trials without the tag do not count, because their mixture has no other source, or the system
            gave nothing.
        runs: for the kinds of the systems.
    """
    if _COLUMN not in rows:
        return
    matched = rows[_COLUMN].notna() & rows["condition"].isin(["FMQ", ""])
    tagged = rows[matched].drop_duplicates(["run_id", "system", "dataset", "trial_id"])
    known = {run.run_id: run for run in runs}
    for (system, dataset), own in tagged.groupby(["system", "dataset"]):
        first = own.iloc[0]
        run = known.get(str(first["run_id"]))
        facts = run.systems.get(str(first["base_system"])) if run else None
        wrong = int(own[_COLUMN].eq(OTHER).sum())
        if wrong < LEAST or wrong < SHARE * len(own) or _not_judged(facts):
            continue
        trials = f"{len(own)} {first['condition']} trials".replace("  ", " ")
        yield (
            f"wrong source in {wrong} of {trials} ({wrong / len(own):.0%}) of {system} on {dataset}: the "
            f"estimate is nearer to another source of the mixture than to the target (SI-SDR); {_cause(run, facts)}"
        )


def _not_judged(facts: SystemFacts | None) -> bool:
    """Whether the SI-SDR to the sources of the mixture says nothing on a system."""
    return facts is not None and (not facts.competes or facts.phase_generated)


def _cause(run: RunFacts | None, facts: SystemFacts | None) -> str:
    if run is None or facts is None or facts.family != "external" or run.config is not None:
        return _WRONG
    return _ASSIGNED if "permutation" in (facts.card.get("options") or {}) else _NO_ORDER
