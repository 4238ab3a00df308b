"""The runner: every row once, the same rows whatever happens."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.scripted import NAMES, SOUNDS, Scripted, assert_same, bad_system, config, go, rows_of

from tsebench.bench import row_files
from tsebench.bench.config import RunConfig, load_run_config
from tsebench.bench.inference.ask import Inference
from tsebench.bench.outcome import Score
from tsebench.bench.run import evaluation as evaluation_module
from tsebench.bench.run.estimate_store import SystemAnswers
from tsebench.bench.run.evaluation import ChunkScores, Evaluation
from tsebench.bench.run.record import read_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.run.set_scores import SetScores
from tsebench.bench.scoring.cache import ScoreCache
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Pending, Scorer
from tsebench.core.errors import ConfigError, CorpusError, DatasetError, OutputError, TsebenchError, UnknownNameError
from tsebench.core.prefetch import AHEAD, ahead
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.signals.audio import write
from tsebench.systems.protocol import Extraction, QueryBatch

pytestmark = pytest.mark.usefixtures("scripted", "code_read_once", "own_cache")


@pytest.fixture(params=[row_files.MOST_FILES, 1], ids=["apart", "joined"])
def most_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs whose chunks stay in files of their own, and runs that join them."""
    monkeypatch.setattr(row_files, "MOST_FILES", request.param)
    return int(request.param)


# ---------------------------------------------------------------- completeness and sameness


def test_every_system_trial_and_metric_has_one_row(sounds: Path, speech: Path, tmp_path: Path) -> None:
    result = go(tmp_path / "a", sounds, speech, systems=["mixture", "silence", "scripted"], measure_cost=True)
    rows = rows_of(tmp_path / "a")
    keys = list(zip(rows.system, rows.dataset, rows.trial_id, rows.metric, strict=True))
    expected = {
        (system, folder.name, trial.id, metric)
        for system in ("mixture", "silence", "scripted")
        for folder in (sounds, speech)
        for trial in load_dataset(folder).trials
        for metric in NAMES
    }
    assert len(keys) == len(set(keys))
    assert set(keys) == expected
    assert result.trials == 3 * (12 + 6)
    assert result.failed_trials == 0
    of_mixture = rows[(rows.system == "mixture") & rows.metric.isin(["snri", "si_sdri"])]
    assert set(of_mixture.value.dropna()) == {0.0}
    record = read_record(tmp_path / "a")
    assert record is not None
    assert record.run_id == rows.run_id.unique().item()
    assert (record.trials, record.failed_trials) == (54, 0)


def test_what_is_expected_of_a_baseline_is_no_failed_trial(speech: Path, tmp_path: Path) -> None:
    """PESQ has no value for silence: as a baseline promises it, and a network does not."""
    mute = {"name": "scripted", "options": {"gain": 0.0}}
    result = go(tmp_path / "a", speech, systems=["silence", mute], metrics=["pesq"])
    rows = rows_of(tmp_path / "a")
    assert set(zip(rows.status, rows.reason, strict=True)) == {("failed", "pesq_silent_estimate")}
    assert result.trials == 2 * 6
    assert result.failed_trials == 6


def test_rows_hold_the_facts_of_their_trial(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds)
    rows = rows_of(tmp_path / "a").set_index("trial_id")
    for trial in load_dataset(sounds).trials:
        found = rows.loc[trial.id]
        assert set(found.mixture_id) == {trial.mixture_id}
        assert set(found.condition) == {trial.condition.kind}
        assert set(zip(found.n_active, found.n_inactive, strict=True)) == {
            (trial.condition.n_active, trial.condition.n_inactive)
        }


def test_values_are_those_of_the_closed_form(sounds: Path, tmp_path: Path) -> None:
    """Scaling by g leaves SI-SDR as it is; of an absent target, 20 log10 g remains."""
    go(tmp_path / "a", sounds, systems=[{"name": "scripted", "options": {"gain": 0.25}}])
    rows = rows_of(tmp_path / "a")
    si_sdri = rows[(rows.metric == "si_sdri") & (rows.status == "ok")]
    assert len(si_sdri) == 8
    assert si_sdri.value.abs().max() < 1e-9
    attenuation = rows[(rows.metric == "attenuation") & (rows.status == "ok")]
    assert len(attenuation) == 4
    np.testing.assert_allclose(attenuation.value, 20 * np.log10(0.25), atol=1e-5)


def test_a_fresh_run_elsewhere_gives_identical_rows(sounds: Path, speech: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        go(tmp_path / name, sounds, speech, systems=["oracle_irm", "mixture"], fresh=True)
    assert_same(tmp_path / "a", tmp_path / "b")


def test_a_dataset_is_the_same_as_config_and_as_folder(sounds: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "sounds.yaml"
    recipe.write_text(str(SOUNDS).replace("'", '"'))  # flow style
    go(tmp_path / "by_config", recipe)
    go(tmp_path / "by_folder", sounds)
    assert (tmp_path / "by_config" / "datasets" / "sounds" / "card.json").is_file()
    assert_same(tmp_path / "by_config", tmp_path / "by_folder")


def test_batches_change_no_value(ragged: Path, speech: Path, tmp_path: Path) -> None:
    systems = [{"name": "soundbeam", "options": {"checkpoint": "soundbeam_mini_1hot"}}, "oracle_irm"]
    for size in (1, 3, 8):
        go(tmp_path / str(size), ragged, speech, systems=systems, batch_size=size, fresh=True)
    alone = rows_of(tmp_path / "1")
    assert set(alone.system) == {"soundbeam", "oracle_irm"}
    for size in (3, 8):
        batched = rows_of(tmp_path / str(size))
        pd.testing.assert_frame_equal(alone.drop(columns="value"), batched.drop(columns="value"))
        np.testing.assert_allclose(alone.value, batched.value, atol=1e-4, rtol=0)


def test_jobs_change_no_value(speech: Path, tmp_path: Path) -> None:
    spec = config(speech, systems=["mixture"], metrics=("stoi",))
    for jobs in (0, 1, 2):
        run(spec, RunOptions(out=tmp_path / str(jobs), device="cpu", jobs=jobs, fresh=True))
    assert (rows_of(tmp_path / "0").status == "ok").all()
    assert_same(tmp_path / "0", tmp_path / "1")
    assert_same(tmp_path / "1", tmp_path / "2")


def test_batches_that_are_begun_ahead_change_no_row(
    ragged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: also where some trials fail, and where some answers are there already."""
    bad = load_dataset(ragged).trials[1].id
    systems = ("mixture", "scripted", {**bad_system("raise", bad), "label": "bad"})
    go(tmp_path / "a", ragged, systems=systems)
    monkeypatch.setattr(Inference, "batches_ahead", 1)
    go(tmp_path / "b", ragged, systems=systems, fresh=True)
    assert_same(tmp_path / "a", tmp_path / "b")
    assert "failed" in set(rows_of(tmp_path / "b").query("trial_id == @bad").status)
    shard = min((tmp_path / "b" / "rows").iterdir())
    shard.unlink()
    go(tmp_path / "b", ragged, systems=systems)
    assert_same(tmp_path / "a", tmp_path / "b")


def test_each_system_begins_while_the_last_scores_before_it_are_awaited(
    ragged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mixtures, which are scored first, are not scored again; a run that goes on begins with what is missing."""
    systems, begun = ("scripted", "mixture", "silence", "oracle_irm"), list[tuple[str, list[int]]]()
    original = Evaluation.begun

    def watched(
        self: Evaluation, source: SystemAnswers, wanted: list[int], *, submitted: Callable[[], None]
    ) -> Iterator[ChunkScores]:
        begun.append((source.identity, wanted))
        return original(self, source, wanted, submitted=submitted)

    with monkeypatch.context() as alone:
        alone.setattr(SetScores, "announce", lambda *_: None)
        go(tmp_path / "a", ragged, systems=systems, fresh=True)
    monkeypatch.setattr(Evaluation, "begun", watched)
    result = go(tmp_path / "b", ragged, systems=systems, fresh=True)
    assert_same(tmp_path / "a", tmp_path / "b")
    identities = {name: facts.identity for name, facts in result.record.systems.items()}
    every = begun[0][1]
    assert begun == [(identities[name], every) for name in ("scripted", "silence", "oracle_irm")]
    begun.clear()
    for name in ("scripted", "oracle_irm"):
        max((tmp_path / "b" / "rows").glob(f"*-{name}-*")).unlink()
    go(tmp_path / "b", ragged, systems=systems)
    assert_same(tmp_path / "a", tmp_path / "b")
    assert begun == [(identities[name], every[-1:]) for name in ("scripted", "oracle_irm")]


@pytest.mark.parametrize("rate_hz", [None, 8000, 11025])
def test_a_systems_own_rate_is_recorded(rate_hz: int | None, sounds: Path, tmp_path: Path) -> None:
    system = {"name": "scripted", "options": {"rate_hz": rate_hz}}
    go(tmp_path / "a", sounds, systems=[system])
    record = read_record(tmp_path / "a")
    assert record is not None
    expected = (8000,) if rate_hz == 11025 else ()
    assert record.systems["scripted"].resampled_from_hz == expected


# ---------------------------------------------------------------- stopping and going on


def test_a_run_that_stops_between_shards_goes_on(sounds: Path, tmp_path: Path, most_files: int) -> None:
    out = tmp_path / "stopped"
    Scripted.stop_after = 10
    with pytest.raises(KeyboardInterrupt):
        go(out, sounds, batch_size=1)
    record = read_record(out)
    assert record is not None
    assert record.trials is None
    there = sorted(path.name for path in (out / "rows").glob("part-*"))
    assert 0 < len(there) < 3
    Scripted.stop_after, Scripted.batches = None, []
    go(out, sounds, batch_size=1)
    assert len(Scripted.batches) == 12 - 4 * len(there)
    assert len(list((out / "rows").iterdir())) == (3 if most_files > 1 else 1)
    go(tmp_path / "undisturbed", sounds, fresh=True)
    assert_same(out, tmp_path / "undisturbed")


@pytest.mark.usefixtures("most_files")
@pytest.mark.parametrize(
    ("reason", "asked", "verb"),
    [
        ("crashed", False, "crashed"),
        ("mixture:crashed", False, "crashed"),
        ("no_space: '/tmp' has 0 bytes left", False, "crashed"),
        ("mixture:no_space: '/tmp' has 0 bytes left", False, "crashed"),
        ("system:disk is full", True, "failed"),
        ("system:disk is full", False, ""),
    ],
)
def test_values_that_crashed_are_tried_again_and_those_that_failed_if_asked(
    sounds: Path, tmp_path: Path, reason: str, asked: bool, verb: str
) -> None:
    out, lines = tmp_path / "crashed", list[str]()
    go(out, sounds)
    shard = next((out / "rows").glob("part-*"))
    whole = pq.read_table(shard)
    spoilt = {"value": math.nan, "status": "failed", "reason": reason}
    table = pa.Table.from_pylist([{**row, **spoilt} for row in whole.to_pylist()[:2]], schema=whole.schema)
    pq.write_table(pa.concat_tables([table, whole.slice(2)]), shard)
    options = RunOptions(out=out, jobs=0, device="cpu", chunk_trials=4, say=lines.append, retry_failed=asked)
    run(config(sounds), options)
    assert lines == ([f"sounds: 2 values {verb} before; their trials are tried again"] if verb else [])
    assert (rows_of(out)["status"] == "failed").sum() == (0 if verb else 2)
    go(tmp_path / "undisturbed", sounds, fresh=True)
    if verb:
        assert_same(out, tmp_path / "undisturbed")


@pytest.mark.usefixtures("most_files")
def test_a_finished_run_does_nothing_again(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = go(tmp_path / "a", sounds)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "a" / "rows").iterdir()}
    monkeypatch.setattr(Dataset, "__getitem__", None)
    again = go(tmp_path / "a", sounds)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "a" / "rows").iterdir()} == before
    assert again.record.created == first.record.created
    assert (again.trials, again.failed_trials) == (first.trials, first.failed_trials)


def test_left_overs_and_shards_of_before_are_removed(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "a"
    go(out, sounds)
    before = {path.name for path in (out / "rows").glob("part-*")}
    (out / "rows" / ".part-sounds-x-00000.parquet.part").write_bytes(b"half a file")
    Scripted.stop_after = len(Scripted.batches) + 1
    changed = [{"name": "scripted", "options": {"gain": 0.1}}]
    with pytest.raises(KeyboardInterrupt):
        go(out, sounds, systems=changed, batch_size=2)
    assert list((out / "rows").iterdir()) == []  # nothing of the run that it no longer is
    Scripted.stop_after = None
    go(out, sounds, systems=changed)
    after = {path.name for path in (out / "rows").iterdir()}
    assert len(after) == 3
    assert not after & before
    go(tmp_path / "b", sounds, systems=changed, fresh=True)
    assert_same(out, tmp_path / "b")


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A corpus on disk, and a set of 12 trials made from it."""
    generator = np.random.default_rng(0)
    for label in ("a", "b", "c"):
        for number in range(8):
            path = tmp_path / "corpus" / label / f"{number}.wav"
            write(path, generator.uniform(-0.5, 0.5, 8000).astype(np.float32), 8000)
    params = {
        **{k: SOUNDS["params"][k] for k in ("sample_rate_hz", "duration_s", "event_s")},
        "count": 12,
        "events": {"corpus": "disk"},
    }
    corpora = {"disk": {"kind": "folder"}}
    return tmp_path / "corpus", {**SOUNDS, "name": "disk", "corpora": corpora, "params": params}


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_damaged_recording_ends_the_run_and_keeps_what_is_done(
    ahead: int, recorded: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks while the run is going on, after it was seen to be the one of the manifest."""
    corpus, recipe = recorded
    dirs = {"disk": corpus}
    dataset = build(DatasetConfig.model_validate(recipe), tmp_path / "set", corpus_dirs=dirs)
    uses = [{s.clip.path for s in dataset.mixtures[t.mixture_id].sources} for t in dataset.trials]
    first = {clip: n for n, clips in reversed(list(enumerate(uses))) for clip in clips}
    clip = max(sorted(first), key=first.__getitem__)
    assert first[clip] > 2 * AHEAD  # later than the trials loaded at the first query
    sound = (corpus / clip).read_bytes()
    extract = Scripted.extract

    def spoil(self: Scripted, batch: QueryBatch) -> Extraction:
        (corpus / clip).write_bytes(b"not audio at all")
        return extract(self, batch)

    spec = config(tmp_path / "set", metrics=("si_sdr",))
    options = RunOptions(out=tmp_path / "a", device="cpu", jobs=0, chunk_trials=1)
    options = replace(options, corpus_dirs=dirs)
    with monkeypatch.context() as patch:
        patch.setattr(Scripted, "extract", spoil)
        patch.setattr(Pending, "done", False)  # as if the pool were slow
        patch.setattr(Inference, "batches_ahead", ahead)  # 1 on a GPU
        with pytest.raises(TsebenchError, match=re.escape(clip)) as caught:
            run(spec, options)
    assert "\n" not in str(caught.value)
    assert len(list((tmp_path / "a" / "rows").iterdir())) == first[clip]
    (corpus / clip).write_bytes(sound)
    run(spec, options)
    run(spec, replace(options, out=tmp_path / "b", fresh=True))
    assert_same(tmp_path / "a", tmp_path / "b")


def test_the_folder_of_another_run_is_refused(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds)
    before = rows_of(tmp_path / "a")
    with pytest.raises(OutputError, match=r"holds run 'test', not 'other'.*--fresh"):
        go(tmp_path / "a", sounds, name="other")
    pd.testing.assert_frame_equal(rows_of(tmp_path / "a"), before)
    go(tmp_path / "a", sounds, name="other", fresh=True)
    assert len(rows_of(tmp_path / "a")) == len(before)


def test_a_damaged_record_or_shard_is_an_error(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds)
    shard = next((tmp_path / "a" / "rows").iterdir())
    content = shard.read_bytes()
    shard.write_bytes(content[:100])
    with pytest.raises(DatasetError, match="delete it and start the run again"):
        go(tmp_path / "a", sounds)
    shard.unlink()
    go(tmp_path / "a", sounds)
    (tmp_path / "a" / "run.json").write_text("{}")
    with pytest.raises(DatasetError, match="use --fresh"):
        go(tmp_path / "a", sounds)


def test_a_config_that_cannot_work_leaves_the_folder_alone(sounds: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", sounds)
    before = rows_of(tmp_path / "a")
    wrong: list[dict[str, Any]] = [
        {"metrics": ("si_sdrr",)},
        {"systems": ["mixure"]},
        {"systems": [{"name": "scripted", "options": {"gian": 1.0}}]},
    ]
    for change in wrong:
        with pytest.raises(ConfigError, match=r"did you mean|unknown key 'gian'"):
            go(tmp_path / "a", sounds, fresh=True, **change)
    with pytest.raises(UnknownNameError, match="did you mean 'si_sdri'"):
        go(tmp_path / "b", sounds, {"dataset": str(sounds), "metrics": ["si_sdrii"]})
    with pytest.raises(ConfigError, match="no config 'nowhere'"):
        go(tmp_path / "b", sounds, "nowhere")
    assert not (tmp_path / "b").exists()  # refused before anything was built
    pd.testing.assert_frame_equal(rows_of(tmp_path / "a"), before)


def test_two_systems_or_sets_of_one_name_are_refused(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 systems are called 'mixture'; give each its own"):
        go(tmp_path / "a", sounds, systems=["mixture", "mixture"])
    file = tmp_path / "run.yaml"
    file.write_text("{name: x, datasets: [mini_sounds], systems: [silence, silence]}")
    with pytest.raises(ConfigError, match=r"run\.yaml: 2 systems are called 'silence'"):
        load_run_config(str(file))
    with pytest.raises(ConfigError, match="two datasets are called 'sounds'"):
        go(tmp_path / "a", sounds, sounds)
    labelled = [{"name": "mixture", "label": "again"}, "mixture"]
    go(tmp_path / "b", sounds, systems=labelled)
    assert set(rows_of(tmp_path / "b").system) == {"mixture", "again"}


# ---------------------------------------------------------------- memory


def one_by_one(sounds: Path, pool: FilePool, cache: Path, **options: Any) -> Iterator[Any]:
    """Scores of twelve chunks of one trial each."""
    evaluation = Evaluation(
        load_dataset(sounds),
        plan_metrics(["snr"]),
        device="cpu",
        pool=pool,
        cache=ScoreCache(cache),
        chunk_trials=1,
        **options,
    )
    source = SystemAnswers(Scripted(), device="cpu", batch_size=8, sample_rate_hz=8000)
    return evaluation.run(source, range(12))


def test_chunks_in_flight_are_bounded(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the set: a few chunks loaded, a few being scored."""
    waiting, most, rendered = 0, 0, 0

    class Counted(Scorer):
        def submit(self, batch: Any) -> Pending:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            pending = super().submit(batch)
            result = pending.result

            def count() -> list[Score]:
                nonlocal waiting
                waiting -= 1
                return result()

            pending.result = count  # type: ignore[method-assign]
            return pending

    render = Dataset.__getitem__

    def counted(self: Dataset, index: int) -> Any:
        nonlocal rendered
        rendered += 1
        return render(self, index)

    monkeypatch.setattr(evaluation_module, "Scorer", Counted)
    monkeypatch.setattr(Pending, "done", False)  # as if the pool were slow
    monkeypatch.setattr(Dataset, "__getitem__", counted)
    with FilePool(0) as pool:
        parts = one_by_one(sounds, pool, tmp_path / "c")
        first = next(parts)
        assert first.chunk == 0
        assert rendered <= 2 * (AHEAD + 1)
        assert [part.chunk for part in parts] == list(range(1, 12))
    assert rendered == 12
    assert waiting == 0
    assert most == AHEAD + 1


def test_several_threads_load_chunks_for_a_gpu_and_scores_are_the_same(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render, together = Dataset.__getitem__, threading.Barrier(3, timeout=20)

    def met(self: Dataset, index: int) -> Any:
        if index < 3:
            together.wait()  # three chunks of one trial are loaded at once
        return render(self, index)

    found = []
    for loaders in (1, 3):
        with FilePool(0) as pool:
            found.append(list(one_by_one(sounds, pool, tmp_path / str(loaders), loaders=loaders)))
        monkeypatch.setattr(Dataset, "__getitem__", met)
    assert found[0] == found[1]
    assert [part.chunk for part in found[1]] == list(range(12))


@pytest.mark.parametrize(("device", "processors", "loaders"), [("cpu", 16, 1), ("cuda:0", 16, 4), ("cuda:0", 1, 1)])
def test_threads_that_load_suit_the_device(
    monkeypatch: pytest.MonkeyPatch, device: str, processors: int, loaders: int
) -> None:
    monkeypatch.setattr(evaluation_module, "usable_processors", lambda: processors)
    assert evaluation_module._loaders(device) == loaders


def test_work_ahead_is_bounded_ordered_and_can_be_dropped() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 20:
            raise ValueError("twenty")
        return item * item

    results = ahead(work, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    results.close()
    assert len(begun) <= 3 + AHEAD + 1
    found = []
    with pytest.raises(ValueError, match="twenty"):
        found.extend(ahead(work, range(100)))
    assert max(begun) <= 20 + AHEAD + 1


def test_fresh_keeps_the_old_run_if_a_corpus_is_missing(tmp_path: Path) -> None:
    recipe = tmp_path / "needs_corpus.yaml"
    out = tmp_path / "out"
    folder = tmp_path / "corpus"
    for label in ("a", "b", "c"):
        for number in range(2):
            noise = np.random.default_rng(number).standard_normal(8000).astype(np.float32) * 0.1
            write(folder / label / f"{number}.wav", noise, 8000)
    recipe.write_text(
        "name: needs_corpus\nbuilder: sound_mix\ncorpora: {mine: {kind: folder}}\n"
        "params: {count: 2, sample_rate_hz: 8000, duration_s: 2.0, n_classes: [2, 2],"
        " event_s: [0.5, 1.0], events: {corpus: mine}}\n"
    )
    config = RunConfig.model_validate(
        {"name": "r", "datasets": [str(recipe)], "systems": ["silence"], "metrics": ["snr"]}
    )
    run(config, RunOptions(out=out, cache=tmp_path / "cache", corpus_dirs={"mine": folder}))
    before = sorted(path.name for path in (out / "rows").iterdir())
    with pytest.raises(CorpusError, match="--corpus mine=DIR"):
        run(config, RunOptions(out=out, cache=tmp_path / "cache", fresh=True))
    assert sorted(path.name for path in (out / "rows").iterdir()) == before


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ("wer", "metric 'wer' needs transcripts of the targets, and 'sounds' gives none: add a set of recordings with"),
        ("macro_f1", "metric 'macro_f1' needs class probabilities of a system, and 'sounds' gives none: add a system"),
    ],
)
def test_a_metric_that_can_have_no_value_stops_the_run_before_its_systems(
    metric: str, line: str, tmp_path: Path, sounds: Path
) -> None:
    content = {"name": "t", "datasets": [str(sounds)], "systems": ["mixture"], "metrics": ["snr", metric]}
    with pytest.raises(ConfigError, match=line):
        run(RunConfig.model_validate(content), RunOptions(out=tmp_path / "run", device="cpu"))
    assert not list((tmp_path / "run" / "rows").iterdir())
