"""`tsebench.extract`: arrays and files through a system, at any sample rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsebench
from tsebench.datasets.signals.audio import resample, write
from tsebench.systems.protocol import LabelledOutput

RATE = 8000
SIGNAL = (0.1 * np.random.default_rng(0).standard_normal(4000)).astype(np.float32)


class Gain:
    """A system of a notebook: a gain that follows the enrollment."""

    def __init__(self, sample_rate_hz: int | None = None, clues: frozenset[Any] = frozenset()) -> None:
        self.card = tsebench.SystemCard(
            name="gain", family="discriminative", description="gain", clues=clues, sample_rate_hz=sample_rate_hz
        )
        self.rates: list[int] = []

    def extract(self, batch: tsebench.QueryBatch) -> tsebench.Extraction:
        self.rates.append(batch.sample_rate_hz)
        gain = float(batch.clues[0].enrollments[0].abs().max()) if batch.clues[0].enrollments else 0.5
        return tsebench.Extraction(estimate=gain * batch.mixture[:, 0])


def test_an_array_comes_back_as_the_system_answers() -> None:
    assert np.array_equal(tsebench.extract("mixture", SIGNAL, RATE), SIGNAL)
    for given in (SIGNAL, SIGNAL[None], torch.from_numpy(SIGNAL), SIGNAL.astype(np.float64), SIGNAL.tolist()):
        found = tsebench.extract(Gain(), given, RATE)
        assert (found.dtype, found.shape) == (np.float32, SIGNAL.shape)
        np.testing.assert_allclose(found, 0.5 * SIGNAL, rtol=1e-6)


def test_a_query_has_its_clues_and_rate() -> None:
    clues = tsebench.Clues(enrollments=(torch.full((10,), 0.25),))
    query = tsebench.Query(id="q", mixture=torch.from_numpy(SIGNAL[None]), sample_rate_hz=RATE, clues=clues)
    np.testing.assert_allclose(tsebench.extract(Gain(), query), 0.25 * SIGNAL, rtol=1e-6)


def test_the_first_channel_of_several_is_what_mixture_gives() -> None:
    assert np.array_equal(tsebench.extract("mixture", np.stack([SIGNAL, -SIGNAL]), RATE), SIGNAL)


def test_the_system_gets_its_own_rate_and_the_caller_that_of_the_mixture() -> None:
    system = Gain(sample_rate_hz=16000)
    found = tsebench.extract(system, SIGNAL, RATE)
    assert system.rates == [16000]
    there = resample(SIGNAL, from_hz=RATE, to_hz=16000)
    back = resample(0.5 * there, from_hz=16000, to_hz=RATE)
    np.testing.assert_allclose(found, back[: len(SIGNAL)], atol=1e-7)


def test_files_have_their_own_rate(tmp_path: Path) -> None:
    write(tmp_path / "mix.wav", SIGNAL, RATE)
    write(tmp_path / "voice.wav", np.ones(16000, dtype=np.float32) * 0.25, 16000)
    system = Gain(clues=frozenset({"enrollment"}))
    found = tsebench.extract(system, tmp_path / "mix.wav", enrollment=str(tmp_path / "voice.wav"))
    assert np.abs(found).max() == pytest.approx(0.25 * np.abs(SIGNAL).max(), rel=0.2)  # a step rings when resampled
    several = tsebench.extract(system, SIGNAL, RATE, enrollment=[np.full(10, 0.25, np.float32), SIGNAL])
    np.testing.assert_allclose(several, 0.25 * SIGNAL, rtol=1e-6)


class Broken(Gain):
    def __init__(self, estimate: Any) -> None:
        super().__init__()
        self.estimate = estimate

    def extract(self, batch: tsebench.QueryBatch) -> tsebench.Extraction:
        if isinstance(self.estimate, Exception):
            raise self.estimate
        return tsebench.Extraction(estimate=self.estimate)


WANTS = frozenset({"classes"})


@pytest.mark.parametrize(
    ("arguments", "clue", "error", "line"),
    [
        (("mixtur", SIGNAL, RATE), {}, tsebench.UnknownNameError, "did you mean 'mixture'"),
        ((3, SIGNAL, RATE), {}, tsebench.ConfigError, "of type int is no system"),
        ((Gain, SIGNAL, RATE), {}, tsebench.ConfigError, r"give an instance: Gain\(\)"),
        (("oracle_target", SIGNAL, RATE), {}, tsebench.ConfigError, "reads the truth"),
        ((Gain(clues=WANTS), SIGNAL, RATE), {}, tsebench.ConfigError, "needs a clue: add classes="),
        ((Gain(), SIGNAL), {}, tsebench.ConfigError, "mixture is an array: add sample_rate_hz="),
        ((Gain(), SIGNAL, 8000.5), {}, tsebench.ConfigError, "is no rate in Hz"),
        ((Gain(), "mix.wav"), {}, tsebench.AudioError, "mix.wav"),
        ((Gain(), (SIGNAL * 1000).astype(np.int16), RATE), {}, tsebench.ConfigError, "divide integers"),
        ((Gain(), SIGNAL.reshape(-1, 2), RATE), {}, tsebench.ConfigError, "transpose it"),
        ((Gain(), np.zeros((2, 3, 4)), RATE), {}, tsebench.ConfigError, r"has shape \[2, 3, 4\]"),
        ((Gain(), np.zeros(0), RATE), {}, tsebench.ConfigError, r"has shape \[0\]"),
        ((Gain(), SIGNAL * np.nan, RATE), {}, tsebench.ConfigError, "NaN or infinite"),
        ((Gain(), object(), RATE), {}, tsebench.ConfigError, "mixture of type object is no array"),
        ((Gain(), SIGNAL, RATE), {"enrollment": np.stack([SIGNAL] * 2)}, tsebench.ConfigError, "2 channels"),
        ((Gain(), SIGNAL, RATE), {"device": "gpu"}, tsebench.ConfigError, "unknown device"),
        ((Broken(ValueError("no luck")), SIGNAL, RATE), {}, tsebench.ExtractionError, "ValueError: no luck"),
        ((Broken(torch.zeros(1, 10)), SIGNAL, RATE), {}, tsebench.ExtractionError, r"\[1, 10\], not \[1, 4000\]"),
        ((Broken([torch.zeros(10)]), SIGNAL, RATE), {}, tsebench.ExtractionError, "10 samples for a mixture of 4000"),
        ((Broken(torch.full((1, 4000), torch.nan)), SIGNAL, RATE), {}, tsebench.ExtractionError, "no finite signal"),
        ((Broken(None), SIGNAL, RATE), {}, tsebench.ExtractionError, "no estimate"),
    ],
)
def test_what_cannot_be_extracted_is_one_line(
    arguments: tuple[Any, ...], clue: dict[str, Any], error: type[Exception], line: str
) -> None:
    with pytest.raises(error, match=line) as caught:
        tsebench.extract(*arguments, **clue)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_classes_that_a_system_does_not_know_are_refused() -> None:
    system = Gain(clues=WANTS)
    system.card = tsebench.SystemCard(
        name="gain", family="discriminative", description="", clues=WANTS, classes=("cat", "dog")
    )
    with pytest.raises(tsebench.ConfigError, match=r"does not know class 'cow' \(known: cat, dog\)"):
        tsebench.extract(system, SIGNAL, RATE, classes=["cat", "cow"])
    assert tsebench.extract(system, SIGNAL, RATE, classes="dog").shape == SIGNAL.shape


class Labelling:
    """Answers with two labelled outputs, words, activity and classes."""

    def __init__(self) -> None:
        self.card = tsebench.SystemCard(
            name="labelling",
            family="external",
            description="x",
            classes=("Dog", "Cat"),
            labels_outputs=True,
            transcribes=True,
            detects_activity=True,
        )

    def extract(self, batch: tsebench.QueryBatch) -> tsebench.Extraction:
        mixture = batch.mixture[:, 0]
        outputs = [(LabelledOutput("Dog", 0.5 * row), LabelledOutput("Cat", 0.25 * row)) for row in mixture]
        return tsebench.Extraction(
            estimate=0.75 * mixture,
            outputs=outputs,
            transcripts=("good dog",) * len(batch),
            activity=torch.full((len(batch), 50), 0.5),
            class_probabilities=torch.tensor([[0.9, 0.1]] * len(batch)),
        )


def test_all_that_a_system_answers() -> None:
    found = tsebench.extract_all(Labelling(), SIGNAL, RATE)
    assert np.array_equal(found.estimate, tsebench.extract(Labelling(), SIGNAL, RATE))
    assert [label for label, _ in found.outputs] == ["Dog", "Cat"]
    np.testing.assert_allclose(found.outputs[1][1], 0.25 * SIGNAL, rtol=1e-6)
    assert found.transcript == "good dog"
    assert found.activity is not None
    assert found.activity.shape == (50,)
    assert found.class_probabilities == pytest.approx({"Dog": 0.9, "Cat": 0.1})
    plain = tsebench.extract_all("mixture", np.stack([SIGNAL, -SIGNAL]), RATE, reference_channel=1)
    assert (plain.outputs, plain.transcript, plain.class_probabilities) == ((), None, None)
    assert plain.channels is not None
    assert np.array_equal(plain.estimate, plain.channels[1])
    with pytest.raises(tsebench.ConfigError, match="reference_channel = 2"):
        tsebench.extract("mixture", np.stack([SIGNAL, -SIGNAL]), RATE, reference_channel=2)
