"""Runs of a system that recognises the target's speech: its words are scored, and kept with its estimates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from helpers.scripted import config, rows_of

from tsebench.bench.run.runner import RunOptions, run
from tsebench.core.errors import ConfigError
from tsebench.datasets.dataset import load_dataset
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import SYSTEMS

pytestmark = pytest.mark.usefixtures("own_cache", "code_read_once", "says", "scripted")


class Says:
    """Returns the mixture, and says what a test wants."""

    words: ClassVar[dict[str, str | None]] = {}
    asked: ClassVar[list[str]] = []

    def __init__(self, *, device: str = "cpu") -> None:
        self.card = SystemCard(name="says", family="external", description="a fake", transcribes=True)

    def extract(self, batch: QueryBatch) -> Extraction:
        Says.asked += batch.ids
        return Extraction(estimate=batch.mixture[:, 0], transcripts=tuple(Says.words.get(name) for name in batch.ids))


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS._entries, "says", Says)
    monkeypatch.setattr(Says, "words", {})
    monkeypatch.setattr(Says, "asked", [])


def go(out: Path, dataset: Path, *systems: str, cache: Path | None = None, **options: Any) -> None:
    metrics = ["si_sdr", {"name": "ts_asr_wer", "options": options}]
    options_ = RunOptions(out=out, device="cpu", jobs=0, chunk_trials=4, cache=cache)
    run(config(dataset, systems=list(systems), metrics=metrics, keep_estimates=True), options_)


def test_the_words_of_a_system_are_scored_and_kept(speech: Path, tmp_path: Path) -> None:
    dataset = load_dataset(speech)
    first, second, third, *_ = [trial.id for trial in dataset.trials]
    spoken = {trial.id: str(dataset[trial.id][1].transcript) for trial in dataset.trials}
    Says.words = {first: spoken[first].swapcase(), second: "", third: None}
    go(tmp_path / "run", speech, "mixture", "says")
    rows = rows_of(tmp_path / "run").query("metric == 'ts_asr_wer'").set_index(["system", "trial_id"])
    found = {trial: (rows.loc[("says", trial), "value"], rows.loc[("says", trial), "reason"]) for trial in spoken}
    assert found[first] == (0.0, "")
    assert found[second] == (100.0, "")
    assert found[third][1] == "no_recognition"
    assert rows.loc[("says", first), "detail"] == spoken[first].swapcase()
    assert set(rows.loc["mixture", "reason"]) == {"no_recognition"}
    # Another setting takes the words that are kept, and asks nobody again.
    Says.asked.clear()
    Says.words = {}
    go(tmp_path / "run", speech, "mixture", "says", cache=tmp_path / "none", normaliser="none")
    assert Says.asked == []
    rows = rows_of(tmp_path / "run").query("metric == 'ts_asr_wer'").set_index(["system", "trial_id"])
    assert rows.loc[("says", first), "value"] == 100.0
    assert rows.loc[("says", first), "weight"] == len(spoken[first].split())


def test_a_run_without_such_a_system_is_refused(speech: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metric 'ts_asr_wer' needs transcripts of a system.*`transcribes`"):
        go(tmp_path / "run", speech, "mixture")


@pytest.mark.parametrize(
    ("words", "more", "reason"),
    [("one", 1, "2 transcripts for 1 queries: give one for each"), (1, 0, "a transcript is of type int, not str")],
)
def test_wrong_transcripts_fail(words: Any, more: int, reason: str, speech: Path, tmp_path: Path) -> None:
    def extract(_: Says, batch: QueryBatch) -> Extraction:
        return Extraction(estimate=batch.mixture[:, 0], transcripts=(words,) * (len(batch.ids) + more))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Says, "extract", extract)
        go(tmp_path / "run", speech, "says")
    rows = rows_of(tmp_path / "run").query("system == 'says' and metric == 'si_sdr'")
    assert set(rows["status"]) == {"failed"}
    assert all(reason in each for each in rows["reason"])
