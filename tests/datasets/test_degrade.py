"""Sets over sets: levels of degradations by their closed forms."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tsebench.core.errors import ConfigError, DatasetError, TsebenchError
from tsebench.datasets.api import load_dataset
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.dataset import load_dataset as open_folder
from tsebench.datasets.degrade import checked_sweeps, degraded
from tsebench.datasets.manifest import fingerprint, write_manifest
from tsebench.datasets.signals.audio import write
from tsebench.datasets.sweep_spec import Level, SweepSpec
from tsebench.datasets.types import Clip

RATE_HZ = 8000


@cache
def plain(count: int = 2) -> Dataset:
    return load_dataset("mini_speech", settings={"params.count": count})


def level_of(name: str, level: Level, of: Dataset | None = None, **options: Any) -> Dataset:
    return degraded(of or plain(), SweepSpec(degradation=name, levels=(level,), options=options), level)


def power_db(signal: Tensor) -> float:
    return float(10 * torch.log10(signal.double().square().mean()))


@pytest.mark.parametrize("spectrum", ["speech", "white"])
@pytest.mark.parametrize("to", ["mixture", "enrollment"])
def test_noise_has_its_level_and_the_same_samples_at_every_level(spectrum: str, to: str) -> None:
    signals = [level_of("noise", level, spectrum=spectrum, to=to)[0][0] for level in (10.0, -5.0)]
    query = plain()[0][0]

    def of(each: Any) -> Tensor:
        chosen = each.mixture[0] if to == "mixture" else each.clues.enrollments[0]
        assert isinstance(chosen, Tensor)
        return chosen

    quiet, loud = (of(each) - of(query) for each in signals)
    assert power_db(of(query)) - power_db(quiet) == pytest.approx(10.0, abs=0.01)
    assert power_db(of(query)) - power_db(loud) == pytest.approx(-5.0, abs=0.01)
    assert torch.allclose(quiet * 10 ** (15 / 20), loud, atol=1e-5)


def test_a_degraded_mixture_is_the_same_for_all_its_trials() -> None:
    found = level_of("noise", 0)
    assert found.trials[0].mixture_id == found.trials[1].mixture_id
    assert torch.equal(found[0][0].mixture, found[1][0].mixture)
    assert not torch.equal(found[0][0].mixture, found[2][0].mixture)


def test_input_snr_is_exact_and_scales_the_interferers() -> None:
    found = level_of("input_snr", -5)
    for trial, (query, truth) in zip(found.trials, found, strict=True):
        assert truth.target is not None
        assert power_db(truth.target) - power_db(query.mixture - truth.target) == pytest.approx(-5.0, abs=1e-3)
        assert torch.allclose(truth.interferers.sum(dim=0), (query.mixture - truth.target)[0], atol=1e-5)
        assert trial.tags["input_snr_db"] == -5


def test_clipping_is_below_the_peak() -> None:
    query, own = level_of("clipping", 6)[0][0], plain()[0][0]
    limit = own.mixture.abs().max() * 10 ** (-6 / 20)
    assert torch.allclose(query.mixture, own.mixture.clamp(-limit, limit), atol=1e-7)
    assert level_of("clipping", 0)[0][0].mixture.equal(own.mixture)


def test_a_band_passes_aligned_and_stops_what_is_outside() -> None:
    query, own = level_of("band_limit", 2000, low_hz=300)[0][0], plain()[0][0]
    spectra = [np.fft.rfft(each.mixture[0].numpy()) for each in (query, own)]
    hz = np.fft.rfftfreq(own.mixture.shape[-1], 1 / RATE_HZ)
    inside = (hz > 400) & (hz < 1900)
    # A delay of one sample would turn the phase at 1900 Hz by 85 degrees.
    ratio = np.vdot(spectra[1][inside], spectra[0][inside]) / np.vdot(spectra[1][inside], spectra[1][inside])
    assert ratio == pytest.approx(1.0, abs=0.01)
    outside = (hz < 200) | (hz > 2100)
    energies = [float(np.sum(np.abs(each[outside]) ** 2)) for each in spectra]
    assert 10 * np.log10(energies[0] / energies[1]) < -35


@pytest.mark.parametrize("to", ["mixture", "enrollment"])
def test_reverberation_keeps_the_direct_sound(to: str) -> None:
    """A response is 1 at the first sample; what is added has the energy that was asked for."""
    found, own = level_of("reverberation", 0.5, direct_to_reverberant_db=6.0, to=to)[0], plain()[0]
    wet, dry = (each[0].mixture[0] if to == "mixture" else each[0].clues.enrollments[0] for each in (found, own))
    tail = wet - dry
    first = int(dry.abs().gt(1e-4).nonzero()[0])
    assert float(tail[: first + 20].abs().max()) < 1e-4, "2.5 ms without a reflection"
    assert power_db(dry) - power_db(tail) == pytest.approx(6.0, abs=2.5)
    spectra = np.fft.rfft(wet.numpy(), 2 * len(wet)), np.fft.rfft(dry.numpy(), 2 * len(dry))
    correlation = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
    assert int(np.argmax(correlation)) == 0


def test_a_response_decays_by_60_db_in_its_time() -> None:
    from tsebench.datasets.degradations.reverberation import Reverberation
    from tsebench.datasets.protocols.degradation import Rendering

    of = Rendering(mixture=None, signals=None, clips=(), seed=1)  # type: ignore[arg-type]
    response = Reverberation(level=0.5)._response(48_000, of, 0).astype(np.float64)
    assert response[0] == 1.0
    assert 10 * np.log10(np.sum(response[1:] ** 2)) == pytest.approx(0.0, abs=0.2)
    twice = Reverberation(level=1.0)._response(48_000, of, 0).astype(np.float64)
    assert 10 * np.log10(np.sum(twice[1:] ** 2)) == pytest.approx(3.0, abs=0.2)
    decay_db = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1])
    times_s = np.arange(1, len(response)) / 48_000
    part = (decay_db < -5) & (decay_db > -35)
    slope = np.polyfit(times_s[part], decay_db[part], 1)[0]
    assert -60 / slope == pytest.approx(0.5, rel=0.05)


def test_a_measured_response_begins_with_its_direct_sound(tmp_path: Path) -> None:
    """A response with 37 samples of flight, gain −0.25 and one reflection: the direct sound counts as it is."""
    response = np.zeros(400, np.float32)
    response[37], response[137] = -0.25, 0.125
    (tmp_path / "rooms" / "hall").mkdir(parents=True)
    write(tmp_path / "rooms" / "hall" / "a.wav", response, RATE_HZ)
    rooms = {"rooms": CorpusConfig(kind="folder")}
    corpora = open_corpora(rooms, {"rooms": tmp_path / "rooms"})
    spec = SweepSpec(degradation="reverberation", levels=("measured",), options={"responses": "rooms"}, corpora=rooms)
    found = degraded(plain(), spec, "measured", corpora=corpora)
    dry, wet = plain()[0][0].mixture[0], found[0][0].mixture[0]
    expected = dry.clone()
    expected[100:] -= 0.5 * dry[:-100]
    assert torch.allclose(wet, expected, atol=1e-5)
    assert ("rooms", "hall/a.wav") in {(file.corpus, file.path) for file in found.manifest.files}
    noise = SweepSpec(
        degradation="noise", levels=(0,), options={"spectrum": "recorded", "recordings": "rooms"}, corpora=rooms
    )
    noisy = degraded(plain(), noise, 0, corpora=corpora)[0][0].mixture[0]
    assert power_db(dry) - power_db(noisy - dry) == pytest.approx(0.0, abs=0.01)


def test_lengths_of_an_enrollment_nest() -> None:
    own = plain()[0][0].clues.enrollments[0]
    short, long = (level_of("enrollment_length", seconds)[0][0].clues.enrollments[0] for seconds in (0.5, 8))
    assert len(short) == 4000
    assert len(long) == 64000
    assert torch.equal(short, own[:4000])
    assert torch.equal(long[: len(own)], own)
    assert level_of("enrollment_length", 8).trials[0].tags["enrollment_s"] == 8


def test_other_enrollments_are_of_the_voice_and_new() -> None:
    found = [plain(), *(level_of("other_enrollment", number) for number in (1, 2, 3))]
    corpus = plain().corpora["speech"]
    labels = {each.path: each.label for each in corpus.recordings()}
    for place, trial in enumerate(plain().trials):
        clips = [clip for each in found for clip in each.trials[place].clue.enrollments]
        assert all(isinstance(clip, Clip) for clip in clips)
        paths = [clip.path for clip in clips if isinstance(clip, Clip)]
        mixture = plain().mixtures[trial.mixture_id]
        assert len({*paths, *(source.clip.path for source in mixture.sources)}) == 4 + 2
        assert {labels[path] for path in paths} == {trial.tags["target"]}


def test_trials_with_too_few_recordings_are_left_out_and_counted() -> None:
    found = level_of("enrollment_length", 30, plain(6))
    counts = found.card.counts
    assert 0 < len(found) < 12
    assert counts["excluded_too_little_speech_of_the_voice"] == 12 - len(found)
    with pytest.raises(DatasetError, match=r"no trial has a level 99 of sweep 'other_enrollment': too few recordings"):
        level_of("other_enrollment", 99)
    with pytest.raises(DatasetError, match=r"no video \(4 trials\); take it out"):
        level_of("video_lost", 50)


@pytest.mark.parametrize("level", ["interferer", "absent"])
def test_a_wrong_enrollment_is_of_another_speaker(level: str) -> None:
    found = level_of("wrong_enrollment", level)
    labels = {each.path: each.label for each in plain().corpora["speech"].recordings()}
    for trial in found.trials:
        (clip,) = trial.clue.enrollments
        assert isinstance(clip, Clip)
        there = {source.label for source in found.mixtures[trial.mixture_id].sources}
        assert labels[clip.path] != trial.tags["target"]
        assert (labels[clip.path] in there) == (level == "interferer")


def test_a_lost_video_stands_still_and_then_is_black() -> None:
    films = load_dataset("mini_av_video", settings={"params.count": 1})
    half, none = (level_of("video_lost", level, films)[0][0].clues.video for level in (50, 100))
    own = films[0][0].clues.video
    assert own is not None
    assert half is not None
    assert none is not None
    middle = round(films.trials[0].clue.video.frames / 2)  # type: ignore[union-attr]
    assert torch.equal(half[:middle], own[:middle])
    assert torch.equal(half[middle:], own[middle - 1].expand_as(half[middle:]))
    assert not none.any()


def test_a_level_survives_its_folder(tmp_path: Path) -> None:
    spec = SweepSpec(degradation="noise", levels=(20, 0))
    found = degraded(plain(), spec, 0)
    write_manifest(tmp_path / "set", found.manifest)
    read = open_folder(tmp_path / "set")
    assert read.card == found.card
    assert read.card.name == "mini_speech.noise.0"
    assert (read.card.level and read.card.level.place) == 2
    assert fingerprint(read.manifest) == found.card.fingerprint
    assert torch.equal(read[0][0].mixture, found[0][0].mixture)
    assert torch.equal(found.select([1])[0][0].mixture, found[1][0].mixture)


def test_a_level_over_a_level_adds_up() -> None:
    clipped = level_of("clipping", 12)
    both = level_of("noise", 0, clipped)
    assert both.card.name == "mini_speech.clipping.12.noise.0"
    noise = both[0][0].mixture - clipped[0][0].mixture
    assert power_db(clipped[0][0].mixture) - power_db(noise) == pytest.approx(0.0, abs=0.01)


def test_equal_settings_have_equal_fingerprints() -> None:
    def of(level: Level, **options: Any) -> str:
        return level_of("band_limit", level, **options).card.fingerprint

    assert of(2000) == of(2000.0) == of(2000, low_hz=300) == of(2000, low_hz=300.0, to="mixture")
    assert len({of(2000), of(2000.5), of(2000, low_hz=200), of(2000, to="enrollment")}) == 4
    assert level_of("noise", 3).card.fingerprint == level_of("noise", 3, recordings=None).card.fingerprint


def test_a_corpus_of_the_sweep_is_no_other_one_of_the_set() -> None:
    other = {"speech": CorpusConfig(kind="folder")}
    spec = SweepSpec(degradation="noise", levels=(0,), corpora=other)
    with pytest.raises(ConfigError, match=r"has another corpus 'speech' than sweep 'noise'; rename"):
        degraded(plain(), spec, 0)
    same = SweepSpec(degradation="noise", levels=(0,), corpora=dict(plain().card.corpora))
    assert degraded(plain(), same, 0).card.fingerprint == level_of("noise", 0).card.fingerprint


@pytest.mark.parametrize(
    ("specs", "text"),
    [
        ([{"degradation": "nois", "levels": [1]}], "unknown degradation 'nois'; did you mean 'noise'"),
        ([{"degradation": "noise", "levels": [1, 1.0]}], "lists level 1 twice"),
        ([{"degradation": "noise", "levels": [1]}] * 2, "two sweeps are called 'noise'; give each its own `label`"),
        ([{"degradation": "noise", "levels": ["loud"]}], "level"),
        ([{"degradation": "noise", "levels": [1], "options": {"spectrum": "recorded"}}], "goes with `recordings`"),
        ([{"degradation": "other_enrollment", "levels": [0]}], "level"),
    ],
)
def test_a_bad_sweep_has_one_line(specs: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(TsebenchError, match=text) as caught:
        checked_sweeps([SweepSpec.model_validate(each) for each in specs], where="run")
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
