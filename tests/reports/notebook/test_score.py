"""`tsebench.score`: arrays, files and folders, with the options of the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import tsebench

RATE = 8000
RNG = np.random.default_rng(5)
REFERENCE = (0.1 * RNG.standard_normal(RATE)).astype(np.float32)
NOISE = (0.1 * RNG.standard_normal(RATE)).astype(np.float32)
ESTIMATE, MIXTURE = REFERENCE + 0.1 * NOISE, REFERENCE + NOISE


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def snr(estimate: np.ndarray, reference: np.ndarray) -> float:
    s, e = reference.astype(float), estimate.astype(float)
    return float(10 * np.log10((s @ s) / np.sum((s - e) ** 2)))


def save(folder: str, name: str, samples: np.ndarray) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    soundfile.write(f"{folder}/{name}.wav", samples.T, RATE, subtype="FLOAT")


def test_one_array() -> None:
    scores = tsebench.score(estimate=ESTIMATE, reference=REFERENCE, sample_rate_hz=RATE, jobs=1)
    assert set(scores.values) == {"sdr", "si_sdr", "snr"}
    assert scores.values["snr"] == pytest.approx(snr(ESTIMATE, REFERENCE), abs=1e-6)
    assert (scores.trials, scores.failed_trials, scores.out) == (1, 0, None)
    assert list(Path.cwd().glob("[!c]*")) == []  # nothing is left


def test_improvements_need_the_mixture_and_are_the_default_with_it() -> None:
    scores = tsebench.score(estimate=ESTIMATE, reference=REFERENCE, mixture=MIXTURE, sample_rate_hz=RATE, jobs=1)
    assert set(scores.values) == {"sdr", "si_sdr", "snr", "sdri", "si_sdri", "snri"}
    gain = snr(ESTIMATE, REFERENCE) - snr(MIXTURE, REFERENCE)
    assert scores.values["snri"] == pytest.approx(gain, abs=1e-6)
    assert set(scores.means().columns) == set(scores.values)
    with pytest.raises(tsebench.ConfigError, match="add mixtures="):
        tsebench.score(estimate=ESTIMATE, reference=REFERENCE, sample_rate_hz=RATE, metrics="si_sdri")


@pytest.mark.parametrize("metrics", ["snr, si_sdr", ["snr", "si_sdr"], ["snr,si_sdr"], [{"name": "snr"}, "si_sdr"]])
def test_metrics_are_names_or_specs(metrics: Any) -> None:
    scores = tsebench.score(estimate=ESTIMATE, reference=REFERENCE, sample_rate_hz=RATE, metrics=metrics, jobs=1)
    assert set(scores.values) == {"snr", "si_sdr"}


@pytest.mark.parametrize(
    "asked",
    [
        {"metrics": {"si_sdr": {"zero_mean": False}}},
        {"metrics": [{"name": "si_sdr", "options": {"zero_mean": False}}]},
        {"metrics": "si_sdr", "options": {"si_sdr": {"zero_mean": False}}},
        {"metrics": "si_sdr", "options": ["si_sdr.zero_mean=false"]},
    ],
)
def test_options_of_metrics(asked: dict[str, Any]) -> None:
    scores = tsebench.score(estimate=ESTIMATE + 0.5, reference=REFERENCE, sample_rate_hz=RATE, jobs=1, **asked)
    assert scores.values["si_sdr"] < 0  # the mean is kept, and is far above the noise


def test_several_arrays_by_place_and_by_name() -> None:
    listed = tsebench.score(
        estimates=[ESTIMATE, MIXTURE], references=[REFERENCE] * 2, sample_rate_hz=RATE, metrics="snr", jobs=1
    )
    assert listed.rows["trial_id"].tolist() == ["0", "1"]
    assert listed.values["snr"] == pytest.approx((snr(ESTIMATE, REFERENCE) + snr(MIXTURE, REFERENCE)) / 2, abs=1e-6)
    save("ref", "b", REFERENCE)
    save("ref/a", "c", REFERENCE)
    named = tsebench.score(
        estimates={"b": ESTIMATE, "a/c": MIXTURE, "extra": MIXTURE},
        references="ref",
        sample_rate_hz=RATE,
        metrics="snr",
        jobs=1,
    )
    assert named.rows["trial_id"].tolist() == ["a/c", "b"]
    assert named.unpaired == ("extra",)
    assert named.values == listed.values


def test_folders_as_on_the_command_line_with_a_run_folder(tmp_path: Path) -> None:
    for folder, samples in (("est", ESTIMATE), ("ref", REFERENCE), ("mix", MIXTURE)):
        save(folder, "u", samples)
    folders = {"estimates": "est", "references": tmp_path / "ref", "mixtures": "mix"}
    scores = tsebench.score(**folders, out="runs/mine", metrics="snri", jobs=1)
    assert scores.out == Path("runs/mine")
    assert tsebench.read_rows("runs/mine").equals(scores.rows)
    both = tsebench.score(**{**folders, "estimates": "mix"}, out="runs/mine", system="other", metrics="snri", jobs=1)
    assert set(both.rows["system"]) == {"estimates", "mixture", "other"}
    assert (both.system, both.values["snri"]) == ("other", 0.0)


def test_one_file(tmp_path: Path) -> None:
    save("here", "est", ESTIMATE)
    save("here", "ref", REFERENCE)
    scores = tsebench.score(estimate="here/est.wav", reference=tmp_path / "here/ref.wav", metrics="snr", jobs=1)
    assert scores.values["snr"] == pytest.approx(snr(ESTIMATE, REFERENCE), abs=1e-6)
    with pytest.raises(tsebench.ConfigError, match=r"estimate = 'here' is a folder; give estimates='here'"):
        tsebench.score(estimate="here", reference="here/ref.wav")
    with pytest.raises(
        tsebench.ConfigError, match=r"estimates = 'here/est.wav' is a file; give estimate='here/est.wav'"
    ):
        tsebench.score(estimates="here/est.wav", references="here")


def test_a_channel_of_several() -> None:
    stereo = np.stack([NOISE, ESTIMATE])
    with pytest.raises(tsebench.ConfigError, match=r"^estimate has 2 channels .* add channel=0 \.\.\. 1"):
        tsebench.score(estimate=stereo, reference=REFERENCE, sample_rate_hz=RATE)
    scores = tsebench.score(estimate=stereo, reference=REFERENCE, sample_rate_hz=RATE, channel=1, metrics="snr", jobs=1)
    assert scores.values["snr"] == pytest.approx(snr(ESTIMATE, REFERENCE), abs=1e-6)
    by_role = {"estimates": 1, "references": "mean"}
    both = tsebench.score(
        estimate=stereo, reference=[REFERENCE] * 2, sample_rate_hz=RATE, channel=by_role, metrics="snr", jobs=1
    )
    assert both.values["snr"] == pytest.approx(snr(ESTIMATE, REFERENCE), abs=1e-6)


OTHER = (0.1 * RNG.standard_normal(RATE)).astype(np.float32)
BOTH = REFERENCE + OTHER


def test_outputs_of_a_separator() -> None:
    outputs, references = np.stack([OTHER + 0.1 * NOISE, ESTIMATE]), np.stack([REFERENCE, OTHER])
    asked = {"mixture": BOTH, "sample_rate_hz": RATE, "metrics": "snri", "jobs": 1}
    best = tsebench.score(estimate=outputs, reference=references, permutation="si_sdr", **asked)
    wrong = tsebench.score(estimate=list(outputs), reference=list(references), permutation="none", **asked)
    assert best.values["snri"] > 15
    assert wrong.values["snri"] < 0
    gain = snr(ESTIMATE, REFERENCE) - snr(BOTH, REFERENCE)
    rows = best.rows[(best.rows["metric"] == "snri") & (best.rows["system"] == "estimates")]
    assert rows.set_index("trial_id").loc["s1/signal", "value"] == pytest.approx(gain, abs=1e-5)
    for folder, samples in (("o1", OTHER), ("o2", ESTIMATE), ("r1", REFERENCE), ("r2", OTHER), ("mix", BOTH)):
        save(folder, "u", samples)
    folders = tsebench.score(
        estimates=["o1", "o2"], references=["r1", "r2"], mixtures="mix", permutation="si_sdr", metrics="snri", jobs=1
    )
    assert folders.values["snri"] > 15
    several = tsebench.score(
        estimates={"u": outputs, "v": outputs[::-1]},
        references={"u": references, "v": references},
        sample_rate_hz=RATE,
        permutation="si_sdr",
        metrics="snr",
        jobs=1,
    )
    assert several.trials == 4
    assert several.values["snr"] > 15
    with pytest.raises(tsebench.ConfigError, match="estimate is one signal; with a permutation give an array"):
        tsebench.score(estimate=ESTIMATE, reference=references, sample_rate_hz=RATE, permutation="si_sdr")
    with pytest.raises(tsebench.UnknownNameError, match="unknown permutation 'best'"):
        tsebench.score(estimate=outputs, reference=references, sample_rate_hz=RATE, permutation="best")


def test_variants_and_claims() -> None:
    scores = tsebench.score(
        estimate=ESTIMATE, reference=REFERENCE, sample_rate_hz=RATE, metrics="snr", jobs=1, claimed={"snr": 20.0}
    )
    assert scores.variants is not None
    assert {"sdr", "si_sdr", "snr", "snr_swapped", "pesq_nb", "estoi"} <= set(scores.variants["variant"])
    assert scores.variants["claimed"].dropna().tolist() == ["snr=20.0"]
    assert "claimed snr=20.0" in scores.claims[0]


def test_an_estimate_that_is_not_finite_is_a_failed_row() -> None:
    scores = tsebench.score(estimate=ESTIMATE * np.nan, reference=REFERENCE, sample_rate_hz=RATE, metrics="snr", jobs=1)
    assert (scores.failed_trials, set(scores.rows["status"])) == (1, {"failed"})
    assert np.isnan(scores.values["snr"])


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, r"estimate= is missing; write score\(estimate=array"),
        ({"estimate": ESTIMATE}, "no references are given: add references="),
        ({"estimate": ESTIMATE, "variants": True}, "compare with references"),
        ({"estimate": ESTIMATE, "activity": {"signal": 3}}, "a list of pairs"),
        ({"estimate": ESTIMATE, "estimates": "est", "reference": REFERENCE}, "both estimate= and estimates= are given"),
        ({"estimates": ESTIMATE, "references": REFERENCE}, r"array of shape \[8000\]; give estimate= for one signal"),
        ({"estimates": 3, "references": REFERENCE}, "neither a folder nor signals"),
        ({"estimate": ESTIMATE, "reference": REFERENCE[: RATE // 2] * np.nan}, "reference holds NaN"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "channel": {"estimate": 1}}, "did you mean 'estimates'"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "metrics": "si_sdrr"}, "did you mean 'si_sdr'"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "metrics": 3}, "3 is not the name of a metric"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "options": {"wer": {}}}, "metrics= does not name"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "system": ""}, "^system= '' is empty"),
        ({"estimates": {"../x": ESTIMATE}, "references": {"x": REFERENCE}}, "cannot be the name of a trial"),
        ({"estimates": "est", "references": "ref"}, "'ref' does not exist; check references="),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "transcripts": 3}, "neither a CSV file nor a mapping"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "jobs": "2"}, "jobs = '2' is no whole number"),
        ({"estimate": ESTIMATE, "reference": REFERENCE, "claimed": {"si": 3}}, "metric of claimed= 'si'"),
    ],
)
def test_what_cannot_be_scored_is_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(tsebench.TsebenchError, match=line) as caught:
        tsebench.score(**{"sample_rate_hz": RATE, **given})
    assert len(str(caught.value)) < 500
    assert " --" not in str(caught.value)


def test_a_notebook_shows_the_leaderboard() -> None:
    scores = tsebench.score(
        estimate=ESTIMATE, reference=REFERENCE, sample_rate_hz=RATE, metrics="snr", system="<mine>", jobs=1
    )
    assert repr(scores) == "<Scores scores: <mine> on files; 1 trials; snr>"
    assert "<mine>" in str(scores)
    html = scores._repr_html_()
    assert "<table>" in html
    assert "&lt;mine&gt;" in html
    assert "<mine>" not in html
    assert scores.leaderboard._repr_html_() == html
    assert repr(scores.leaderboard) == "<Leaderboard of <mine> on files: 1 tables, 0 issues>"
    assert f"{scores.values['snr']:.2f}" in str(scores.leaderboard)


def test_a_claim_that_cannot_be_checked_is_refused_before_any_work() -> None:
    signal = np.sin(np.arange(8000) * 0.1)
    with pytest.raises(tsebench.ConfigError, match=r"needs mixtures"):
        tsebench.score(estimate=signal, reference=signal, sample_rate_hz=8000, claimed={"si_sdri": 15})


def test_without_references_metrics_that_need_none_have_values() -> None:
    scores = tsebench.score(
        estimates={"a": ESTIMATE, "b": ESTIMATE},
        transcripts={"a": "good dog", "b": "good cat"},
        recognised={"a": "good dog", "b": "bad cat"},
        metrics=[{"name": "ter", "options": {"backend": "given"}}, "si_sdr"],
        sample_rate_hz=RATE,
        jobs=1,
    )
    assert scores.values["ter"] == pytest.approx(25.0)
    (reason,) = scores.rows[scores.rows["metric"] == "si_sdr"]["reason"].unique()
    assert reason == "no_reference"
    assert scores.failed_trials == 0
