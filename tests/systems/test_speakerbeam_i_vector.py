"""SpeakerBeam with i-vectors: unseen voices, training, resuming, checkpoints, errors."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import soundfile
import torch
from helpers.paths import SHARED
from helpers.voices import RATE_HZ, Voices, fit, train_config
from rich.console import Console
from torch import Tensor

from tsebench.core.errors import ConfigError, DatasetError, TsebenchError
from tsebench.core.validation import parse
from tsebench.datasets.dynamic import open_stream
from tsebench.datasets.types import Query, Truth
from tsebench.systems.checkpoints.checkpoint import find_checkpoint, load_checkpoint, read_checkpoint_card
from tsebench.systems.nets.enrollment import join_enrollments
from tsebench.systems.nets.i_vector.extractor import IVectorConfig, IVectorExtractor
from tsebench.systems.nets.i_vector.fit import fit_extractor
from tsebench.systems.nets.speakerbeam import SpeakerBeamConfig
from tsebench.systems.registry import load_system
from tsebench.systems.training.state import LAST
from tsebench.systems.training.train import train

pytestmark = pytest.mark.slow

NAME = "speakerbeam"
DIGITS = SHARED / "digits"
TINY = {"window": 64, "stride": 16, "lstm_hidden": 8, "hidden": 10, "aux_hidden": 6}
TINY |= {"embedding_dim": 4, "conditioning": "multiplication", "representation": "i_vector"}
TINY |= {"i_vector_dim": 3, "i_vector_recordings": 24, "ubm_components": 4, "ubm_frames": 2000}
TINY |= {"mfcc_normalise": "none", "i_vector_rounds": 3, "ubm_rounds": 3}
FITTED = "i-vector extractor, fitted to the enrollments of the first 24 trials of training"


class Recorded(Voices):
    """Notes what it was tested for; raises at one index."""

    def __init__(self, seed: int, *, fails_at: int | None = None, **options: object) -> None:
        super().__init__(seed, **options)
        self.tested: list[int] = []
        self.fails_at = fails_at

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        self.tested.append(index)
        if self.tested.count(index) == 3 and index == self.fails_at:
            raise DatasetError("gone")
        return super().__getitem__(index)


def extractor_of(folder) -> dict[str, Tensor]:
    state = load_checkpoint(folder, architecture=NAME).state
    return {name: value for name, value in state.items() if name.startswith("i_vectors.")}


# Voices.


@cache
def enrollments(split: str, count: int) -> tuple[list[Tensor], list[str]]:
    """Sentences of the embedded voices of a split, each once, and who says them."""
    stream = open_stream("mini_speech", split=split, seed=5, corpus_dirs={})
    found: dict[float, tuple[Tensor, str]] = {}
    for index in range(count):
        query, truth = stream[index]
        sentence = query.clues.enrollments[0]
        found.setdefault(float(sentence.double().sum()), (sentence, truth.target_labels[0]))
    return [sentence for sentence, _ in found.values()], [label for _, label in found.values()]


def equal_error_rate(vectors: Tensor, labels: list[str]) -> float:
    """Equal error rate of cosines: false rejections as often as false acceptances."""
    directions = torch.nn.functional.normalize(vectors.double(), dim=1)
    pairs = np.triu_indices(len(labels), 1)
    cosines = (directions @ directions.T).numpy()[pairs]
    names = np.array(labels)
    same = (names[:, None] == names[None])[pairs]
    thresholds = np.sort(cosines)
    refused = np.searchsorted(np.sort(cosines[same]), thresholds) / same.sum()
    taken = 1.0 - np.searchsorted(np.sort(cosines[~same]), thresholds) / (~same).sum()
    crossing = np.argmin(np.abs(refused - taken))
    return float(refused[crossing] + taken[crossing]) / 2


def test_equal_error_rate_of_a_known_case():
    directions = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    assert equal_error_rate(directions, ["a", "a", "b", "b"]) == 0.0
    assert equal_error_rate(directions, ["a", "b", "a", "b"]) >= 0.5


@pytest.mark.long
@pytest.mark.parametrize("normalise", ["none", "mean_variance"])
def test_sentences_of_one_unheard_voice_are_nearer_than_those_of_two(normalise):
    config = IVectorConfig(
        i_vector_dim=20, i_vector_recordings=240, ubm_components=32, ubm_frames=40_000,
        ubm_rounds=6, i_vector_rounds=5, mfcc_normalise=normalise,
    )  # fmt: skip
    fitted_to, known = enrollments("train", 240)
    tested, labels = enrollments("test", 400)
    assert (len(set(labels)), set(labels) & set(known)) == (8, set())
    torch.manual_seed(0)
    extractor = IVectorExtractor(config)
    recordings = join_enrollments([(signal,) for signal in tested], device="cpu")
    random = equal_error_rate(extractor(*recordings), labels)
    batches = [
        join_enrollments([(signal,) for signal in fitted_to[start : start + 16]], device="cpu")
        for start in range(0, len(fitted_to), 16)
    ]
    fit_extractor(extractor, lambda: batches, seed=0)
    fitted = equal_error_rate(extractor(*recordings), labels)
    assert fitted < 0.12
    assert fitted < 0.5 * random


@pytest.mark.skipif(not DIGITS.is_dir(), reason="shared/data/digits is missing")
def test_real_talkers_are_distinguished():
    config = IVectorConfig(
        i_vector_dim=3, i_vector_recordings=120, ubm_components=32, ubm_frames=30_000,
        ubm_rounds=8, i_vector_rounds=6,
    )  # fmt: skip
    files = sorted(DIGITS.glob("*/*.flac"))
    signals = [(torch.from_numpy(soundfile.read(path, dtype="float32")[0]),) for path in files]
    assert len(files) == 240
    # Every second sentence of the four talkers is for fitting, the others for testing.
    fitted_to, tested = (join_enrollments(signals[first::2], device="cpu") for first in (0, 1))
    torch.manual_seed(0)
    extractor = IVectorExtractor(config)
    fit_extractor(extractor, lambda: [fitted_to], seed=0)
    labels = [path.parent.name for path in files[1::2]]
    assert equal_error_rate(extractor(*tested), labels) < 0.02


# Training.


def test_it_learns_to_follow_an_i_vector(tmp_path):
    net = {**TINY, "embedding_dim": 10, "lstm_hidden": 16, "hidden": 20}
    settings = train_config(NAME, net, per_epoch=160, batch_size=8, epochs=6, lr=2e-2, schedule="cosine")
    result = fit(settings, tmp_path)
    assert result.best_loss < -6.0
    load_system(NAME, checkpoint=str(result.checkpoint))
    assert read_checkpoint_card(tmp_path).prepared.startswith(FITTED)


def test_training_leaves_the_extractor_as_it_was_fitted(tmp_path):
    fit(train_config(NAME, TINY), tmp_path / "one")
    fit(train_config(NAME, TINY, epochs=3), tmp_path / "three")
    one, three = extractor_of(tmp_path / "one"), extractor_of(tmp_path / "three")
    assert len(one) == 6
    assert all(torch.equal(one[name], three[name]) for name in one)


def test_run_that_died_in_its_first_epoch_does_not_fit_again(tmp_path):
    settings = train_config(NAME, TINY, epochs=2)
    fit(settings, tmp_path / "whole")
    # The third time that an item is tested for is in the first epoch, after two passes of the fit.
    with pytest.raises(DatasetError, match="gone"):
        fit(settings, tmp_path / "died", stream=Recorded(1, fails_at=9))
    assert not (tmp_path / "died/model.pt").exists()
    stream = Recorded(1)
    fit(settings, tmp_path / "died", stream=stream)
    assert sorted(stream.tested) == list(range(32))
    assert (tmp_path / "whole/model.pt").read_bytes() == (tmp_path / "died/model.pt").read_bytes()
    assert (tmp_path / "whole/card.json").read_bytes() == (tmp_path / "died/card.json").read_bytes()


def test_run_that_was_stopped_between_epochs_keeps_what_its_card_says(tmp_path):
    fit(train_config(NAME, TINY, epochs=2), tmp_path / "whole")
    fit(train_config(NAME, TINY, epochs=1), tmp_path / "parts")
    fit(train_config(NAME, TINY, epochs=2), tmp_path / "parts")
    assert (tmp_path / "whole/model.pt").read_bytes() == (tmp_path / "parts/model.pt").read_bytes()
    assert read_checkpoint_card(tmp_path / "parts").prepared.startswith(FITTED)


def test_state_of_a_run_from_before_there_was_fitting_is_resumed(tmp_path):
    settings = train_config(NAME, {**TINY, "representation": "jointly_learned"})
    fit(settings, tmp_path)
    assert read_checkpoint_card(tmp_path).prepared == ""
    content = torch.load(tmp_path / LAST, weights_only=True)
    assert content.pop("prepared") == ""
    torch.save(content, tmp_path / LAST)
    longer = train_config(NAME, {**TINY, "representation": "jointly_learned"}, epochs=2)
    assert fit(longer, tmp_path).epochs == 2


def test_the_seed_decides_the_fit_and_processes_do_not(tmp_path):
    base = train_config(NAME, TINY)
    forked = base.model_copy(update={"data": base.data.model_copy(update={"render_processes": 1})})
    other = base.model_copy(update={"seed": 1})
    for folder, settings in (("base", base), ("forked", forked), ("other", other)):
        fit(settings, tmp_path / folder)
    weights = {name: (tmp_path / name / "model.pt").read_bytes() for name in ("base", "forked")}
    assert weights["base"] == weights["forked"]
    means = [extractor_of(tmp_path / name)["i_vectors.ubm_means"] for name in ("base", "other")]
    assert not torch.equal(*means)


def test_progress_of_the_fit_is_reported(tmp_path):
    console = Console(file=io.StringIO(), width=200)
    train(train_config(NAME, TINY), streams=(Voices(1), Voices(2)), out=tmp_path, device="cpu", console=console)
    lines = console.file.getvalue().splitlines()
    assert [line.partition(" in ")[0] for line in lines[:4]] == [
        "features for i-vectors: 24/24",
        "fitting the background model: 3/3",
        "statistics for i-vectors: 24/24",
        "fitting the total variability: 3/3",
    ]


# Checkpoints and errors.


def test_a_checkpoint_from_before_i_vectors_still_opens():
    path = find_checkpoint("speakerbeam_mini_film")
    assert "representation" not in read_checkpoint_card(path).net
    assert not any(name.startswith("i_vectors") for name in extractor_of(path))
    load_system(NAME, checkpoint="speakerbeam_mini_film")


class Short(Voices):
    def __len__(self) -> int:
        return 20


class Faster(Voices):
    sample_rate_hz = 16000

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        query, truth = super().__getitem__(index)
        return replace(query, sample_rate_hz=16000), truth


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (Voices(1, enrolled=False), "trial 'm0' of the training data has no enrollment"),
        (Short(1), "has 20 mixtures, but system 'speakerbeam' is fitted to 24 before training"),
        (Faster(1), "mfcc_rate_hz is 8000, but the training data are at 16000 Hz; set net."),
    ],
)
def test_data_that_cannot_be_fitted_to_are_one_line(stream, message, tmp_path):
    valid = Faster(2) if stream.sample_rate_hz != RATE_HZ else Voices(2)
    with pytest.raises(TsebenchError, match=message) as caught:
        train(train_config(NAME, TINY), streams=(stream, valid), out=tmp_path, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conditioning": "attention"}, "set representation: jointly_learned, or another"),
        ({"representation": "x_vector"}, "i_vector"),
        ({"i_vector_dim": 24}, "i_vector_recordings 24 cannot whiten i_vector_dim 24"),
        ({"mfcc_ceps": 30}, "mfcc_ceps 30 is more than mfcc_mels 24"),
        ({"mfcc_stride": 300}, "mfcc_stride 300 is longer than mfcc_window 200"),
        ({"mfcc_deltas": 3}, "mfcc_deltas"),
        ({"ubm_components": 0}, "ubm_components"),
    ],
)
def test_wrong_sizes_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(SpeakerBeamConfig, {**TINY, **changes}, where="net")
    assert "\n" not in str(caught.value)
