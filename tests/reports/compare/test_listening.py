"""A comparison of two real runs: from a config to players, and tags that follow from the recipe."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tsebench import evaluate
from tsebench.bench.config import RunConfig
from tsebench.bench.rows import read_rows
from tsebench.bench.run.trial_tags import TrialTags
from tsebench.datasets.build import build
from tsebench.datasets.config import load_dataset_configs
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.reports.compare.compare_runs import CompareOptions, compare_runs
from tsebench.reports.compare.console import print_comparison
from tsebench.reports.compare.gates import parse_gates
from tsebench.reports.compare.output_files import write_comparison


def small(name: str, folder: Path, **params: object) -> Dataset:
    config = load_dataset_configs(name)[0]
    build(config.model_copy(update={"params": {**config.params, **params}}), folder, corpus_dirs={})
    return load_dataset(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Dataset]:
    """A base run of a good system, and one where the mixture goes by its name."""
    root = tmp_path_factory.mktemp("runs")
    dataset = small("mini_sounds", root / "set", count=6, duration_s=2.0, event_s=[0.8, 1.5])
    folders = []
    for name, system in (("base", "oracle_irm"), ("cand", "mixture")):
        config = RunConfig.model_validate(
            {
                "name": "nightly",
                "datasets": [{"dataset": str(root / "set"), "metrics": ["snri"]}],
                "systems": [{"name": system, "label": "net"}],
                "keep_estimates": True,
                "measure_cost": False,
                "bootstrap": {"resamples": 100},
            }
        )
        evaluate(config, out=root / name, jobs=1)
        folders.append(root / name)
    return folders[0], folders[1], dataset


@pytest.mark.long
def test_a_worse_run_fails_and_can_be_heard(runs: tuple[Path, Path, Dataset], tmp_path: Path) -> None:
    options = CompareOptions(gates=parse_gates(["snri<-0.2@condition=FMQ"]))
    found = compare_runs(runs[0], runs[1], options)
    assert found.exit_code == 1
    assert found.gaps == ()
    written = {path.name: path for path in write_comparison(found, tmp_path / "out")}
    page = written["listen.html"].read_text(encoding="utf-8")
    assert page.count("data-player tabindex") == 10
    first = found.worst[0]
    assert first.trial_id in page
    assert "net (base)" in page
    assert "net (candidate)" in page
    assert "Enrollment" in page
    markdown = written["compare.md"].read_text(encoding="utf-8")
    assert "[players](listen.html#trial-1)" in markdown
    comment = written["comment.md"].read_text(encoding="utf-8")
    assert "](" not in comment
    assert "Players of these trials: `listen.html`, next to this report's `compare.md`." in comment
    published = {p.name: p for p in write_comparison(found, tmp_path / "web", link_base="https://ci.org/a b/7/")}
    for name in ("comment.md", "compare.md"):
        text = published[name].read_text(encoding="utf-8")
        assert "[players](https://ci.org/a%20b/7/listen.html#trial-1)" in text
        assert "next to this report" not in text
    assert all(path.is_relative_to(tmp_path / "out") for path in written.values())
    assert list((tmp_path / "out" / "audio").glob("*.wav"))


def test_without_kept_estimates_there_is_no_page(runs: tuple[Path, Path, Dataset], tmp_path: Path) -> None:
    for folder in runs[:2]:
        copy = tmp_path / folder.name
        (copy / "rows").mkdir(parents=True)
        for path in [folder / "run.json", *(folder / "rows").iterdir()]:
            (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    found = compare_runs(tmp_path / "base", tmp_path / "cand", CompareOptions())
    written = write_comparison(found, tmp_path / "out")
    assert "listen.html" not in {path.name for path in written}
    assert "[players]" not in (tmp_path / "out" / "compare.md").read_text(encoding="utf-8")


def test_a_run_that_was_killed_is_incomplete(runs: tuple[Path, Path, Dataset], tmp_path: Path) -> None:
    """Half of a candidate's shards, as a kill leaves them."""
    killed = tmp_path / "killed"
    (killed / "rows").mkdir(parents=True)
    (killed / "run.json").write_bytes((runs[1] / "run.json").read_bytes())
    retained = sorted(trial.id for trial in runs[2].trials)[::2]
    for shard in (runs[1] / "rows").iterdir():
        rows = pq.read_table(shard)
        inside = pc.is_in(rows["trial_id"], pa.array(retained))
        pq.write_table(rows.filter(inside), killed / "rows" / shard.name)
    found = compare_runs(runs[0], killed, CompareOptions())
    assert found.exit_code == 3
    (gap,) = found.gaps
    assert f"net lacks {len(runs[2]) - len(retained)} trials of {len(runs[2])}" in gap
    out = io.StringIO()
    print_comparison(found, Console(file=out, width=100, color_system=None))
    assert "Incomplete: trials are missing" in out.getvalue()


def test_rows_carry_what_reports_slice_by(runs: tuple[Path, Path, Dataset]) -> None:
    tags = read_rows(runs[0]).groupby("trial_id").first()
    wanted = {"tag_class", "tag_n_sources", "tag_enrollment_s", "tag_duration_s", "tag_overlap"}
    assert wanted <= set(tags.columns)
    assert set(tags["tag_duration_s"]) == {"2.0"}
    for trial in runs[2].trials:
        row = tags.loc[trial.id]
        assert row["tag_class"] == ("+".join(trial.clue.classes) if not trial.target_ids else trial.tags["target"])


def test_lengths_and_overlaps_are_those_of_the_signals(runs: tuple[Path, Path, Dataset]) -> None:
    dataset = runs[2]
    traits = TrialTags(dataset)
    for index, trial in enumerate(dataset.trials):
        query, _ = dataset[index]
        tags = traits.tags(trial)
        length_s = sum(len(clip) for clip in query.clues.enrollments) / query.sample_rate_hz
        assert float(tags["enrollment_s"]) == pytest.approx(length_s, abs=2e-3)
        mixture = dataset.mixtures[trial.mixture_id]
        assert tags["n_sources"] == sum(s.role == "foreground" for s in mixture.sources)
        if not trial.target_ids:
            assert "overlap" not in tags
            continue
        assert tags["overlap"] == pytest.approx(overlap_by_samples(dataset, index), abs=0.02)


def overlap_by_samples(dataset: Dataset, index: int) -> float:
    """The share of the target's samples at which another event has begun and not ended."""
    trial = dataset.trials[index]
    mixture = dataset.mixtures[trial.mixture_id]
    spans = {}
    for source in mixture.sources:
        if source.role == "foreground":
            _, rate = dataset.corpora[source.clip.corpus].read(source.clip.path, 0, 1)
            length = source.clip.frames * mixture.sample_rate_hz // rate
            spans[source.id] = set(range(source.onset, min(source.onset + length, mixture.num_samples)))
    own = set().union(*(spans[name] for name in trial.target_ids))
    others = set().union(*(span for name, span in spans.items() if name not in trial.target_ids))
    return len(own & others) / len(own)


def test_tags_of_the_trial_come_first_and_do_not_change_the_set(runs: tuple[Path, Path, Dataset]) -> None:
    dataset = runs[2]
    trial = dataset.trials[0]
    tags = TrialTags(dataset).tags(trial)
    assert {name: tags[name] for name in trial.tags} == dict(trial.tags)
    assert "enrollment_s" not in trial.tags


def test_speech_has_lengths_and_overlap_but_no_class(tmp_path: Path) -> None:
    dataset = small("mini_speech", tmp_path / "set", count=3)
    frame = pd.DataFrame([TrialTags(dataset).tags(trial) for trial in dataset.trials])
    assert {"n_speakers", "enrollment_s", "overlap", "input_snr_db"} <= set(frame.columns)
    assert not {"class", "n_sources"} & set(frame.columns)
    assert frame["overlap"].between(0.0, 1.0).all()
