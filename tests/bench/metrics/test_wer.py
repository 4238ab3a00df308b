"""`wer` on real runs: a recogniser on the embedded speech, folders with transcripts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import jiwer
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from tsebench.bench.asr.normalise import open_normaliser
from tsebench.bench.config import load_run_config
from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.metrics.registry import MetricContext, load_metric
from tsebench.bench.metrics.wer import Wer
from tsebench.bench.outcome import Score
from tsebench.bench.rows import read_rows
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricSpec, parse_metrics, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.cli import main as cli
from tsebench.core.errors import ConfigError
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.signals.audio import resample

CONFIG = """
name: recognised
datasets: [{dataset: SET, metrics: [si_sdri, wer]}]
systems: [mixture, silence, oracle_irm]
measure_cost: false
"""
SET = """
name: recognised_set
builder: speech_mix
corpora: {speech: {kind: synthetic_speech}}
params: {count: 4, sample_rate_hz: 16000, n_speakers: 2, mode: max, speech: {corpus: speech}}
"""
PARTS = ("wer_substitutions", "wer_deletions", "wer_insertions")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """A run of three systems on eight trials."""
    folder = tmp_path_factory.mktemp("recognised")
    (folder / "set.yaml").write_text(SET)
    (folder / "run.yaml").write_text(CONFIG.replace("SET", str(folder / "set.yaml")))
    config = load_run_config(str(folder / "run.yaml"))
    run(config, RunOptions(out=folder / "out", device="cpu", cache=folder / "cache"))
    return read_rows(folder / "out")


@pytest.mark.long
def test_clean_is_understood_mixtures_are_not_and_the_oracle_helps(rows: pd.DataFrame) -> None:
    cells = {(c.system, c.metric): c.mean for c in aggregate(rows, resamples=10)}
    assert cells["mixture", "wer_reference"] <= 15.0
    assert cells["mixture", "wer"] >= 3.0 * max(10.0, cells["mixture", "wer_reference"])
    assert cells["oracle_irm", "wer"] <= 0.5 * cells["mixture", "wer"]
    assert cells["silence", "wer"] == 100.0


@pytest.mark.long
def test_every_trial_has_counts_that_jiwer_agrees_with(rows: pd.DataFrame) -> None:
    normal = open_normaliser("basic")
    corpus = SyntheticSpeech()
    said = {r.transcript for r in corpus.recordings()}
    table = rows.pivot(index=["system", "trial_id"], columns="metric", values="value")
    np.testing.assert_allclose(table[list(PARTS)].sum(axis=1), table["wer"], atol=1e-9)
    words = rows[rows["metric"] == "wer"]
    assert (words["weight"] == 6).all()
    assert (words.loc[words["system"] == "silence", "detail"] == "").all()
    mixture = words[words["system"] == "mixture"]
    for text, value in zip(mixture["detail"], mixture["value"], strict=True):
        possible = {round(100 * jiwer.wer(normal(str(t)), normal(text)), 6) for t in said}
        assert round(value, 6) in possible


@pytest.mark.long
def test_the_value_of_a_set_is_pooled_over_words(rows: pd.DataFrame) -> None:
    uneven = rows[(rows["system"] == "mixture") & (rows["metric"] == "wer")].copy()
    uneven["weight"] = np.arange(1.0, len(uneven) + 1.0)
    (cell,) = aggregate(uneven, resamples=10)
    errors = uneven["value"] * uneven["weight"]
    assert cell.mean == pytest.approx(errors.sum() / uneven["weight"].sum())
    assert cell.trial_mean == pytest.approx(uneven["value"].mean())


# Alone --------------------------------------------------------------------------------------------


def speech() -> tuple[torch.Tensor, str]:
    corpus = SyntheticSpeech(utterances=1)
    recording = next(r for r in corpus.recordings() if r.split == "test")
    samples, rate = corpus.read(recording.path)
    at_16k = resample(samples, from_hz=rate, to_hz=16000)
    return torch.from_numpy(at_16k), str(recording.transcript)


def scored(items: Sequence[Scorable], **options: object) -> list[Score]:
    plan = plan_metrics(
        [MetricSpec(name="wer", options=options)], context=MetricContext(grammar=SyntheticSpeech().grammar())
    )
    with FilePool(0) as pool:
        found = Scorer(plan, sample_rate_hz=16000, device="cpu", pool=pool).submit(items).result()
    return [score for score in found if score.metric == "wer"]


def item(transcript: str | None, estimate: torch.Tensor | None = None) -> Scorable:
    signal, _ = speech()
    judged = signal if estimate is None else estimate
    return Scorable(trial_id="t", estimate=judged, reference=signal, mixture=signal, facts=Facts(transcript=transcript))


def test_a_trial_without_words_has_no_rate() -> None:
    found = scored([item(None), item(""), item("[loud_breath]")], marks="wsj")
    assert [(s.status, s.reason) for s in found] == [("undefined", "no_transcript")] * 3


def test_marks_of_wsj_are_no_words_where_the_setting_says_so() -> None:
    _, said = speech()
    first, *rest = said.split()
    marked = " ".join([first, r"\,COMMA", "[door_slam]", *rest])
    plain, cleaned = scored([item(said), item(marked)], marks="wsj")
    assert plain.value == cleaned.value
    assert cleaned.weight == len(said.split())
    (kept,) = scored([item(marked)])
    assert kept.weight == len(said.split()) + 3  # comma, door, slam


def test_the_signature_names_all_that_counts() -> None:
    metric = load_metric("wer", context=MetricContext(grammar=SyntheticSpeech().grammar()))
    assert isinstance(metric, Wer)
    assert metric.signature(8000).startswith("wer|pocketsphinx:")
    assert metric.signature(8000).endswith("|fs:8000>16000|soxr:VHQ")
    assert metric.signature(16000).endswith("|fs:16000")
    other = load_metric("wer", {"normaliser": "none"})
    assert "|none:2|language:en|" in other.signature(16000)
    assert "|lm:" in other.signature(16000)


def test_a_grammar_file_replaces_that_of_the_dataset(tmp_path: Path) -> None:
    path = tmp_path / "one.gram"
    path.write_text("#JSGF V1.0;\ngrammar one;\npublic <s> = one ;\n")
    (score,) = scored([item("one")], grammar_file=str(path))
    assert score.detail in {"one", ""}
    with pytest.raises(ConfigError, match=r"metric 'wer': cannot read grammar_file .*none\.gram"):
        scored([item("one")], grammar_file=str(tmp_path / "none.gram"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "siri"}, r"unknown recogniser 'siri'"),
        ({"backend": "whisper:/nowhere/model.pt"}, r"/nowhere/model\.pt"),
        ({"normaliser": "french"}, r"unknown normaliser 'french'"),
        ({"language": "hi"}, r"recogniser 'pocketsphinx' knows English only, and the language is 'hi'"),
        ({"language": "Hindi"}, r"language 'Hindi' is no code"),
        ({"language": "de", "normaliser": "whisper_en"}, r"'whisper_en' is for English"),
        ({"beam": 5}, r"metric 'wer': unknown key 'beam'"),
    ],
)
def test_wrong_settings_are_told_at_once(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_metric("wer", options).signature(16000)


# Folders ------------------------------------------------------------------------------------------


def test_score_reads_transcripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signal, said = speech()
    for folder in ("ref", "est"):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            soundfile.write(tmp_path / folder / f"{name}.wav", signal.numpy(), 16000)
    with (tmp_path / "said.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "text"), ("a.wav", said), ("b", "")])
    grammar = tmp_path / "g.gram"
    grammar.write_text(SyntheticSpeech().grammar())
    arguments = ["--estimates", tmp_path / "est", "--references", tmp_path / "ref"]
    arguments += ["--out", tmp_path / "out", "--metrics", "wer", "--tracking-uri", "none"]
    arguments += ["--transcripts", tmp_path / "said.csv"]
    arguments += ["--option", f"wer.grammar_file={grammar}"]
    with pytest.raises(SystemExit) as stop:
        cli.main(["score", *map(str, arguments)])
    assert stop.value.code == 0, capsys.readouterr().err
    found = read_rows(tmp_path / "out").set_index(["trial_id", "metric"])
    assert found.loc[("a", "wer"), "value"] <= 20.0
    assert found.loc[("a", "wer"), "value"] == found.loc[("a", "wer_reference"), "value"]
    assert found.loc[("b", "wer"), "reason"] == "no_transcript"


def test_settings_on_the_command_line() -> None:
    found = parse_metrics(["wer", "pesq"], ["wer.backend=whisper:tiny", "pesq.mode=nb"])
    assert found == (
        MetricSpec(name="wer", options={"backend": "whisper:tiny"}),
        MetricSpec(name="pesq", options={"mode": "nb"}),
    )
    for wrong, message in {
        "backend=x": "is not METRIC.KEY=VALUE",
        "wer.backend": "is not KEY=VALUE",
        "ber.backend=x": "sets metric 'ber', which --metrics does not name; did you mean 'wer'",
    }.items():
        with pytest.raises(ConfigError, match=message):
            parse_metrics(["wer"], [wrong])


def test_one_metric_has_one_setting() -> None:
    choices = [MetricSpec(name="pesq", options={"mode": "nb"}), MetricSpec(name="pesqi", options={"mode": "wb"})]
    with pytest.raises(ConfigError, match=r"metric 'pesq' is asked for with the settings"):
        plan_metrics(choices)
