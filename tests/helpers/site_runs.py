"""Runs and leaderboards that tests of pages read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.runs import rows_of

from tsebench.bench.config import RunConfig
from tsebench.bench.rows import write_shard
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.score_row import ScoreRow
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard

SET = """
name: speech
builder: speech_mix
corpora:
  speech: {kind: synthetic_speech}
params:
  count: 4
  sample_rate_hz: 8000
  n_speakers: 2
  mode: max
  speech: {corpus: speech}
"""


def row(system: str, trial: int, value: float, **changes: object) -> ScoreRow:
    """One row of `snri`; two trials make a mixture."""
    ids = {"trial_id": f"t{trial:03d}", "mixture_id": f"m{trial // 2}", "cluster": f"m{trial // 2}"}
    facts = {"run_id": "r1", "metric": "snri", "signature": "snri|f64", **ids, **changes}
    (made,) = rows_of([value], system, **facts)
    return made


def board_of(folder: Path, rows: Sequence[ScoreRow], facts: Mapping[str, object] | None = None) -> Leaderboard:
    """A board of made-up rows; without facts there is no run.json."""
    write_shard(folder / "rows" / "part-0.parquet", rows)
    if facts is not None:
        (folder / "run.json").write_text(json.dumps(facts))
    return open_board([folder])


def make_run(folder: Path, *, keep: bool = True) -> Path:
    """Eight trials of two voices by three systems, with their estimates."""
    (folder.parent / "speech.yaml").write_text(SET)
    config = RunConfig(
        name="small",
        datasets=[str(folder.parent / "speech.yaml")],  # type: ignore[arg-type]
        systems=["mixture", "oracle_irm", "silence"],  # type: ignore[arg-type]
        metrics=(MetricSpec(name="si_sdri"), MetricSpec(name="snr")),
        keep_estimates=keep,
        measure_cost=False,
    )
    run(config, RunOptions(out=folder, jobs=1, device="cpu", cache=folder.parent / "cache"))
    return folder
