"""The Python API: the same runs and scores as on the command line, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .config import RunConfig, load_run_config
from .folders.score import FolderScores, ScoreOptions, score_folders
from .run.runner import RunOptions, RunResult, run


def evaluate(
    config: str | RunConfig,
    *,
    out: str | Path,
    device: str = "auto",
    jobs: int = 2,
    fresh: bool = False,
    corpus_dirs: Mapping[str, Path] | None = None,
) -> RunResult:
    """Run systems on datasets, as `tsebench run` does, without the report.

    Args:
        config: a config, or the path or shipped name of one.
        out: run folder; a run that was interrupted goes on.
        jobs: processes for metrics of one file.
        corpus_dirs: folders of corpora by name, in addition to those of the user file.

    Raises:
        TsebenchError: see `bench.run.runner.run`.
    """
    settings = load_run_config(config) if isinstance(config, str) else config
    options = RunOptions(out=Path(out), device=device, jobs=jobs, fresh=fresh, corpus_dirs=corpus_dirs or {})
    return run(settings, options)


def score(
    *,
    estimates: str | Path,
    references: str | Path,
    out: str | Path,
    mixtures: str | Path | None = None,
    metrics: Sequence[str] = (),
    system: str = "estimates",
    device: str = "auto",
    jobs: int = 2,
) -> FolderScores:
    """Score folders of audio files, paired by name, as `tsebench score` does; see `bench.folders.score`."""
    return score_folders(
        estimates=Path(estimates),
        references=Path(references),
        mixtures=None if mixtures is None else Path(mixtures),
        options=ScoreOptions(out=Path(out), metrics=tuple(metrics), system=system, device=device, jobs=jobs),
    )
