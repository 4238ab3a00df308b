"""Audio-visual mixtures: who is in them, how loud, when, and the video that goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item, at_rate
from tsebench.core.errors import AudioError, ConfigError, DatasetError
from tsebench.core.validation import call_with
from tsebench.datasets.batches import collate
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext, Drawn
from tsebench.datasets.protocols.corpus import Pictures, Recording, Samples, VideoInfo
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.active_level import active_level
from tsebench.datasets.signals.clips import render_clip
from tsebench.datasets.signals.mixing import power_db
from tsebench.datasets.trials import render_trial
from tsebench.datasets.types import Query, Source, Trial, Truth, VideoClip
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard

RATE, FPS = 8000, 25.0


@dataclass
class Heard:
    """Noise that is loud and quiet in turns, six recordings for each speaker; `quiet` is silent."""

    name: str
    speakers: Sequence[str]
    seconds: float = 6.0
    version: str = "1"
    licence: str = "CC0"
    quiet: Sequence[str] = ()
    splits: Sequence[str] = ("test",)

    def recordings(self) -> Sequence[Recording]:
        return [
            Recording(
                path=f"{speaker}/{n}.wav",
                label=speaker,
                frames=round(self.seconds * RATE) + 7 * n,
                sample_rate_hz=RATE,
                split=self.splits[n % len(self.splits)],
                group=f"{self.name}/{speaker}/{n}",
            )
            for speaker in sorted(self.speakers)
            for n in range(6)
        ]

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        whole = generator(self.name, path).uniform(-0.3, 0.3, round(self.seconds * RATE) + 50)
        slow = np.repeat(generator(path, "level").uniform(0.02, 1.0, 100), len(whole) // 100 + 1)
        whole = (whole * slow[: len(whole)]).astype(np.float32)
        if path.partition("/")[0] in self.quiet:
            whole[:] = 0.0
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


@dataclass
class Seen(Heard):
    """The same, with videos whose pictures hold their own number; each may be `shorter`."""

    shorter: int = 0
    asked: list[tuple[str, int, int | None]] = field(default_factory=list)

    def video_path(self, path: str) -> str:
        return path.replace(".wav", ".mp4")

    def video_info(self, path: str) -> VideoInfo:
        if not path.endswith(".mp4"):
            raise AudioError(f"no video {path!r}")
        return VideoInfo(frames=round(self.seconds * FPS) - self.shorter, fps=FPS)

    def read_video(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures, float]:
        self.asked.append((path, start, frames))
        stop = self.video_info(path).frames if frames is None else start + frames
        assert 0 <= start < stop <= self.video_info(path).frames
        numbers = np.arange(start, stop, dtype=np.uint8)
        return np.broadcast_to(numbers[:, None, None], (len(numbers), 4, 6)).copy(), FPS


FILMED, OTHERS = ("anna", "ben", "cleo"), ("dora", "emil", "fay")


def _corpora(**changed: Any) -> dict[str, Any]:
    return {
        "films": Seen("films", FILMED),
        "speech": Heard("speech", OTHERS),
        "sounds": Heard("sounds", ("rain", "wind")),
        **changed,
    }


OPTIONS: dict[str, Any] = {
    "on_screen": {"corpus": "films"},
    "off_screen": [{"corpus": "speech"}],
    "scenario": "spk",
    "count": 4,
    "sample_rate_hz": RATE,
}
NOISE = {"corpus": "sounds"}


def _builder(corpora: Mapping[str, Any] | None = None, **changed: Any) -> Any:
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora=corpora or _corpora())
    options = {**OPTIONS, **changed}
    return call_with(BUILDERS.get("av_mix"), options, where="set", given={"context": context})


def _by_id(drawn: Drawn) -> dict[str, Source]:
    return {source.id: source for source in drawn.mixture.sources}


def _scaled(source: Source, corpora: Mapping[str, Any]) -> Samples:
    clip = render_clip(source.clip, sample_rate_hz=RATE, corpora=corpora)
    return clip * np.float32(source.gain)


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
    builder = _builder(scenario=scenario, **({"noise": NOISE} if "noise" in scenario else {}))
    corpora_of_interferers = set()
    for index in range(25):
        drawn = builder.draw(index)
        sources = _by_id(drawn)
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
    corpora = _corpora()
    builder = _builder(
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
        sources = _by_id(builder.draw(index))
        levels = {name: level(_scaled(source, corpora)) for name, source in sources.items()}
        expected = {"on": -30.0, "off": -32.0, "i1": -28.5, "noise": -37.0}
        # P.56 interpolates between thresholds that do not move with the signal.
        tolerance = 0.02 if reference == "active" else 1e-3
        assert levels == pytest.approx(expected, abs=tolerance)


def test_snrs_fill_their_range_and_the_on_screen_level_is_kept() -> None:
    corpora = _corpora()
    builder = _builder(corpora, off_screen_s=[1.0, 4.0], peak=1.0)
    ratios = []
    for index in range(40):
        sources = _by_id(builder.draw(index))
        assert sources["on"].gain == 1.0
        ratios.append(power_db(_scaled(sources["on"], corpora)) - power_db(_scaled(sources["off"], corpora)))
    assert -2.5 <= min(ratios) < -1.8
    assert 1.8 < max(ratios) <= 2.5
    assert abs(np.mean(ratios)) < 0.8


def test_pictures_begin_with_the_sound() -> None:
    starts = set()
    for index in range(30):
        drawn = _builder().draw(index)
        clip, video = _by_id(drawn)["on"].clip, drawn.trials[0].clue.video
        assert video is not None
        assert (video.corpus, video.path) == ("films", clip.path.replace("wav", "mp4"))
        assert clip.start == video.start * RATE / FPS
        assert (clip.frames, video.frames) == (4 * RATE, 100)
        starts.add(video.start)
    assert min(starts) < 10
    assert max(starts) > 40
    assert max(starts) <= 50  # six seconds leave two


def test_the_off_screen_speech_lies_where_it_is_told_to() -> None:
    lengths, onsets = [], []
    for index in range(40):
        found = {
            onset: _by_id(_builder(off_screen_onset=onset).draw(index))["off"] for onset in ("start", "end", "random")
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
    long = [_by_id(_builder(off_screen_s=[2, 4]).draw(n))["off"].clip.frames for n in range(20)]
    assert min(long) >= 2 * RATE


def test_shorter_recordings_are_taken_whole() -> None:
    corpora = _corpora(speech=Heard("speech", OTHERS, seconds=1.0))
    drawn = _builder(corpora, off_screen_s=[3.0, 4.0]).draw(0)
    assert _by_id(drawn)["off"].clip.frames in {RATE + 7 * n for n in range(6)}
    assert drawn.mixture.tags["off_screen_s"] == pytest.approx(1.0, abs=0.01)


def _rendered(drawn: Drawn, corpora: Mapping[str, Any], number: int = 0) -> tuple[Query, Truth]:
    return render_trial(drawn.trials[number], drawn.mixture, corpora)


def test_the_target_is_the_sum_of_both() -> None:
    corpora = _corpora()
    drawn = _builder(corpora).draw(0)
    query, truth = _rendered(drawn, corpora)
    signals = render(drawn.mixture, corpora)
    assert truth.target is not None
    np.testing.assert_allclose(truth.target[0], signals.sources[0] + signals.sources[1], atol=1e-7)
    np.testing.assert_allclose(query.mixture[0], (truth.target[0] + truth.interferers.sum(dim=0)), atol=1e-6)
    assert truth.interferers.shape == (1, 4 * RATE)
    assert query.mixture.shape == (1, 4 * RATE)


def test_without_off_screen_speech() -> None:
    corpora = _corpora()
    clues = [["video", "enrollment"], ["video"], ["enrollment"]]
    drawn = _builder(corpora, off_screen_s=[0.0, 0.0], clues=clues).draw(0)
    assert set(_by_id(drawn)) == {"on", "i1"}
    assert drawn.mixture.tags["off_screen_s"] == 0.0
    both, video = drawn.trials
    assert both.target_ids == video.target_ids == ("on",)
    assert len(both.clue.enrollments) == 1
    assert drawn.excluded == {"silent_target": 1}
    _, truth = _rendered(drawn, corpora)
    assert truth.target is not None
    np.testing.assert_array_equal(truth.target[0], render(drawn.mixture, corpora).sources[0])


def test_silent_off_screen_speech_counts_as_none() -> None:
    corpora = _corpora(speech=Heard("speech", OTHERS, quiet=OTHERS))
    drawn = _builder(corpora, interferers=[{"corpus": "films"}]).draw(0)
    assert set(_by_id(drawn)) == {"on", "i1"}
    assert drawn.mixture.tags["off_screen_s"] == 0.0


def test_silent_crops_are_drawn_again() -> None:
    corpora = _corpora(films=Seen("films", FILMED, quiet=("anna", "ben")))
    speakers = {_by_id(_builder(corpora, scenario="noise", noise=NOISE).draw(n))["on"].label for n in range(12)}
    assert speakers == {"cleo"}
    silent = _corpora(films=Seen("films", FILMED, quiet=FILMED))
    with pytest.raises(DatasetError, match="corpus 'films': 10 stretches in a row are silent"):
        _builder(silent).draw(0)
    mute = _corpora(sounds=Heard("sounds", ("rain",), quiet=("rain",)))
    with pytest.raises(DatasetError, match="label 'rain' that were tried are silent"):
        _builder(mute, scenario="noise", noise=NOISE).draw(0)


def test_each_combination_of_clues_asks_for_what_it_can_name() -> None:
    clues = [["video", "enrollment"], ["video"], ["enrollment"]]
    for same, wanted in (
        ("other", [("on", "off"), ("on",), ("off",)]),
        ("same", [("on", "off"), ("on",), ("on", "off")]),
    ):
        off_screen = [{"corpus": "films" if same == "same" else "speech"}]
        builder = _builder(clues=clues, off_screen_speaker=same, off_screen=off_screen, off_screen_s=[1, 4])
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
            drawn = _builder(off_screen_speaker=same, off_screen=[{"corpus": corpus}]).draw(index)
            sources = _by_id(drawn)
            (clip,) = drawn.trials[0].clue.enrollments
            assert clip.path.split("/")[0] == sources["off"].label
            assert clip.path not in {s.clip.path for s in drawn.mixture.sources}
            assert (sources["on"].label == sources["off"].label) == (same == "same")
            assert sources["on"].clip.path != sources["off"].clip.path


def test_muting() -> None:
    ids = [tuple(_by_id(_builder(mute_on_screen=0.3, mute_off_screen=0.3).draw(n))) for n in range(60)]
    counts = {wanted: ids.count((*wanted, "i1")) for wanted in (("on", "off"), ("on",), ("off",))}
    assert sum(counts.values()) == 60
    assert all(10 <= count <= 32 for count in counts.values())
    muted = next(n for n in range(60) if ids[n] == ("off", "i1"))
    plain, drawn = _builder().draw(muted), _builder(mute_on_screen=0.3, mute_off_screen=0.3)
    assert drawn.draw(muted).trials[0].clue == plain.trials[0].clue
    assert drawn.draw(muted).trials[0].target_ids == ("off",)
    # What is left is as loud as it was.
    assert _by_id(drawn.draw(muted))["off"] == _by_id(plain)["off"]


def test_an_option_changes_its_part_alone() -> None:
    plain = _by_id(_builder(scenario="noise+spk", noise=NOISE).draw(0))
    other = _by_id(_builder(scenario="noise+spk", noise=NOISE, off_screen_s=[2, 4], noise_snr_db=[9, 9]).draw(0))
    assert (plain["on"], plain["i1"]) == (other["on"], other["i1"])
    assert plain["off"].clip != other["off"].clip
    assert plain["noise"].clip == other["noise"].clip
    assert plain["noise"].gain > other["noise"].gain


def test_selections_of_one_corpus_are_put_together() -> None:
    corpora = _corpora(speech=Heard("speech", OTHERS, splits=("si_dt", "si_et")))
    off_screen = [{"corpus": "speech", "split": name} for name in ("si_dt", "si_et")]
    builder = _builder(corpora, off_screen=off_screen, off_screen_s=[1, 4])
    numbers = {_by_id(builder.draw(n))["off"].clip.path.split("/")[1] for n in range(40)}
    assert numbers == {f"{n}.wav" for n in range(6)}
    half = _builder(corpora, off_screen=off_screen[:1], off_screen_s=[1, 4])
    numbers = {_by_id(half.draw(n))["off"].clip.path.split("/")[1] for n in range(40)}
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
        _builder(**changed)


def test_too_few_speakers() -> None:
    one = _corpora(speech=Heard("speech", ("dora",)))
    with pytest.raises(ConfigError, match=r"corpora 'speech' have no speaker but \w+, dora, who"):
        _builder(one, interferers=[{"corpus": "speech"}]).draw(0)
    with pytest.raises(ConfigError, match=r"have no speaker '\w+', who is on the screen"):
        _builder(off_screen_speaker="same").draw(0)


def test_missing_and_short_videos_are_counted() -> None:
    """They are reported as missing recordings, which --allow-missing leaves out."""
    short = _corpora(films=Seen("films", FILMED, shorter=60))
    with pytest.raises(AudioError, match=r"lasts 3.60 s, less than the 4 s of its sound"):
        _builder(short).draw(0)
    slightly = _corpora(films=Seen("films", FILMED, shorter=53))
    drawn = _builder(slightly).draw(0)
    assert drawn.trials[0].clue.video is not None
    assert (drawn.trials[0].clue.video.start, drawn.trials[0].clue.video.frames) == (0, 97)
    query, _ = _rendered(drawn, slightly)
    assert query.clues.video is not None
    assert query.clues.video.shape == (100, 4, 6)
    numbers = (query.clues.video[:, 0, 0] * 255).round().int().tolist()
    assert numbers == [*range(97), 96, 96, 96]


class TestVideoOfAQuery:
    """From the corpus to the system, the pictures stay what they are."""

    def test_values(self) -> None:
        corpora = _corpora()
        drawn = _builder(corpora).draw(1)
        query, _ = _rendered(drawn, corpora)
        video, clip = query.clues.video, drawn.trials[0].clue.video
        assert video is not None
        assert clip is not None
        assert (video.shape, video.dtype, query.clues.video_fps) == ((100, 4, 6), torch.float32, FPS)
        expected = (clip.start + np.arange(100)) / 255
        np.testing.assert_allclose(video[:, 2, 3], expected, atol=1e-7)
        assert 0.0 <= video.min() <= video.max() <= 1.0

    def test_as_many_pictures_as_fit_into_the_mixture(self) -> None:
        corpora = _corpora()
        drawn = _builder(corpora).draw(0)
        trial = drawn.trials[0]
        for samples, frames in ((RATE, 25), (RATE - 1, 24), (RATE + 319, 25), (RATE + 320, 26)):
            mixture = replace(drawn.mixture, num_samples=samples)
            query, _ = render_trial(trial, mixture, corpora)
            assert query.clues.video is not None
            assert len(query.clues.video) == frames, samples

    def test_a_corpus_without_videos(self) -> None:
        corpora = _corpora()
        drawn = _builder(corpora).draw(0)
        clip = VideoClip(corpus="speech", path="dora/0.wav", start=0, frames=5)
        trial = replace(drawn.trials[0], clue=replace(drawn.trials[0].clue, video=clip))
        with pytest.raises(DatasetError, match="is of corpus 'speech', which has no videos"):
            render_trial(trial, drawn.mixture, corpora)

    def _item(self) -> Item:
        corpora = _corpora()
        query, truth = _rendered(_builder(corpora).draw(0), corpora)
        return Item(index=0, query=query, truth=truth)

    def test_another_rate_of_the_sound_leaves_it_alone(self) -> None:
        item = self._item()
        other = at_rate(item, 16_000)
        assert other.query.mixture.shape == (1, 8 * RATE)
        assert other.query.clues.video_fps == FPS
        assert other.query.clues.video is not None
        assert item.query.clues.video is not None
        assert torch.equal(other.query.clues.video, item.query.clues.video)

    def test_batches_keep_it_unpadded(self) -> None:
        query = self._item().query
        assert query.clues.video is not None
        short = replace(
            query, id="short", mixture=query.mixture[:, :RATE], clues=replace(query.clues, video=query.clues.video[:25])
        )
        batch = collate([query, short], device="cpu")
        videos = [clues.video for clues in batch.clues]
        assert [None if video is None else len(video) for video in videos] == [100, 25]
        on_meta = collate([query], device="meta").clues[0].video
        assert on_meta is not None
        assert on_meta.device.type == "meta"

    def test_a_system_that_works_in_place_spoils_nothing(self) -> None:
        item = self._item()
        assert item.query.clues.video is not None
        before = item.query.clues.video.clone()
        answers = Inference(_Spoiler(), device="cpu", batch_size=1).begin([item]).finish()
        assert answers[0].failure is None
        assert torch.equal(item.query.clues.video, before)


class _Spoiler:
    card = SystemCard(name="spoiler", family="baseline", description="", clues=frozenset({"video"}))

    def extract(self, batch: QueryBatch) -> Extraction:
        for clues in batch.clues:
            assert clues.video is not None
            clues.video.zero_()
        return Extraction(estimate=batch.mixture[:, 0])


def _mini(name: str, **changed: Any) -> DatasetConfig:
    (config,) = load_dataset_configs(name)
    return config.model_copy(update={"params": {**config.params, "count": 3, **changed}})


@pytest.mark.long
def test_a_shipped_set_is_built_opened_and_valid(tmp_path: Path) -> None:
    config = _mini("mini_av_noise_spk", clues=[["video", "enrollment"], ["video"]])
    dataset = build(config, tmp_path / "set", corpus_dirs={})
    opened = load_dataset(tmp_path / "set")
    assert opened.card.fingerprint == dataset.card.fingerprint
    assert all(finding.verdict == "ok" for finding in validate(opened))
    assert len(opened) == 6
    for index in range(6):
        query, truth = opened[index]
        assert query.clues.video is not None
        assert query.clues.video.shape == (100, 64, 64)
        assert query.mixture.shape == (1, 32_000)
        assert truth.target is not None
    videos = {t.clue.video.path for t in opened.trials if t.clue.video is not None}
    hashed = {file.path for file in opened.manifest.files if file.corpus == "films"}
    assert videos <= hashed


def test_the_video_is_that_of_the_on_screen_speech(tmp_path: Path) -> None:
    """Across mixtures, the pictures go with their own on-screen speech better than with others'."""
    config = _mini("mini_av_2spk", count=8)
    dataset = build(config, tmp_path / "set", corpus_dirs={})
    contrasts, levels = [], []
    for trial in dataset.trials:
        query, _ = dataset[dataset.trials.index(trial)]
        assert query.clues.video is not None
        contrasts.append(query.clues.video[:, 20:50, 12:52].numpy().std(axis=(1, 2)))
        speech = dataset.signals(trial.mixture_id).sources[0].reshape(100, 320)
        levels.append(np.log(np.square(speech.astype(np.float64)).mean(axis=1) + 1e-6))
    fit = np.corrcoef(contrasts, levels)[:8, 8:]
    own = fit.diagonal()
    others = fit[~np.eye(8, dtype=bool)]
    assert own.mean() > others.mean() + 0.25
    assert np.mean(own > others.mean() + others.std()) > 0.8


def test_trials_are_told_apart_by_tags() -> None:
    trial: Trial = _builder(scenario="noise+spk", noise=NOISE).draw(0).trials[0]
    assert trial.tags["scenario"] == "noise+spk"
    assert trial.tags["target"] == "on+off"
    assert isinstance(trial.tags["off_screen_s"], float)
    assert trial.id == "test-000000_q0"


def test_the_parts_of_the_target_are_its_sources() -> None:
    corpora = _corpora()
    drawn = _builder(corpora).draw(0)
    _, truth = _rendered(drawn, corpora)
    signals = render(drawn.mixture, corpora)
    assert set(truth.parts) == {"on", "off"}
    np.testing.assert_array_equal(truth.parts["on"], signals.sources[0])
    np.testing.assert_array_equal(truth.parts["off"], signals.sources[1])


FAULTS = ["right", "wrong", "missing", "frozen", "dropped", "late"]


def _pictures(trial: Trial, drawn: Drawn, corpora: Mapping[str, Any]) -> list[float]:
    """Number of each picture that is shown."""
    query, _ = render_trial(trial, drawn.mixture, corpora)
    assert query.clues.video is not None
    assert query.clues.video.shape == (100, 4, 6)
    return [float(value) for value in (query.clues.video[:, 0, 0] * 255).round()]


def test_a_mixture_is_shown_with_each_fault() -> None:
    corpora = _corpora()
    drawn = _builder(corpora, clues=[["video"], ["enrollment"]], videos=FAULTS, late_pictures=3).draw(1)
    *trials, enrolled = drawn.trials
    assert [t.tags["video"] for t in trials] == FAULTS
    assert [t.id.partition("_")[2] for t in trials] == ["q0", *(f"q0_{fault}" for fault in FAULTS[1:])]
    assert "video" not in enrolled.tags
    assert len({t.mixture_id for t in trials}) == 1
    shown = {str(t.tags["video"]): _pictures(t, drawn, corpora) for t in trials}
    first = shown["right"][0]
    assert first >= 3
    assert shown["right"] == [first + n for n in range(100)]
    assert shown["late"] == [first - 3 + n for n in range(100)]
    assert shown["frozen"] == [first] * 100
    assert shown["missing"] == [0.0] * 100
    stop = len(set(shown["dropped"]))
    assert 20 <= stop <= 80
    assert shown["dropped"] == [first + min(n, stop - 1) for n in range(100)]
    right, wrong = trials[0].clue.video, trials[1].clue.video
    assert right is not None
    assert wrong is not None
    present = {source.label for source in drawn.mixture.sources if source.role == "foreground"}
    assert wrong.path.partition("/")[0] not in present


def test_a_set_without_faults_is_what_it_was() -> None:
    plain = _builder().draw(2)
    assert plain == _builder(videos=["right"], late_pictures=5).draw(2)
    assert "video" not in plain.trials[0].tags


def test_faults_are_named_once() -> None:
    with pytest.raises(ConfigError, match=r"videos = \['late', 'late'\] must list different ones"):
        _builder(videos=["late", "late"])
    with pytest.raises(ConfigError, match="videos"):
        _builder(videos=["upside_down"])


def test_a_set_with_faults_is_built_opened_and_valid(tmp_path: Path) -> None:
    dataset = build(_mini("mini_av_faults", count=2), tmp_path / "set", corpus_dirs={})
    opened = load_dataset(tmp_path / "set")
    assert opened.card.fingerprint == dataset.card.fingerprint
    assert all(finding.verdict == "ok" for finding in validate(opened))
    assert [t.tags["video"] for t in opened.trials] == FAULTS * 2
