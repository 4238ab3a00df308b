"""Made-up run folders: known rows and a run.json."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tsebench.bench.rows import write_shard
from tsebench.bench.score_row import ScoreRow


def rows_of(values: Sequence[float], system: str = "net", **changes: object) -> list[ScoreRow]:
    """One row for each value, trial by trial; two trials make a mixture; NaN is failed.

    A list in `changes` gives each row its own.
    """
    made = []
    for place, value in enumerate(values):
        failed = math.isnan(value)
        fields: dict[str, object] = {
            "run_id": "r",
            "system": system,
            "dataset": "set",
            "trial_id": f"t{place:03d}",
            "mixture_id": f"m{place // 2:03d}",
            "condition": "FMQ",
            "n_active": 1,
            "n_inactive": 0,
            "cluster": f"m{place // 2:03d}",
            "metric": "si_sdri",
            "signature": "si_sdri|f64",
            "value": value,
            "status": "failed" if failed else "ok",
            "reason": "non_finite" if failed else "",
        }
        own = {k: v[place] if isinstance(v, list) else v for k, v in changes.items()}
        made.append(ScoreRow(**{**fields, **own}))  # type: ignore[arg-type]
    return made


def facts_of(systems: Iterable[str] = ("net",), *, fingerprint: str = "f1", **changes: object) -> dict[str, object]:
    """Contents of a run.json, as far as reports read it."""
    return {
        "run_id": "r",
        "name": "nightly",
        "created": "2025-01-02T03:04:05+00:00",
        "device": "cpu: x86_64, 2 threads",
        "git": "0123456789abcdef",
        "seed": 0,
        "config": {"bootstrap": {"resamples": 200, "level": 0.95}},
        "versions": {"tsebench": "0.1.0", "torch": "2.5.0"},
        "systems": {name: {"family": "discriminative", "identity": "i1"} for name in systems},
        "datasets": {"set": {"fingerprint": fingerprint, "systems": list(systems)}},
        "trials": 1,
        "failed_trials": 0,
        **changes,
    }


def make_run(folder: Path, rows: Sequence[ScoreRow], facts: Mapping[str, object] | None = None) -> Path:
    """Write a run folder."""
    write_shard(folder / "rows" / "part-0000.parquet", rows)
    if facts is None:
        facts = facts_of(dict.fromkeys(row.system for row in rows))
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder
