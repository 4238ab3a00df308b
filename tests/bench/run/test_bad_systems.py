"""Faults of a system cost its own trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.reasons import kind_of
from helpers.scripted import Scripted, assert_same, bad_system, go, keep_code, rows_of

from tsebench.bench.run.record import read_record
from tsebench.bench.run.runner import RunResult
from tsebench.bench.scoring.scorer import Pending, Scorer
from tsebench.datasets.dataset import load_dataset
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import SYSTEMS

pytestmark = pytest.mark.usefixtures("scripted", "code_read_once", "own_cache")


FAILURES = {
    "raise": "RuntimeError: broken here",
    "nothing": "TypeError: the system gave NoneType, not an Extraction",
    "batch shape": r"ValueError: estimate has shape [1, 1, 8000], not [1, 8000]",
    "too few": "ValueError: 0 estimates for 1 queries",
    "refuse": "no clue for it",
    "nan": "non_finite",
    "inf": "non_finite",
    "shape": "shape",
    "row of one": "shape",
    "number": "shape",
    "long": "length",
    "empty": "length",
    "list": "TypeError: estimate is of type list, not a tensor",
    "complex": "TypeError: estimate is torch.complex64, not real",
    "quantised": "TypeError: estimate is quantised (torch.qint8); give its numbers, as .dequantize() makes them",
    "sparse": "TypeError: estimate is a sparse tensor (torch.sparse_coo); give a dense one, as .to_dense() makes it",
    "meta": "TypeError: estimate is on the device 'meta' and holds no numbers",
}


# Where the estimate is resampled, what is no signal must get to the scorer as it is.
RESAMPLED = ["raise", "nan", "inf", "shape", "number", "long", "empty", "silence"]


@pytest.fixture(scope="module")
def clean(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int | None, Any]:
    """Rows of the fake when nothing goes wrong, by its rate."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SYSTEMS._entries, "scripted", Scripted)
        keep_code(patch)
        for rate_hz in (None, 11025):
            out = tmp_path_factory.mktemp("clean")
            patch.setenv("TSEBENCH_CACHE", str(out / "cache"))
            go(out / "run", sounds, systems=[bad_system("none", rate_hz=rate_hz)])
            found[rate_hz] = rows_of(out / "run")
    return found


@pytest.fixture(scope="module")
def spoilt(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int | None, tuple[Path, RunResult]]:
    """Runs of one system for each bad answer, by its rate."""
    bad = load_dataset(sounds).trials[3].id  # 1:0, among others in its batch
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SYSTEMS._entries, "scripted", Scripted)
        keep_code(patch)
        for rate_hz, acts in ((None, [*FAILURES, "silence"]), (11025, RESAMPLED)):
            out = tmp_path_factory.mktemp("spoilt")
            patch.setenv("TSEBENCH_CACHE", str(out / "cache"))
            systems = [{**bad_system(act, bad, rate_hz=rate_hz), "label": act.replace(" ", "_")} for act in acts]
            found[rate_hz] = (out / "run", go(out / "run", sounds, systems=systems, keep_estimates=True))
    return found


@pytest.mark.parametrize("rate_hz", [None, 11025])
def test_bad_answers_are_counted(rate_hz: int | None, spoilt: Mapping[int | None, tuple[Path, RunResult]]) -> None:
    acts = [*FAILURES, "silence"] if rate_hz is None else RESAMPLED
    assert spoilt[rate_hz][1].failed_trials == len(acts) - 1  # all but silence


@pytest.mark.parametrize(
    ("act", "rate_hz"), [*((act, None) for act in (*FAILURES, "silence")), *((act, 11025) for act in RESAMPLED)]
)
def test_a_bad_answer_costs_its_own_trial(
    act: str,
    rate_hz: int | None,
    clean: Mapping[int | None, Any],
    spoilt: Mapping[int | None, tuple[Path, RunResult]],
    sounds: Path,
) -> None:
    bad = load_dataset(sounds).trials[3].id
    out, _ = spoilt[rate_hz]
    title = act.replace(" ", "_")
    rows, good = rows_of(out).query("system == @title").reset_index(drop=True), clean[rate_hz]
    hit = (rows.trial_id == bad) & ~rows.metric.isin(["attenuation"])
    same = ["trial_id", "metric", "signature", "value", "status", "reason"]
    pd.testing.assert_frame_equal(rows.loc[~hit, same], good.loc[~hit, same], check_exact=True)
    assert hit.sum() == 4
    if act == "silence":
        assert set(rows[hit].status) == {"ok"}
        assert rows[hit].set_index("metric").value["si_sdr"] == -30.0
        return
    reason = FAILURES[act].replace("8000", str(rate_hz or 8000))
    assert set(rows[hit].status) == {"failed"}
    found = set(rows[hit].reason)
    assert (found if ":" in reason else set(map(kind_of, found))) == {reason}
    folder = next(Path(out, "estimates", "sounds").glob(f"{title}-*"))
    assert len(list(folder.glob("*.wav"))) == (12 if act == "long" else 11)  # none that could pass for a good one


def test_memory_that_runs_out_halves_the_batch(ragged: Path, tmp_path: Path) -> None:
    go(tmp_path / "a", ragged, systems=[bad_system("memory", "1")], batch_size=4)
    sizes = [len(ids) for ids in Scripted.batches]
    # Chunks of four: 4 and 2 do not fit, 1 does; the size stays down for the chunks after that.
    assert sizes == [4, 2] + [1] * 12
    go(tmp_path / "b", ragged, systems=[bad_system("memory", "9")], batch_size=4)
    same = ["trial_id", "metric", "value", "status", "reason"]
    pd.testing.assert_frame_equal(rows_of(tmp_path / "a")[same], rows_of(tmp_path / "b")[same])


def test_memory_that_never_suffices_fails_the_trials(sounds: Path, tmp_path: Path) -> None:
    result = go(tmp_path / "a", sounds, systems=[bad_system("memory", "0")], measure_cost=True)
    rows = rows_of(tmp_path / "a")
    assert set(rows[rows.status == "failed"].reason) == {"out of memory"}
    assert result.failed_trials == 12


@pytest.mark.parametrize("most", [0, 1, 3])
def test_memory_that_runs_out_while_scoring_splits_the_chunk(
    most: int, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(tmp_path / "whole", sounds, fresh=True)
    submit = Scorer.submit

    def small(self: Scorer, batch: Any) -> Pending:
        if sum(item.failure is None for item in batch) > most:
            raise torch.OutOfMemoryError
        return submit(self, batch)

    monkeypatch.setattr(Scorer, "submit", small)
    if most:
        go(tmp_path / "split", sounds, fresh=True)
        assert_same(tmp_path / "whole", tmp_path / "split")
    else:
        go(tmp_path / "split", sounds, fresh=True, metrics=("si_sdr",))
        failed = rows_of(tmp_path / "split").query("status == 'failed'")
        assert set(failed.reason) == {"out of memory while scoring"}
        assert len(failed) == 8


def test_a_system_may_work_in_place(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An oracle that spoils what it reads does not spoil what it is judged by."""

    class Vandal:
        card = SystemCard(name="vandal", family="oracle", description="a fake", privileged=True)

        def __init__(self, *, device: str = "cpu") -> None: ...

        def extract_with_truth(self, batch: QueryBatch, truths: Any) -> Extraction:
            estimate = batch.mixture[:, 0].clone()
            for row, truth in enumerate(truths):
                if truth.target is not None:
                    estimate[row] = truth.target[0]
                    truth.target.zero_()
                truth.interferers.zero_()
            batch.mixture.zero_()
            return Extraction(estimate=estimate)

    monkeypatch.setitem(SYSTEMS._entries, "vandal", Vandal)
    go(tmp_path / "a", sounds, systems=["vandal", "oracle_target"])
    rows = rows_of(tmp_path / "a").pivot_table(index=["trial_id", "metric"], columns="system", values="value")
    present = rows.loc[rows.index.get_level_values("metric") == "si_sdr"]
    assert len(present) == 8
    np.testing.assert_array_equal(present.vandal, present.oracle_target)


def test_a_system_whose_clue_does_not_fit_is_recorded(sounds: Path, speech: Path, tmp_path: Path) -> None:
    beam = {"name": "soundbeam", "options": {"checkpoint": "soundbeam_mini_1hot"}}
    go(tmp_path / "a", sounds, speech, systems=[beam, "mixture"])
    record = read_record(tmp_path / "a")
    assert record is not None
    assert record.datasets["speech"].systems == ("mixture",)
    assert record.datasets["speech"].skipped == {"soundbeam": "needs classes; the set gives enrollment"}
    assert record.datasets["sounds"].systems == ("soundbeam", "mixture")
    rows = rows_of(tmp_path / "a")
    assert set(rows[rows.system == "soundbeam"].dataset) == {"sounds"}
