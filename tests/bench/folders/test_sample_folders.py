"""`tsebench score` of folders with several samples of each estimate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tsebench.bench.folders.outputs import sample_folders
from tsebench.bench.folders.score import FolderScores, ScoreOptions, score_folders
from tsebench.bench.rows import read_rows
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.core.errors import ConfigError
from tsebench.datasets.signals.audio import write

RATE_HZ = 8000
NAMES = ("a", "b", "c")
LEVELS = (0.1, 0.3)  # noise of the samples


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three references, and two samples of each with noise of a known level."""
    generator = np.random.default_rng(0)
    for name in NAMES:
        target = generator.standard_normal(4000).astype(np.float32) * 0.1
        write(tmp_path / "ref" / f"{name}.wav", target, RATE_HZ)
        for sample, level in enumerate(LEVELS):
            noise = generator.standard_normal(4000).astype(np.float32) * 0.1 * level
            write(tmp_path / "est" / f"sample_{sample}" / f"{name}.wav", target + noise, RATE_HZ)
    return tmp_path


def scored(folders: Path) -> FolderScores:
    options = ScoreOptions(out=folders / "out", metrics=("snr",), device="cpu", jobs=0, system="drawn")
    return score_folders(estimates=folders / "est", references=folders / "ref", mixtures=None, options=options)


def test_sample_folders_are_samples_of_one_system(folders: Path) -> None:
    done = scored(folders)
    assert (done.trials, done.failed_trials) == (6, 0)
    assert done.record.systems["drawn"].samples == 2
    rows = read_rows(folders / "out")
    assert rows.groupby("sample")["trial_id"].apply(list).to_dict() == {0: list(NAMES), 1: list(NAMES)}
    (cell,) = aggregate(rows, resamples=20)
    means = [-20 * np.log10(level) for level in LEVELS]  # SNR of noise at a level
    assert (cell.n, cell.n_samples) == (3, 2)
    assert cell.mean == pytest.approx(np.mean(means), abs=0.2)
    assert cell.seed_sd == pytest.approx(np.std(means, ddof=1), abs=0.2)


def test_a_missing_sample_costs_its_own_row(folders: Path) -> None:
    (folders / "est" / "sample_1" / "b.wav").unlink()
    done = scored(folders)
    assert (done.trials, done.failed_trials) == (6, 1)
    failed = read_rows(folders / "out").query("status == 'failed'")
    assert [*failed[["trial_id", "sample", "reason"]].itertuples(index=False, name=None)] == [("b", 1, "missing")]


def test_other_layouts_are_one_answer(folders: Path) -> None:
    assert [path.name for path in sample_folders(folders / "est")] == ["sample_0", "sample_1"]
    assert sample_folders(folders / "ref") == []
    assert sample_folders([folders / "est", folders / "ref"]) == []


def test_numbers_count_from_0(folders: Path) -> None:
    (folders / "est" / "sample_0").rename(folders / "est" / "sample_2")
    with pytest.raises(ConfigError, match="has samples 1, 2; number them from 0"):
        scored(folders)


def test_files_next_to_the_samples_are_refused(folders: Path) -> None:
    write(folders / "est" / "a.wav", np.zeros(4000, np.float32), RATE_HZ)
    with pytest.raises(ConfigError, match=r"holds a.wav next to folders of samples"):
        scored(folders)
