"""Training items at other speeds and cut to segments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.voices import RATE_HZ, Voices

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.systems.training.augment import at_other_speeds, augmented, cut
from tsebench.systems.training.config import DataConfig
from tsebench.systems.training.data import collate


def data(**changes: object) -> DataConfig:
    content = {"dataset": "voices", "per_epoch": 1, "valid": 1, **changes}
    return parse(DataConfig, content, where="config")


def pitch_hz(signal: torch.Tensor) -> float:
    spectrum = torch.fft.rfft(signal * torch.hann_window(len(signal)), n=2**16).abs()
    return float(spectrum.argmax()) * RATE_HZ / 2**16


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_multiplies_the_pitch_of_target_and_enrollment(factor):
    item = Voices(1)[0]
    query, truth = at_other_speeds(item, (factor, factor), np.random.default_rng(0))
    before, after = item[1].target[0], truth.target[0]
    assert len(after) == round(1600 / factor)
    assert pitch_hz(after) == pytest.approx(factor * pitch_hz(before), abs=0.5)
    found_hz = pitch_hz(query.clues.enrollments[0])
    assert found_hz == pytest.approx(factor * pitch_hz(item[0].clues.enrollments[0]), abs=0.5)
    assert after.square().mean() == pytest.approx(before.square().mean().item(), rel=0.02)


def test_mixture_is_the_sum_of_its_sources_at_their_own_speeds():
    item = Voices(1)[0]
    query, truth = at_other_speeds(item, (0.8, 1.25), np.random.default_rng(3))
    torch.testing.assert_close(query.mixture, truth.target + truth.interferers.sum(0, True))
    ratios = [
        pitch_hz(after[0]) / pitch_hz(before[0])
        for before, after in ((item[1].target, truth.target),
                              (item[1].interferers, truth.interferers))
    ]  # fmt: skip
    assert abs(ratios[0] - ratios[1]) > 0.05
    assert all(0.79 < ratio < 1.26 for ratio in ratios)


def test_items_depend_on_their_index_alone():
    config = data(speed=[0.8, 1.25], segment_s=0.1)
    first, again = (augmented(Voices(1), config, training=True) for _ in range(2))
    _ = again[3]
    assert torch.equal(first[5][0].mixture, again[5][0].mixture)
    assert not torch.equal(first[5][0].mixture, first[7][0].mixture)
    assert (len(first), first.classes, first.fingerprint) == (10**6, (), "voices-1")


def test_segments_have_their_length_and_stay_together():
    stream, config = Voices(1), data(segment_s=0.1)
    query, truth = augmented(stream, config, training=False)[4]
    assert query.mixture.shape == truth.target.shape == truth.interferers.shape == (1, 800)
    torch.testing.assert_close(query.mixture, truth.target + truth.interferers)
    assert len(query.clues.enrollments[0]) == 800
    whole = stream[4][0].mixture[0].unfold(0, 800, 1)
    assert (whole == query.mixture[0]).all(dim=-1).sum() == 1


def test_what_is_shorter_stays_whole():
    item = augmented(Voices(1), data(segment_s=1.0), training=True)[0]
    assert torch.equal(item[0].mixture, Voices(1)[0][0].mixture)
    stream = Voices(1)
    assert augmented(stream, data(), training=True) is stream
    assert augmented(stream, data(speed=[0.9, 1.1]), training=False) is stream


def test_silence_of_the_target_is_avoided():
    query, truth = Voices(1)[0]
    truth.target[:, :1200] = 0.0
    for seed in range(20):
        _, answer = cut((query, truth), 800, np.random.default_rng(seed))
        assert answer.target.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"speed": [1.2, 0.8]}, "falls"), ({"speed": [0.1, 1.0]}, "must be 0.5 or more"),
     ({"segment_s": 0}, "greater than 0")],
)  # fmt: skip
def test_wrong_settings_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message):
        data(**changes)


def test_a_target_that_loses_words_loses_its_transcript():
    query, truth = Voices(1)[0]
    whole, truth = query.mixture.shape[-1], replace(truth, transcript="bin blue")
    rng = np.random.default_rng(0)
    assert cut((query, truth), whole, rng)[1].transcript == "bin blue"
    assert cut((query, truth), whole - 1, rng)[1].transcript is None
    slower = at_other_speeds((query, truth), (0.8, 0.8), rng)
    assert slower[1].transcript == "bin blue"
    silent = torch.cat([truth.target, torch.zeros_like(truth.target)], dim=1)
    with_silence = replace(truth, target=silent)
    assert at_other_speeds((query, with_silence), (0.8, 0.8), rng)[1].transcript == "bin blue"
    longer = replace(truth, target=torch.cat([truth.target, truth.target], dim=1))
    assert at_other_speeds((query, longer), (0.8, 0.8), rng)[1].transcript is None
    assert collate([(query, truth)]).transcripts == ("bin blue",)
