"""Scored folders in shards, merged: the files of a call that scored all at once, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tsebench.bench.folders import score
from tsebench.bench.folders.score import FolderScores, ScoreOptions, score_folders
from tsebench.bench.run.record import read_record
from tsebench.bench.shards.merge import merge_shards
from tsebench.bench.shards.shard import Shard
from tsebench.cli.main import main
from tsebench.core.errors import ConfigError, OutputError
from tsebench.datasets.signals.audio import write

RATE_HZ = 8000
METRICS = ("snri", "si_sdr")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten references with mixtures, and two samples of each estimate; one is missing, and one is an empty file."""
    monkeypatch.setattr(score, "CHUNK_TRIALS", 2)
    generator = np.random.default_rng(0)
    for number in range(10):
        target, noise = (generator.standard_normal(1600).astype(np.float32) * 0.1 for _ in range(2))
        write(tmp_path / "ref" / f"{number}.wav", target, RATE_HZ)
        write(tmp_path / "mix" / f"{number}.wav", target + noise, RATE_HZ)
        for sample, level in enumerate((0.1, 0.3)):
            write(tmp_path / "est" / f"sample_{sample}" / f"{number}.wav", target + level * noise, RATE_HZ)
    (tmp_path / "est" / "sample_1" / "3.wav").unlink()
    (tmp_path / "est" / "sample_0" / "7.wav").write_bytes(b"")
    return tmp_path


def scored(folders: Path, out: Path, shard: Shard | None = None, system: str = "drawn", **more: object) -> FolderScores:
    options = ScoreOptions(
        out=out, metrics=METRICS, device="cpu", jobs=0, system=system, shard=shard, cache=out.parent / "cache", **more
    )
    estimates = folders / "est" if system == "drawn" else folders / "mix"
    return score_folders(estimates=estimates, references=folders / "ref", mixtures=folders / "mix", options=options)


def rows(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "rows").iterdir()}


def test_merged_scores_are_those_of_one_call(folders: Path) -> None:
    whole = scored(folders, folders / "once" / "out")
    scored(folders, folders / "once" / "out", system="other")
    shards = [folders / str(number) for number in range(1, 4)]
    done = [scored(folders, out, Shard(n, 3)) for n, out in enumerate(shards, start=1)]
    for number, out in enumerate(shards, start=1):
        scored(folders, out, Shard(number, 3), system="other")
    assert [each.trials for each in done] == [8, 8, 4]
    assert sum(each.failed_trials for each in done) == whole.failed_trials == 2
    record = merge_shards(shards, folders / "merged" / "out")
    assert rows(folders / "merged" / "out") == rows(folders / "once" / "out")
    expected = read_record(folders / "once" / "out")
    assert expected is not None
    assert record.run_id == expected.run_id
    assert set(record.systems) == set(expected.systems) == {"drawn", "other", "mixture"}
    assert record.datasets == expected.datasets

    # What is merged later joins what was scored into the folder before.
    joined = folders / "joined" / "out"
    scored(folders, joined)
    alone = [folders / "alone" / str(number) for number in (1, 2)]
    for number, out in enumerate(alone, start=1):
        scored(folders, out, Shard(number, 2), system="other")
    merge_shards(alone, joined)
    assert rows(joined) == rows(folders / "once" / "out")


def test_wrong_shards_of_scores_are_refused(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [folders / "1", folders / "2"]
    for number, out in enumerate(shards, start=1):
        scored(folders, out, Shard(number, 2))
    out = folders / "merged"
    with pytest.raises(OutputError, match="holds shard 1/2, and this is shard 2/2"):
        scored(folders, shards[0], Shard(2, 2))
    with pytest.raises(OutputError, match="holds shard 1/2, and this is the whole run"):
        scored(folders, shards[0])
    with pytest.raises(ConfigError, match="1 of 2 shards is missing: 2/2"):
        merge_shards(shards[:1], out)

    coarse = folders / "coarse"
    monkeypatch.setattr(score, "CHUNK_TRIALS", 3)
    scored(folders, coarse, Shard(2, 2))
    with pytest.raises(ConfigError, match="is in two shards, of other chunks"):
        merge_shards([shards[0], coarse], out)
    monkeypatch.setattr(score, "CHUNK_TRIALS", 2)

    other = folders / "other"
    monkeypatch.setattr(f"{__name__}.METRICS", ("snri", "sdr"))
    scored(folders, other, Shard(2, 2))
    with pytest.raises(ConfigError, match="metrics, samples or chunks of trials differ"):
        merge_shards([shards[0], other], out)
    monkeypatch.undo()

    shutil.copy(folders / "ref" / "1.wav", folders / "est" / "sample_0" / "2.wav")
    scored(folders, folders / "changed", Shard(2, 2))
    with pytest.raises(ConfigError, match="system 'drawn' has other weights, options, code or packages"):
        merge_shards([shards[0], folders / "changed"], out)
    for path in (shards[1] / "rows").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match=r"has 6 of 10 trials in 2 shards; score those again"):
        merge_shards(shards, out)
    assert not (out / "run.json").exists()


def test_the_commands(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--estimates", str(folders / "mix"), "--references", str(folders / "ref"), "--metrics", "snr"]
    more = ["--system", "unprocessed", "--device", "cpu", "--jobs", "1"]
    for number in (1, 2):
        with pytest.raises(SystemExit) as ended:
            main(["score", *given, *more, "--shard", f"{number}/2", "--out", str(folders / f"part{number}")])
        assert ended.value.code == 0
        assert not (folders / f"part{number}" / "report").exists()
    assert "shard 2/2: 4 trials in" in capsys.readouterr().out
    merging = ["merge", str(folders / "part1"), str(folders / "part2"), "--out", str(folders / "all")]
    with pytest.raises(SystemExit) as ended:
        main([*merging, "--format", "csv", "--tracking-uri", "none"])
    assert ended.value.code == 0
    assert "unprocessed" in capsys.readouterr().out
    assert list((folders / "all" / "report").glob("*.csv"))
    with pytest.raises(SystemExit) as ended:
        main([*merging[:2], *merging[3:]])
    assert ended.value.code == 2
    assert (
        capsys.readouterr().err
        == "tsebench: 1 of 2 shards is missing: 2/2; run what is missing, and give all folders\n"
    )
    assert not (folders / "mlflow.db").exists()  # refused before anything is written
