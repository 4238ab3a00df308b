"""Audio-visual mixtures: who is in them, how loud, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.av_mixtures import (
    FILMED,
    FPS,
    NOISE,
    OTHERS,
    RATE,
    FilmCorpus,
    SoundCorpus,
    av_builder,
    av_corpora,
    by_id,
    rendered,
    scaled,
)

from tsebench.core.errors import ConfigError, DatasetError
from tsebench.datasets.protocols.corpus import Samples
from tsebench.datasets.render import render
from tsebench.datasets.signals.active_level import active_level
from tsebench.datasets.signals.mixing import power_db
from tsebench.datasets.types import Trial


@pytest.mark.parametrize(
    ("scenario", "ids"),
    [
        ("noise", {"on", "off", "noise"}),
        ("spk", {"on", "off", "i1"}),
        ("noise+spk", {"on", "off", "i1", "noise"}),
        ("2spk", {"on", "off", "i1", "i2"}),
    ],
)
def test_scenarios(scenario: str, ids: set[str]) -> None:
    builder = av_builder(scenario=scenario, **({"noise": NOISE} if "noise" in scenario else {}))
    corpora_of_interferers = set()
    for index in range(25):
        drawn = builder.draw(index)
        sources = by_id(drawn)
        assert set(sources) == ids
        assert drawn.mixture.tags["scenario"] == scenario
        assert sources["on"].label in FILMED
        assert sources["off"].label in OTHERS
        speakers = [s.label for s in drawn.mixture.sources if s.role == "foreground"]
        assert len(set(speakers)) == len(speakers)
        assert [s.id for s in drawn.mixture.sources if s.role == "background"] == sorted(ids & {"noise"})
        corpora_of_interferers |= {sources[name].clip.corpus for name in ids & {"i1", "i2"}}
        (trial,) = drawn.trials
        assert trial.target_ids == ("on", "off")
        assert trial.clue.kinds() == {"video", "enrollment"}
    assert corpora_of_interferers == ({"films", "speech"} if "spk" in scenario else set())


@pytest.mark.parametrize("reference", ["whole", "active"])
def test_levels(reference: str) -> None:
    """Each part stands to the on-screen speech as its SNR says, by an independent measurement."""
    corpora = av_corpora()
    builder = av_builder(
        corpora,
        scenario="noise+spk",
        noise=NOISE,
        snr_reference=reference,
        off_screen_snr_db=[2.0, 2.0],
        interferer_snr_db=[-1.5, -1.5],
        noise_snr_db=[7.0, 7.0],
        level_db=-30.0,
        off_screen_s=[0.5, 4.0],
    )

    def level(samples: Samples) -> float:
        if reference == "active":
            return active_level(samples, RATE).level_db
        return power_db(samples)

    for index in range(4):
        sources = by_id(builder.draw(index))
        levels = {name: level(scaled(source, corpora)) for name, source in sources.items()}
        expected = {"on": -30.0, "off": -32.0, "i1": -28.5, "noise": -37.0}
        # P.56 interpolates between thresholds that do not move with the signal.
        tolerance = 0.02 if reference == "active" else 1e-3
        assert levels == pytest.approx(expected, abs=tolerance)


def test_snrs_fill_their_range_and_the_on_screen_level_is_kept() -> None:
    corpora = av_corpora()
    builder = av_builder(corpora, off_screen_s=[1.0, 4.0], peak=1.0)
    ratios = []
    for index in range(40):
        sources = by_id(builder.draw(index))
        assert sources["on"].gain == 1.0
        ratios.append(power_db(scaled(sources["on"], corpora)) - power_db(scaled(sources["off"], corpora)))
    assert -2.5 <= min(ratios) < -1.8
    assert 1.8 < max(ratios) <= 2.5
    assert abs(np.mean(ratios)) < 0.8


def test_pictures_begin_with_the_sound() -> None:
    starts = set()
    for index in range(30):
        drawn = av_builder().draw(index)
        clip, video = by_id(drawn)["on"].clip, drawn.trials[0].clue.video
        assert video is not None
        assert (video.corpus, video.path) == ("films", clip.path.replace("wav", "mp4"))
        assert clip.start == video.start * RATE / FPS
        assert (clip.frames, video.frames) == (4 * RATE, 100)
        starts.add(video.start)
    assert min(starts) < 10
    assert max(starts) > 40
    assert max(starts) <= 50  # six seconds leave two


def test_the_off_screen_speech_lies_where_the_option_says() -> None:
    lengths, onsets = [], []
    for index in range(40):
        found = {
            onset: by_id(av_builder(off_screen_onset=onset).draw(index))["off"] for onset in ("start", "end", "random")
        }
        frames = found["start"].clip.frames
        assert found["start"].onset == 0
        assert found["end"].onset == 4 * RATE - frames
        assert 0 <= found["random"].onset <= 4 * RATE - frames
        assert found["random"].clip == found["start"].clip == found["end"].clip
        lengths.append(frames / RATE)
        onsets.append(found["random"].onset / max(1, 4 * RATE - frames))
    assert min(lengths) < 0.5
    assert max(lengths) > 3.5
    assert np.mean(lengths) == pytest.approx(2.0, abs=0.5)
    assert np.mean(onsets) == pytest.approx(0.5, abs=0.15)
    long = [by_id(av_builder(off_screen_s=[2, 4]).draw(n))["off"].clip.frames for n in range(20)]
    assert min(long) >= 2 * RATE


def test_shorter_recordings_are_taken_whole() -> None:
    corpora = av_corpora(speech=SoundCorpus("speech", OTHERS, seconds=1.0))
    drawn = av_builder(corpora, off_screen_s=[3.0, 4.0]).draw(0)
    assert by_id(drawn)["off"].clip.frames in {RATE + 7 * n for n in range(6)}
    assert drawn.mixture.tags["off_screen_s"] == pytest.approx(1.0, abs=0.01)


def test_the_target_is_the_sum_of_both() -> None:
    corpora = av_corpora()
    drawn = av_builder(corpora).draw(0)
    query, truth = rendered(drawn, corpora)
    signals = render(drawn.mixture, corpora)
    assert truth.target is not None
    np.testing.assert_allclose(truth.target[0], signals.sources[0] + signals.sources[1], atol=1e-7)
    np.testing.assert_allclose(query.mixture[0], (truth.target[0] + truth.interferers.sum(dim=0)), atol=1e-6)
    assert truth.interferers.shape == (1, 4 * RATE)
    assert query.mixture.shape == (1, 4 * RATE)


def test_without_off_screen_speech() -> None:
    corpora = av_corpora()
    clues = [["video", "enrollment"], ["video"], ["enrollment"]]
    drawn = av_builder(corpora, off_screen_s=[0.0, 0.0], clues=clues).draw(0)
    assert set(by_id(drawn)) == {"on", "i1"}
    assert drawn.mixture.tags["off_screen_s"] == 0.0
    both, video = drawn.trials
    assert both.target_ids == video.target_ids == ("on",)
    assert len(both.clue.enrollments) == 1
    assert drawn.excluded == {"silent_target": 1}
    _, truth = rendered(drawn, corpora)
    assert truth.target is not None
    np.testing.assert_array_equal(truth.target[0], render(drawn.mixture, corpora).sources[0])


def test_silent_off_screen_speech_counts_as_none() -> None:
    corpora = av_corpora(speech=SoundCorpus("speech", OTHERS, quiet=OTHERS))
    drawn = av_builder(corpora, interferers=[{"corpus": "films"}]).draw(0)
    assert set(by_id(drawn)) == {"on", "i1"}
    assert drawn.mixture.tags["off_screen_s"] == 0.0


def test_silent_crops_are_drawn_again() -> None:
    corpora = av_corpora(films=FilmCorpus("films", FILMED, quiet=("anna", "ben")))
    speakers = {by_id(av_builder(corpora, scenario="noise", noise=NOISE).draw(n))["on"].label for n in range(12)}
    assert speakers == {"cleo"}
    silent = av_corpora(films=FilmCorpus("films", FILMED, quiet=FILMED))
    with pytest.raises(DatasetError, match="corpus 'films': 10 stretches in a row are silent"):
        av_builder(silent).draw(0)
    mute = av_corpora(sounds=SoundCorpus("sounds", ("rain",), quiet=("rain",)))
    with pytest.raises(DatasetError, match="label 'rain' that were tried are silent"):
        av_builder(mute, scenario="noise", noise=NOISE).draw(0)


def test_each_combination_of_clues_asks_for_what_it_can_name() -> None:
    clues = [["video", "enrollment"], ["video"], ["enrollment"]]
    for same, wanted in (
        ("other", [("on", "off"), ("on",), ("off",)]),
        ("same", [("on", "off"), ("on",), ("on", "off")]),
    ):
        off_screen = [{"corpus": "films" if same == "same" else "speech"}]
        builder = av_builder(clues=clues, off_screen_speaker=same, off_screen=off_screen, off_screen_s=[1, 4])
        drawn = builder.draw(3)
        assert [trial.target_ids for trial in drawn.trials] == wanted
        assert [set(t.clue.kinds()) for t in drawn.trials] == [set(names) for names in clues]
        assert [t.tags["clues"] for t in drawn.trials] == ["video+enrollment", "video", "enrollment"]
        assert [t.condition.n_active for t in drawn.trials] == [len(ids) for ids in wanted]
        enrolled = {clip for t in drawn.trials for clip in t.clue.enrollments}
        assert len(enrolled) == 1


def test_the_enrollment_is_another_recording_of_the_off_screen_speaker() -> None:
    for same, corpus in (("other", "speech"), ("same", "films")):
        for index in range(12):
            drawn = av_builder(off_screen_speaker=same, off_screen=[{"corpus": corpus}]).draw(index)
            sources = by_id(drawn)
            (clip,) = drawn.trials[0].clue.enrollments
            assert clip.path.split("/")[0] == sources["off"].label
            assert clip.path not in {s.clip.path for s in drawn.mixture.sources}
            assert (sources["on"].label == sources["off"].label) == (same == "same")
            assert sources["on"].clip.path != sources["off"].clip.path


def test_muting() -> None:
    ids = [tuple(by_id(av_builder(mute_on_screen=0.3, mute_off_screen=0.3).draw(n))) for n in range(60)]
    counts = {wanted: ids.count((*wanted, "i1")) for wanted in (("on", "off"), ("on",), ("off",))}
    assert sum(counts.values()) == 60
    assert all(10 <= count <= 32 for count in counts.values())
    muted = next(n for n in range(60) if ids[n] == ("off", "i1"))
    plain, drawn = av_builder().draw(muted), av_builder(mute_on_screen=0.3, mute_off_screen=0.3)
    assert drawn.draw(muted).trials[0].clue == plain.trials[0].clue
    assert drawn.draw(muted).trials[0].target_ids == ("off",)
    # What is left is as loud as it was.
    assert by_id(drawn.draw(muted))["off"] == by_id(plain)["off"]


def test_an_option_changes_its_part_alone() -> None:
    plain = by_id(av_builder(scenario="noise+spk", noise=NOISE).draw(0))
    other = by_id(av_builder(scenario="noise+spk", noise=NOISE, off_screen_s=[2, 4], noise_snr_db=[9, 9]).draw(0))
    assert (plain["on"], plain["i1"]) == (other["on"], other["i1"])
    assert plain["off"].clip != other["off"].clip
    assert plain["noise"].clip == other["noise"].clip
    assert plain["noise"].gain > other["noise"].gain


def test_selections_of_one_corpus_are_put_together() -> None:
    corpora = av_corpora(speech=SoundCorpus("speech", OTHERS, splits=("si_dt", "si_et")))
    off_screen = [{"corpus": "speech", "split": name} for name in ("si_dt", "si_et")]
    builder = av_builder(corpora, off_screen=off_screen, off_screen_s=[1, 4])
    numbers = {by_id(builder.draw(n))["off"].clip.path.split("/")[1] for n in range(40)}
    assert numbers == {f"{n}.wav" for n in range(6)}
    half = av_builder(corpora, off_screen=off_screen[:1], off_screen_s=[1, 4])
    numbers = {by_id(half.draw(n))["off"].clip.path.split("/")[1] for n in range(40)}
    assert numbers == {"0.wav", "2.wav", "4.wav"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"off_screen_s": [3.0, 1.0]}, r"off_screen_s = \[3.0, 1.0\] must rise"),
        ({"off_screen_s": [0.0, 5.0]}, r"up to duration_s = 4"),
        ({"scenario": "noise"}, "scenario 'noise' needs noise; add `noise`"),
        ({"noise": NOISE}, "scenario 'spk' has no noise; take out `noise`"),
        ({"clues": [["video"], ["video"]]}, "clues must list different combinations"),
        ({"clues": [[]]}, "clues must list different combinations"),
        ({"mute_on_screen": 0.6, "mute_off_screen": 0.6}, "is more than 1; lower one"),
        ({"on_screen": {"corpus": "speech"}}, "corpus 'speech' has no videos"),
        ({"scenario": "3spk"}, "scenario"),
        ({"duration_s": 0.0}, "duration_s"),
    ],
)
def test_wrong_parameters(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        av_builder(**changed)


def test_too_few_speakers() -> None:
    one = av_corpora(speech=SoundCorpus("speech", ("dora",)))
    with pytest.raises(ConfigError, match=r"corpora 'speech' have no speaker but \w+, dora, who"):
        av_builder(one, interferers=[{"corpus": "speech"}]).draw(0)
    with pytest.raises(ConfigError, match=r"have no speaker '\w+', who is on the screen"):
        av_builder(off_screen_speaker="same").draw(0)


def test_trials_are_told_apart_by_tags() -> None:
    trial: Trial = av_builder(scenario="noise+spk", noise=NOISE).draw(0).trials[0]
    assert trial.tags["scenario"] == "noise+spk"
    assert trial.tags["target"] == "on+off"
    assert isinstance(trial.tags["off_screen_s"], float)
    assert trial.id == "test-000000_q0"


def test_the_parts_of_the_target_are_its_sources() -> None:
    corpora = av_corpora()
    drawn = av_builder(corpora).draw(0)
    _, truth = rendered(drawn, corpora)
    signals = render(drawn.mixture, corpora)
    assert set(truth.parts) == {"on", "off"}
    np.testing.assert_array_equal(truth.parts["on"], signals.sources[0])
    np.testing.assert_array_equal(truth.parts["off"], signals.sources[1])


def test_list_of_scenarios() -> None:
    """Each mixture has one of them, and is that of a set with this scenario alone."""
    both = av_builder(scenario=["noise", "spk"], noise=NOISE)
    alone = {"noise": av_builder(scenario="noise", noise=NOISE), "spk": av_builder(scenario="spk")}
    seen = set()
    for index in range(12):
        drawn = both.draw(index)
        scenario = str(drawn.mixture.tags["scenario"])
        seen.add(scenario)
        assert drawn.mixture == alone[scenario].draw(index).mixture
    assert seen == {"noise", "spk"}


@pytest.mark.parametrize(("scenario", "says"), [([], "different ones"), (["spk", "noise"], "needs noise")])
def test_wrong_list_of_scenarios(scenario: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        av_builder(scenario=scenario)
