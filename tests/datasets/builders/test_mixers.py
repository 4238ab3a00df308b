"""Builders: a contract that each one must keep, and what the two mixers promise besides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers.paths import SHARED

from tsebench.core.config_files import shipped_names
from tsebench.core.errors import ConfigError, CorpusError, DatasetError, TsebenchError
from tsebench.core.validation import call_with
from tsebench.datasets.config import DatasetConfig, load_dataset_configs, open_builder
from tsebench.datasets.protocols.builder import (
    BUILDERS,
    BuildContext,
    Drawn,
    Selection,
    enrollment_clips,
    open_pool,
    stretch,
)
from tsebench.datasets.protocols.corpus import Corpus, Recording, Samples
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.clips import render_clip
from tsebench.datasets.signals.mixing import SILENT_DB, loudness_lufs, power_db
from tsebench.datasets.types import Mixture, Trial

DATA = SHARED
DIRS = {folder.name: folder for folder in DATA.glob("*")}
SAFE = re.compile(r"[A-Za-z0-9_.+-]+")
DRAWN = (5, 0, 3)
# Sets that take long to open; builders and corpora are those of quicker ones.
SLOW = {"mini_av_train", "mini_av_onoff_train", "mini_speech_many"}


@cache
def _shipped() -> dict[str, DatasetConfig]:
    sets = [load_dataset_configs(name) for name in shipped_names("datasets")]
    return {config.name: config for found in sets for config in found}


def _open(name: str) -> Any:
    try:
        return open_builder(_shipped()[name], DIRS)
    except CorpusError as error:
        pytest.skip(f"the recordings of {name} are not here: {error}")


@cache
def _drawn(name: str) -> tuple[Any, dict[int, Drawn]]:
    opened = _open(name)
    return opened, {index: opened.builder.draw(index) for index in DRAWN}


def test_every_builder_has_a_shipped_config() -> None:
    assert set(BUILDERS) == {config.builder for config in _shipped().values()}


def _params() -> list[Any]:
    """Names of all shipped configs; two of each builder are quick enough for every day."""
    seen: dict[str, int] = {}
    found: list[Any] = []
    for name in sorted(_shipped().keys() - SLOW, key=lambda name: (not name.startswith("mini"), name)):
        builder = _shipped()[name].builder
        seen[builder] = seen.get(builder, 0) + 1
        found.append(name if seen[builder] <= 2 else pytest.param(name, marks=pytest.mark.long))
    return found


@pytest.fixture(params=_params())
def shipped(request: pytest.FixtureRequest) -> tuple[Any, dict[int, Drawn]]:
    return _drawn(request.param)


class TestContract:
    """Of every builder, on each shipped config that can be opened here."""

    def test_an_index_gives_the_same_in_any_order_and_from_a_fresh_builder(
        self, shipped: tuple[Any, dict[int, Drawn]]
    ) -> None:
        opened, drawn = shipped
        fresh = _open(opened.config.name).builder
        assert {index: fresh.draw(index) for index in sorted(drawn)} == drawn
        assert len({item.mixture.id for item in drawn.values()}) == len(drawn)

    def test_facts(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        opened, drawn = shipped
        assert opened.builder.count > 0
        assert opened.builder.vocabulary == tuple(sorted(set(opened.builder.vocabulary)))
        rates = {item.mixture.sample_rate_hz for item in drawn.values()}
        assert rates == {opened.builder.sample_rate_hz}

    def test_indices_beyond_the_count_are_drawn_too(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        opened, drawn = shipped
        beyond = opened.builder.draw(opened.builder.count + 10**9)
        assert beyond.mixture.id not in {item.mixture.id for item in drawn.values()}

    def test_ids_are_unique_and_safe(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        trials = [trial.id for item in shipped[1].values() for trial in item.trials]
        assert len(set(trials)) == len(trials) > 0
        for item in shipped[1].values():
            sources = [source.id for source in item.mixture.sources]
            assert len(set(sources)) == len(sources)
            for name in [item.mixture.id, *sources, *(trial.id for trial in item.trials)]:
                assert SAFE.fullmatch(name)

    def test_trials_refer_to_their_mixture(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        for item in shipped[1].values():
            sources = {source.id for source in item.mixture.sources}
            for trial in item.trials:
                assert trial.mixture_id == item.mixture.id == trial.cluster
                assert set(trial.target_ids) <= sources
                if trial.condition.n_active == trial.condition.n_inactive == 0:  # nothing is named: everything
                    assert set(trial.target_ids) == sources - {"background"}
                elif trial.recorded is None:
                    assert len(trial.target_ids) == trial.condition.n_active
                else:  # one target, which is there and has no reference
                    assert trial.target_ids == ()
                    assert (trial.condition.n_active, trial.condition.n_inactive) == (1, 0)
                    assert trial.recorded.speaker

    def test_no_recording_of_the_mixture_is_its_enrollment(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        opened, drawn = shipped
        group = {
            (name, recording.path): recording.group
            for name, corpus in opened.corpora.items()
            for recording in corpus.recordings()
        }
        for item in drawn.values():
            used = {group[s.clip.corpus, s.clip.path] for s in item.mixture.sources}
            for trial in item.trials:
                clips = [(clip.corpus, clip.path) for clip in trial.clue.enrollments]
                assert not used & {group[clip] for clip in clips}
                assert len(set(clips)) == len(clips)

    def test_classes_are_sorted_and_inactive_ones_are_not_in_the_mixture(
        self, shipped: tuple[Any, dict[int, Drawn]]
    ) -> None:
        opened, drawn = shipped
        for item in drawn.values():
            present = {source.label for source in item.mixture.sources}
            label = {source.id: source.label for source in item.mixture.sources}
            for trial in item.trials:
                classes = trial.clue.classes
                assert classes == tuple(sorted(set(classes)))
                if classes:
                    assert set(classes) & present == {label[name] for name in trial.target_ids}
                    assert len(set(classes) - present) == trial.condition.n_inactive
                    assert set(classes) <= set(opened.builder.vocabulary)

    def test_tags_can_be_told(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        for item in shipped[1].values():
            for tagged in (item.mixture, *item.trials):
                for name, value in tagged.tags.items():
                    assert name.isidentifier()
                    assert isinstance(value, str | int | float)
                    assert not isinstance(value, float) or np.isfinite(value)

    def test_the_recipe_renders_below_the_peak(self, shipped: tuple[Any, dict[int, Drawn]]) -> None:
        opened, drawn = shipped
        limit = opened.config.params.get("peak", 0.9) * (1 + 1e-5)
        for item in drawn.values():
            rendered = render(item.mixture, opened.corpora)
            assert rendered.mixture.shape == (item.mixture.num_samples,)
            assert 0 < np.abs(rendered.mixture).max() <= limit
            if not item.mixture.renderer.startswith("scaper"):  # Scaper looks at the sum alone
                assert np.abs(rendered.sources).max() <= limit
            for trial in item.trials:
                targets = [source.id in trial.target_ids for source in item.mixture.sources]
                assert all(power_db(x) > SILENT_DB for x in rendered.sources[targets])
            if item.rendered is not None:
                np.testing.assert_array_equal(rendered.mixture, item.rendered.mixture)
                np.testing.assert_array_equal(rendered.sources, item.rendered.sources)


RATE = 8000


def _label(path: str) -> str:
    return path.partition("/")[2].rpartition("/")[0]


@dataclass
class Memory:
    """Recordings that are noise of their own; a path that begins with "silent" is silent."""

    lengths: Mapping[str, int]
    groups: Mapping[str, str]
    name: str = "memory"
    version: str = "1"
    licence: str = "CC0"

    def recordings(self) -> Sequence[Recording]:
        return [
            Recording(
                path=path,
                label=_label(path),
                frames=frames,
                sample_rate_hz=RATE,
                split=path.split("/")[0].removeprefix("silent-"),
                group=self.groups.get(path, path),
                transcript=f"SAID IN {path}",
            )
            for path, frames in sorted(self.lengths.items())
        ]

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        whole = generator(path).uniform(-0.3, 0.3, self.lengths[path]).astype(np.float32)
        if path.startswith("silent"):
            whole[: RATE * 2] = 0.0
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


LABELS = ("bell", "rain drops", "öl/fass+2", "wind")


def _memory(each: int = 4, labels: Sequence[str] = LABELS, **extra: int) -> Memory:
    lengths = {f"test/{label}/{n}.wav": RATE * 2 + 999 * n for label in labels for n in range(each)}
    lengths |= {f"test/background/{n}.wav": RATE * (n + 1) for n in range(5)}
    return Memory({**lengths, **extra}, {})


def _context(corpus: Corpus, split: str = "test", seed: int = 1) -> BuildContext:
    return BuildContext(name="set", version="1", seed=seed, split=split, corpora={"x": corpus})


SOUND: dict[str, Any] = {
    "events": {"corpus": "x", "exclude": ["background"]},
    "count": 4,
    "sample_rate_hz": RATE,
    "duration_s": 3.0,
    "n_classes": [2, 2],
    "event_s": [1.0, 2.0],
    "snr_db": [-5.0, 5.0],
    "background_db": -35.0,
}
SPEECH: dict[str, Any] = {"speech": {"corpus": "x", "exclude": ["background"]}, "count": 4, "sample_rate_hz": RATE}


def _sound(corpus: Corpus | None = None, *, split: str = "test", **changed: Any) -> Any:
    context = _context(corpus or _memory(), split)
    options = {**SOUND, **changed}
    return call_with(BUILDERS.get("sound_mix"), options, where="set", given={"context": context})


def _speech(corpus: Corpus | None = None, **changed: Any) -> Any:
    given = {"context": _context(corpus or _memory())}
    return call_with(BUILDERS.get("speech_mix"), {**SPEECH, **changed}, where="set", given=given)


BACKGROUND = {"corpus": "x", "labels": ["background"]}


def test_a_new_seed_name_or_version_draws_another_set() -> None:
    identities: list[dict[str, Any]] = [
        {"name": "set", "version": "1", "seed": 1},
        {"name": "set", "version": "1", "seed": 2},
        {"name": "set", "version": "2", "seed": 1},
        {"name": "sets", "version": "1", "seed": 1},
    ]
    made = []
    for identity in identities:
        context = BuildContext(corpora={"x": _memory()}, split="test", **identity)
        builder = call_with(BUILDERS.get("sound_mix"), SOUND, where="s", given={"context": context})
        made.append(builder.draw(0).mixture)
    assert all(mixture not in made[:n] for n, mixture in enumerate(made))


@pytest.mark.parametrize("level", ["lufs", "power"])
def test_events_stand_above_the_background_by_the_snr(level: str) -> None:
    corpus = _memory()
    builder = _sound(corpus, background=BACKGROUND, snr_db=[3.0, 3.0], level=level)
    for index in range(4):
        background, *events = builder.draw(index).mixture.sources
        levels = [
            _level(source.gain * render_clip(source.clip, sample_rate_hz=RATE, corpora={"x": corpus}), level)
            for source in (background, *events)
        ]
        np.testing.assert_allclose(np.array(levels[1:]) - levels[0], 3.0, atol=2e-4)


def _level(samples: Samples, scale: str) -> float:
    return loudness_lufs(samples, RATE) if scale == "lufs" else power_db(samples)


def test_without_background_levels_are_relative_to_background_db() -> None:
    corpus = _memory()
    builder = _sound(corpus, snr_db=[7.0, 7.0], level="power", background_db=-40.0)
    for source in builder.draw(0).mixture.sources:
        clip = render_clip(source.clip, sample_rate_hz=RATE, corpora={"x": corpus})
        assert power_db(source.gain * clip) == pytest.approx(-33.0, abs=1e-4)


def test_events_have_the_length_and_lie_inside_the_mixture() -> None:
    builder = _sound(n_classes=[1, 4], event_s=[0.5, 1.5])
    counts = set()
    for index in range(30):
        mixture = builder.draw(index).mixture
        labels = [source.label for source in mixture.sources]
        assert len(set(labels)) == len(labels) == mixture.tags["n_classes"]
        counts.add(len(labels))
        for source in mixture.sources:
            assert 0.5 * RATE <= source.clip.frames <= 1.5 * RATE
            assert 0 <= source.onset <= mixture.num_samples - source.clip.frames
            assert source.fade == 80
    assert counts == {1, 2, 3, 4}


def test_backgrounds_shorter_than_the_mixture_are_left_out() -> None:
    builder = _sound(background=BACKGROUND)
    clips = [builder.draw(index).mixture.sources[0].clip for index in range(20)]
    assert {clip.path for clip in clips} == {f"test/background/{n}.wav" for n in (2, 3, 4)}
    assert {clip.frames for clip in clips} == {3 * RATE}
    with pytest.raises(DatasetError, match=r"no recording of label 'background' of at least 6.0 s"):
        _sound(background=BACKGROUND, duration_s=6.0)


def test_a_silent_target_is_counted_and_never_asked_for() -> None:
    silent = {f"silent-test/mute/{n}.wav": RATE * 2 for n in range(3)}
    corpus = _memory(labels=["bell", "wind", "dog"], **silent)
    builder = _sound(
        corpus,
        events={"corpus": "x", "labels": ["bell", "mute", "wind", "dog"]},
        n_classes=[3, 3],
        conditions=["1:0", "3:0", "0:1"],
        targets="all",
    )
    held = 0
    for index in range(12):
        drawn = builder.draw(index)
        labels = {source.label for source in drawn.mixture.sources}
        asked = {tuple(sorted(trial.clue.classes)) for trial in drawn.trials}
        if "mute" not in labels:
            assert drawn.excluded == {}
            continue
        held += 1
        assert drawn.excluded == {"silent_target": 1}
        assert not any("mute" in classes for classes in asked)
        assert {str(trial.condition) for trial in drawn.trials} == {"1:0", "0:1"}
    assert held > 3


def test_a_background_of_an_event_class_is_not_that_event() -> None:
    """A loud background does not make a silent event of the same label audible."""
    silent = {f"silent-test/mute/{n}.wav": RATE * 2 for n in range(3)}
    corpus = _memory(labels=["bell"], **silent, **{"long/mute/0.wav": RATE * 5})
    background = {"corpus": "x", "labels": ["mute"], "split": "long"}
    builder = _sound(corpus, events={"corpus": "x", "labels": ["bell", "mute"]}, background=background)
    drawn = builder.draw(0)
    assert [source.label for source in drawn.mixture.sources].count("mute") == 2
    assert drawn.excluded == {"silent_target": 1}
    assert [trial.clue.classes for trial in drawn.trials] == [("bell",)]


def test_confusable_and_chosen_inactive_classes() -> None:
    builder = _sound(
        conditions=["0:1"],
        n_classes=[1, 1],
        background=BACKGROUND,
        confusable={"bell": ["wind"], "background": ["rain drops"]},
    )
    for index in range(20):
        drawn = builder.draw(index)
        (inactive,) = drawn.trials[0].clue.classes
        present = drawn.mixture.sources[1].label
        assert inactive not in {present, "rain drops", "wind" if present == "bell" else ""}
    few = _sound(conditions=["0:1"], n_classes=[1, 1], inactive_labels=["bell", "wind"])
    assert {few.draw(n).trials[0].clue.classes[0] for n in range(20)} == {"bell", "wind"}
    scarce = _sound(conditions=["0:1"], n_classes=[1, 1], inactive_labels=["bell"])
    with pytest.raises(DatasetError, match="only 0 of the vocabulary"):
        [scarce.draw(index) for index in range(20)]


def test_ids_tell_neither_label_nor_condition() -> None:
    builder = _sound(split="test", conditions=["1:0", "1:1", "0:1", "0:2"])
    at_first = set()
    for index in range(24):
        trials = builder.draw(index).trials
        assert [trial.id for trial in trials] == [f"test-{index:06d}_q{n}" for n in range(4)]
        assert {str(trial.condition) for trial in trials} == {"1:0", "1:1", "0:1", "0:2"}
        at_first.add(str(trials[0].condition))
    assert at_first == {"1:0", "1:1", "0:1", "0:2"}


def test_labels_and_splits_of_any_characters() -> None:
    lengths = {f"fold 1 ä/{label}/{n}.wav": RATE * 2 for label in LABELS for n in range(3)}
    builder = _sound(Memory(lengths, {}), split="fold 1 ä", events={"corpus": "x"}, clues=["classes", "enrollment"])
    drawn = builder.draw(7)
    assert drawn.mixture.id == "fold_1__-000007"
    assert drawn.trials[0].id == "fold_1__-000007_q0"
    targets = {builder.draw(index).trials[0].tags["target"] for index in range(20)}
    assert targets == set(LABELS)


def _enrollments(trial: Trial) -> list[tuple[str, str]]:
    return [(_label(clip.path), clip.path) for clip in trial.clue.enrollments]


def test_enrollments_follow_the_classes_and_all_are_drawn_for_each_mixture() -> None:
    builder = _sound(_memory(each=9), conditions=["1:2"], clues=["enrollment", "classes"], enrollments=2)
    inactive: dict[str, set[tuple[str, ...]]] = {}
    active: dict[str, set[tuple[str, ...]]] = {}
    for index in range(40):
        drawn = builder.draw(index)
        (trial,) = drawn.trials
        found = _enrollments(trial)
        assert [label for label, _ in found] == [c for c in trial.clue.classes for _ in range(2)]
        present = {source.label for source in drawn.mixture.sources}
        for label in trial.clue.classes:
            paths = tuple(path for name, path in found if name == label)
            (active if label in present else inactive).setdefault(label, set()).add(paths)
    assert all(len(lists) > 3 for lists in (*inactive.values(), *active.values()))
    assert set(inactive) == set(active) == set(LABELS)


def test_only_enrollment_leaves_the_classes_unsaid() -> None:
    (trial,) = _sound(clues=["enrollment"]).draw(0).trials
    assert trial.clue.kinds() == {"enrollment"}


def test_enrollments_leave_out_groups_of_the_mixture() -> None:
    """All but the last recording of "bell" come from the uploader who made the used "wind"."""
    corpus = _memory(labels=["bell", "wind"])
    groups = {f"test/bell/{n}.wav": "anna" for n in range(3)} | {"test/wind/0.wav": "anna"}
    context = _context(Memory(corpus.lengths, groups))
    pool = open_pool(Selection(corpus="x", labels=("bell",)), context)
    wind = open_pool(Selection(corpus="x", labels=("wind",)), context)
    used = [stretch(wind, wind.by_label["wind"][0], seconds=1.0)]
    for seed in range(10):
        clips = enrollment_clips(pool, "bell", used=used, rng=generator(seed), count=1, max_s=0.5)
        assert [(clip.path, clip.start, clip.frames) for clip in clips] == [("test/bell/3.wav", 0, RATE // 2)]
    with pytest.raises(DatasetError, match=r"'bell' of corpus 'x' has 1 recordings .* 2 are needed"):
        enrollment_clips(pool, "bell", used=used, rng=generator(0), count=2, max_s=0.5)


@pytest.mark.parametrize("make", [_sound, _speech])
def test_one_recording_for_each_label_has_none_left_for_enrollment(make: Any) -> None:
    options = {"clues": ["enrollment"]} if make is _sound else {}
    builder = make(_memory(each=1), **options)
    with pytest.raises(DatasetError, match="has 0 recordings that the mixture does not use, but 1"):
        builder.draw(0)


WRONG_SOUND: list[tuple[dict[str, Any], str]] = [
    ({"n_classes": [3, 2]}, "n_classes = [3, 2] must be rising"),
    ({"n_classes": [1, 5]}, "the 4 classes of the vocabulary"),
    ({"conditions": ["3:0"]}, "may hold only 2"),
    ({"conditions": []}, "conditions = []"),
    ({"conditions": ["1:0", "1:0"]}, "condition 1:0 is listed twice"),
    ({"conditions": [63]}, "write '1:3'"),
    ({"clues": []}, "clues = []"),
    ({"count": 0}, "count = 0"),
    ({"duration_s": 0}, "duration_s = 0"),
    ({"event_s": [1.0, 4.0]}, "longer than the mixture"),
    ({"snr_db": [5.0, -5.0]}, "[5.0, -5.0] falls"),
    ({"peak": 1.5}, "peak = 1.5"),
    ({"confusable": {"bel": ["wind"]}}, "no class 'bel' in this set; did you mean 'bell'"),
    ({"inactive_labels": ["winnd"]}, "did you mean 'wind'"),
    ({"events": {"corpus": "y"}}, "no corpus 'y' in this config"),
    ({"events": {"corpus": "x", "labels": ["bel"]}}, "has no label 'bel'; did you mean 'bell'"),
    ({"events": {"corpus": "x", "exclude": ["bel"]}}, "has no label 'bel'; did you mean 'bell'"),
    ({"events": {"corpus": "x", "labels": []}}, "no label is left of labels = []"),
    (
        {"events": {"corpus": "x", "labels": ["bell"], "exclude": ["bell"]}},
        "no label is left of labels = ['bell'] without exclude = ['bell']",
    ),
    ({"events": {"corpus": "x", "split": "train"}}, "in split 'train' (its splits: test)"),
    ({"events": {"corpus": "x", "min_s": 99}}, "no recording of at least 99.0 s"),
    ({"cuont": 3}, "unknown key 'cuont'; did you mean 'count'"),
    ({"context": None}, "unknown key 'context'"),
]


@pytest.mark.parametrize(("changed", "message"), WRONG_SOUND, ids=[m for _, m in WRONG_SOUND])
def test_wrong_parameters_give_one_clear_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(TsebenchError, match=re.escape(message)) as caught:
        _sound(**changed)
    assert "\n" not in str(caught.value)


def test_labels_and_exclude_together() -> None:
    events = {"corpus": "x", "labels": ["wind", "bell", "rain drops"], "exclude": ["bell", "öl/fass+2"]}
    assert _sound(events=events).vocabulary == ("rain drops", "wind")


def test_a_named_label_without_recordings_in_the_split_is_an_error() -> None:
    """It would silently be missing from the vocabulary."""
    corpus = _memory(**{"train/owl/0.wav": RATE * 2})
    with pytest.raises(DatasetError, match=r"no recording of label 'owl' of at least 0\.0 s in split"):
        _sound(corpus, events={"corpus": "x", "labels": ["bell", "owl", "wind"]})
    assert "owl" not in _sound(corpus).vocabulary


def test_a_stretch_lies_where_the_position_says() -> None:
    pool = open_pool(Selection(corpus="x"), _context(_memory()))
    recording = pool.by_label["bell"][0]
    clips = [stretch(pool, recording, seconds=0.5, position=p) for p in (0.0, 0.5, 0.999999)]
    assert [clip.start for clip in clips] == [0, 6000, 11_999]
    assert {clip.frames for clip in clips} == {4000}
    assert stretch(pool, recording, seconds=9.0, position=0.7).start == 0


def _speakers(mixture: Mixture) -> list[Any]:
    return [source for source in mixture.sources if source.role == "foreground"]


def test_min_mode_cuts_to_the_shortest_and_keeps_the_transcript_of_what_is_whole() -> None:
    builder = _speech(_memory(each=6), n_speakers=3)
    for index in range(10):
        mixture = builder.draw(index).mixture
        assert mixture.num_samples == min(source.clip.frames for source in mixture.sources)
        for source in mixture.sources:
            whole = source.clip.frames <= mixture.num_samples
            assert source.transcript == (f"SAID IN {source.clip.path}" if whole else None)
            assert source.onset == 0


@pytest.mark.parametrize(("overlap", "share"), [(None, 1.0), ([0.0, 0.0], 0.0), ([0.5, 0.5], 0.5)])
def test_max_mode_keeps_all_utterances_and_transcripts(overlap: list[float] | None, share: float) -> None:
    builder = _speech(n_speakers=3, mode="max", overlap=overlap)
    for index in range(5):
        mixture = builder.draw(index).mixture
        ends = [source.onset + source.clip.frames for source in mixture.sources]
        assert mixture.num_samples == max(ends)
        assert all(source.transcript for source in mixture.sources)
        for first, second in pairwise(mixture.sources):
            if overlap is None:
                assert second.onset == 0
                continue
            shorter = min(first.clip.frames, second.clip.frames)
            overlapping = first.onset + first.clip.frames - second.onset
            assert overlapping == pytest.approx(share * shorter, abs=0.5)


def test_speech_levels() -> None:
    """A fixed ratio is met within the rounding of gains, whatever the peak scaling did."""
    corpus = _memory()
    builder = _speech(corpus, snr_db=[4.0, 4.0], noise=BACKGROUND, noise_snr_db=[12.0, 12.0])
    for index in range(5):
        sources = builder.draw(index).mixture.sources
        levels = [power_db(s.gain * render_clip(s.clip, sample_rate_hz=RATE, corpora={"x": corpus})) for s in sources]
        assert [source.id for source in sources] == ["s1", "s2", "noise"]
        assert levels[0] - levels[1] == pytest.approx(4.0, abs=2e-4)
        assert levels[0] - levels[2] == pytest.approx(12.0, abs=2e-4)
        assert sources[2].clip.frames == builder.draw(index).mixture.num_samples


def test_noise_that_is_too_short_is_refused() -> None:
    lengths = {"test/background/9.wav": RATE}
    corpus = Memory({k: v for k, v in _memory().lengths.items() if "background" not in k} | lengths, {})
    with pytest.raises(ConfigError, match="has no recording of 2"):
        _speech(corpus, noise=BACKGROUND).draw(0)


def test_an_utterance_of_which_min_mode_leaves_silence_is_no_target() -> None:
    late = {f"silent-test/late/{n}.wav": RATE * 3 for n in range(3)}
    corpus = _memory(labels=["bell"], **late)
    corpus.lengths = {k: RATE if "bell" in k else v for k, v in corpus.lengths.items()}
    drawn = _speech(corpus).draw(0)
    (trial,) = drawn.trials
    assert trial.tags["target"] == "bell"
    assert drawn.excluded == {"silent_target": 1}
    assert _speech(corpus, mode="max").draw(0).excluded == {}


def test_speech_trials() -> None:
    builder = _speech(n_speakers=3)
    drawn = builder.draw(0)
    assert [t.id for t in drawn.trials] == [f"test-000000_s{n}" for n in (1, 2, 3)]
    for trial, source in zip(drawn.trials, _speakers(drawn.mixture), strict=True):
        assert trial.tags["target"] == source.label
        assert [label for label, _ in _enrollments(trial)] == [source.label]
    assert builder.vocabulary == ()
    assert len(_speech(targets="first").draw(0).trials) == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_speakers": 5}, "n_speakers = 5 is more than the 4 speakers"),
        ({"n_speakers": 0}, "n_speakers = 0"),
        ({"overlap": [0.1, 0.2]}, "overlap needs `mode: max`"),
        ({"overlap": [0.1, 1.2], "mode": "max"}, "overlap.1 = 1.2"),
        ({"mode": "mean"}, "mode = 'mean'"),
    ],
)
def test_wrong_speech_parameters(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        _speech(**changed)


def test_a_silent_utterance_is_named() -> None:
    silent = {f"silent-test/mute/{n}.wav": RATE for n in range(2)}
    with pytest.raises(ConfigError, match=r"'silent-test/mute/[01]\.wav' of corpus 'x' is silent"):
        _speech(_memory(labels=["bell"], **silent)).draw(0)
