"""`score --labelled`: sounds with labels in folders as DCASE names them, and every way in which files are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from tsebench.bench.folders.labelled_files import label_of, mixture_of
from tsebench.bench.folders.score import ScoreOptions, score_folders
from tsebench.bench.metrics.shared.class_aware import ca_sdri_db, capi_sdri_db
from tsebench.core.errors import ConfigError
from tsebench.systems.protocol import LabelledOutput

RATE_HZ, LENGTH = 8000, 4000
NOISE = np.random.default_rng(3).standard_normal((8, LENGTH)).astype(np.float32) * 0.1


def write(path: Path, signal: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, rate_hz, subtype="FLOAT")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two dogs and rain; one bell; nothing; mixtures have two channels."""
    dogs, rain, bell = NOISE[:2], NOISE[2], NOISE[3]
    for name, mixture in {"s_1": dogs.sum(axis=0) + rain, "s_2": bell + NOISE[4], "s_2_b": NOISE[5]}.items():
        write(tmp_path / "mix" / f"{name}.wav", np.stack([mixture, NOISE[7]], axis=1))
    write(tmp_path / "ref" / "s_1_0_dog.wav", dogs[0])
    write(tmp_path / "ref" / "s_1_1_dog.wav", dogs[1])
    write(tmp_path / "ref" / "s_1_rain_shower.wav", rain)
    write(tmp_path / "ref" / "s_2" / "bell.wav", bell)
    write(tmp_path / "est" / "s_1_0_dog.wav", dogs[1] + 0.1 * rain)
    write(tmp_path / "est" / "s_1_2_dog.wav", dogs[0] + 0.3 * rain)
    write(tmp_path / "est" / "s_2_cat.wav", bell)
    return tmp_path


def scored(root: Path, *metrics: str) -> pd.DataFrame:
    options = ScoreOptions(out=root / "out", metrics=metrics, labelled=True, channel="mixtures=0", jobs=0)
    done = score_folders(estimates=root / "est", references=root / "ref", mixtures=root / "mix", options=options)
    rows = pd.DataFrame(
        [{"trial": r.trial_id, "metric": r.metric, "value": r.value, "reason": r.reason} for r in done.rows]
    )
    return rows.set_index(["metric", "trial"])


@pytest.mark.parametrize(
    ("key", "mixture", "label"),
    [
        ("s_1_dog", "s_1", "dog"),
        ("s_1_0_dog", "s_1", "dog"),
        ("s_1/12_dog_bark", "s_1", "dog_bark"),
        ("s_2_b_cat", "s_2_b", "cat"),
        ("s_2_3", "s_2", "3"),
        ("s_3_dog", None, ""),
        ("s_1", None, ""),
    ],
)
def test_names(key: str, mixture: str | None, label: str) -> None:
    assert mixture_of(key, {"s_1", "s_2", "s_2_b"}) == mixture
    assert mixture is None or label_of(key, mixture) == label


def test_values_are_those_of_the_pure_functions(root: Path) -> None:
    rows = scored(root, "ca_sdri", "capi_sdri", "label_accuracy_sources", "snr")
    given = [torch.from_numpy(signal) for signal in NOISE]
    wanted = [LabelledOutput("dog", given[0]), LabelledOutput("dog", given[1]), LabelledOutput("rain_shower", given[2])]
    found = [LabelledOutput("dog", given[1] + 0.1 * given[2]), LabelledOutput("dog", given[0] + 0.3 * given[2])]
    mixture = given[0] + given[1] + given[2]
    for name, score in (("ca_sdri", ca_sdri_db), ("capi_sdri", capi_sdri_db)):
        assert rows.loc[(name, "s_1"), "value"] == pytest.approx(score(found, wanted, mixture), abs=1e-5)
        assert rows.loc[(name, "s_2"), "value"] == 0.0
        assert rows.loc[(name, "s_2_b"), "reason"].startswith("no_sources")
    assert rows.loc[("label_accuracy_sources", "s_1"), "value"] == pytest.approx(200 / 3)
    # Other metrics compare the sum of the outputs with the sum of the references.
    assert rows.loc[("snr", "s_2"), "value"] > 100.0
    assert rows.loc[("snr", "s_2_b"), "reason"] == "absent_target"


@pytest.mark.parametrize(
    ("path", "signal", "reason"),
    [
        ("est/s_1_0_dog.wav", NOISE[0, :3000], "length: s_1_0_dog has 3000 samples, the mixture has 4000"),
        ("est/s_1_0_dog.wav", np.full(LENGTH, np.nan, np.float32), "non_finite"),
        ("ref/s_1_0_dog.wav", NOISE[0, :3000], "reference: length: s_1_0_dog has 3000 samples"),
        ("ref/s_1_0_dog.wav", np.full(LENGTH, np.nan, np.float32), "reference: unreadable"),
        ("mix/s_1.wav", np.full(LENGTH, np.nan, np.float32), "mixture: unreadable"),
    ],
)
def test_a_bad_file_fails_its_mixture_alone(root: Path, path: str, signal: np.ndarray, reason: str) -> None:
    write(root / path, signal)
    rows = scored(root, "capi_sdri")
    assert rows.loc[("capi_sdri", "s_1"), "reason"].startswith(reason)
    assert rows.loc[("capi_sdri", "s_2"), "value"] == 0.0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ref/s_9_dog.wav", r"'s_9_dog' of --references belongs to no mixture, the first of which is 's_1'"),
        ("est", r"'s_9_dog' of --estimates belongs to no mixture"),
    ],
)
def test_names_that_fit_nothing_are_refused(root: Path, path: str, message: str) -> None:
    if path == "est":
        for file in (root / path).iterdir():
            file.unlink()
        path = "est/s_9_dog.wav"
    write(root / path, NOISE[0])
    with pytest.raises(ConfigError, match=message):
        scored(root)


def test_options_that_do_not_go_together_are_refused(root: Path) -> None:
    for more, message in (
        ({"permutation": "si_sdr"}, "leave out --permutation"),
        ({}, "--labelled needs the mixtures"),
    ):
        options = ScoreOptions(out=root / "out", labelled=True, **more)
        with pytest.raises(ConfigError, match=message):
            score_folders(
                estimates=root / "est",
                references=root / "ref",
                mixtures=root / "mix" if more else None,
                options=options,
            )
