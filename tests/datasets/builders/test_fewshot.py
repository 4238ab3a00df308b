"""Few-shot sets: what is known of a new class never meets what is tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from helpers.paths import SHARED
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tsebench.core.errors import ConfigError, CorpusError, DatasetError
from tsebench.core.validation import call_with
from tsebench.datasets.config import load_dataset_configs, open_builder
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext
from tsebench.datasets.protocols.corpus import Recording, Samples
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.mixing import SILENT_DB, power_db

DATA = SHARED
RATE = 8000
SEEN = ("s0", "s1", "s2", "s3", "s4")
NEW = ("n0", "n1", "n2")


@dataclass
class Sounds:
    """Clips of seen and new classes; uploaders have several each, of any class."""

    clips: int = 12
    uploaders: int = 40
    silent: frozenset[str] = frozenset()
    name: str = "sounds"
    version: str = "1"
    licence: str = "CC0"

    def recordings(self) -> Sequence[Recording]:
        return sorted(
            (
                self._recording(f"{label}/{split}{n}.wav", label, split)
                for label in (*SEEN, *NEW)
                for split in ("train", "test")
                for n in range(self.clips)
            ),
            key=lambda recording: recording.path,
        )

    def _recording(self, path: str, label: str, split: str) -> Recording:
        rng = generator("clip", path)
        return Recording(
            path=path,
            label=label,
            frames=int(rng.integers(4000, 9000)),
            sample_rate_hz=RATE,
            split=split,
            group=f"user{rng.integers(self.uploaders)}",
        )

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        length = self._recording(path, "", "").frames
        whole = generator(path).uniform(-0.3, 0.3, length).astype(np.float32)
        if path in self.silent:
            whole[:] = 0.0
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


def _builder(
    corpora: Mapping[str, Any] | None = None, *, split: str = "test", name: str = "set", seed: int = 1, **changed: Any
) -> Any:
    options: dict[str, Any] = {
        "seen": {"corpus": "sounds", "labels": list(SEEN)},
        "new": {"corpus": "sounds", "labels": list(NEW)},
        "shots": 3,
        "reserved": 5,
        "shots_split": "train",
        "count": 5,
        "duration_s": 3.0,
        "event_s": [0.3, 1.0],
        "clues": ["classes", "enrollment"],
        **changed,
    }
    opened = corpora or {"sounds": Sounds()}
    context = BuildContext(name=name, version="1", seed=seed, split=split, corpora=opened)
    return call_with(BUILDERS.get("fewshot"), options, where="s", given={"context": context})


GROUP = {recording.path: recording.group for recording in Sounds(clips=30).recordings()}


def _events(drawn: Any) -> dict[str, str]:
    """Path by label."""
    return {s.label: s.clip.path for s in drawn.mixture.sources if s.role == "foreground"}


PLENTY = Sounds(clips=30)
"""Enough for five enrollments of a class, though the uploaders of all shots are left out."""


@pytest.mark.long
@example(517254, 5, "test", "scaper", ["1:1", "0:2"], "seen")  # too many for twelve clips
@settings(max_examples=40, deadline=None)
@given(
    index=st.integers(0, 2**40),
    shots=st.integers(1, 5),
    shots_split=st.sampled_from(["train", "test"]),
    renderer=st.sampled_from(["scaper", "standard"]),
    conditions=st.sampled_from([["1:0"], ["1:1", "0:2"], ["1:3", "1:0", "0:1"]]),
    inactive=st.sampled_from(["seen", "new", "all"]),
)
def test_what_is_known_never_meets_what_is_tested(  # noqa: PLR0917 (hypothesis names them)
    index: int, shots: int, shots_split: str, renderer: str, conditions: list[str], inactive: str
) -> None:
    if inactive == "new" and "1:3" in conditions:
        conditions = ["1:1"]  # two new classes are left
    builder = _builder(
        {"sounds": PLENTY},
        shots=shots,
        shots_split=shots_split,
        renderer=renderer,
        conditions=conditions,
        inactive=inactive,
    )
    drawn = builder.draw(index)
    events = _events(drawn)
    assert len(events) == 3
    assert len(set(events) & set(SEEN)) == 2
    assert all(path.split("/")[1].startswith("test") for path in events.values())
    used = {GROUP[path] for path in events.values()}
    for trial in drawn.trials:
        active = set(trial.clue.classes) & set(events)
        others = set(trial.clue.classes) - active
        assert active <= set(NEW)
        assert others <= {"seen": set(SEEN), "new": set(NEW), "all": {*SEEN, *NEW}}[inactive]
        clips = [clip.path for clip in trial.clue.enrollments]
        assert len(clips) == shots * len(trial.clue.classes)
        assert not used & {GROUP[path] for path in clips}
        assert trial.tags["shots"] == shots
        assert trial.tags["target_class"] == ("new" if active else "none")


def test_shots_nest_and_tests_are_the_same_for_every_k() -> None:
    by_k = {k: _builder(shots=k, name=f"k{k}", family="one") for k in (1, 3, 5)}
    for index in range(6):
        drawn = {k: builder.draw(index) for k, builder in by_k.items()}
        assert drawn[1].mixture == drawn[3].mixture == drawn[5].mixture
        lists = [[c.path for c in drawn[k].trials[0].clue.enrollments] for k in (1, 3, 5)]
        assert [len(clips) for clips in lists] == [1, 3, 5]
        assert lists[0] == lists[1][:1] == lists[2][:1]
        assert lists[1] == lists[2][:3]


def test_adaptation_mixes_the_known_clips_of_the_test() -> None:
    test, adaptation = (_builder(family="f"), _builder(family="f", split="train", part="adaptation", count=9))
    known: dict[str, set[str]] = {}
    for index in range(30):
        drawn = test.draw(index)
        (label,) = set(_events(drawn)) & set(NEW)
        clips = {c.path for t in drawn.trials for c in t.clue.enrollments}
        assert known.setdefault(label, clips) == clips
    mixed: dict[str, set[str]] = {label: set() for label in NEW}
    for index in range(80):
        drawn = adaptation.draw(index)
        (label,) = set(_events(drawn)) & set(NEW)
        path = _events(drawn)[label]
        mixed[label].add(path)
        for trial in drawn.trials:
            enrolled = {clip.path for clip in trial.clue.enrollments}
            assert enrolled <= known[label] - {path}
    assert mixed == known


def test_ask() -> None:
    for ask, expected in (("new", {"new"}), ("seen", {"seen"}), ("all", {"seen", "new"})):
        builder = _builder(ask=ask, targets="all")
        tags = [t.tags["target_class"] for n in range(8) for t in builder.draw(n).trials]
        assert set(tags) == expected
        assert len(tags) == 8 * {"new": 1, "seen": 2, "all": 3}[ask]
    both = [t.tags["target_class"] for t in _builder(ask="all", conditions=["3:0"]).draw(0).trials]
    assert both == ["new+seen"]


def test_two_corpora() -> None:
    corpora = {"sounds": Sounds(), "more": Sounds(name="more")}
    builder = _builder(corpora, new={"corpus": "more", "labels": list(NEW)})
    for index in range(5):
        drawn = builder.draw(index)
        corpus_of = {s.label: s.clip.corpus for s in drawn.mixture.sources}
        assert {corpus_of[label] for label in corpus_of if label in NEW} == {"more"}
        assert {clip.corpus for t in drawn.trials for clip in t.clue.enrollments} == {"more"}


def test_the_reference_is_heard() -> None:
    for renderer in ("scaper", "standard"):
        drawn = _builder(renderer=renderer).draw(0)
        rendered = render(drawn.mixture, {"sounds": Sounds()})
        assert all(power_db(samples) > SILENT_DB for samples in rendered.sources)


def test_silent_clips_are_no_shots() -> None:
    silent = frozenset(r.path for r in Sounds().recordings() if r.path.startswith("n1/train"))
    with pytest.raises(DatasetError, match=r"'n1' of .* has 0 audible recordings to take shots = 3"):
        _builder({"sounds": Sounds(silent=silent)})


Change = Callable[[], Any]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda: _builder(shots=6), ConfigError, "shots = 6 is above reserved = 5"),
        (lambda: _builder(shots=13, reserved=13), DatasetError, "has 12 audible recordings to take shots = 13 from"),
        (
            lambda: _builder(shots_split="test", reserved=12),
            DatasetError,
            "class '..' of corpus 'sounds' has no recording for mixtures besides the reserved",
        ),
        (
            lambda: _builder(part="adaptation", split="train", shots=1),
            ConfigError,
            "no other clip to enroll with; set clues",
        ),
        (
            lambda: _builder(new={"corpus": "sounds", "labels": ["n0", "s1"]}),
            ConfigError,
            "class 's1' is both seen and new",
        ),
        (lambda: _builder(n_new=4), ConfigError, "n_new = 4, but there are 3"),
        (lambda: _builder(n_seen=6), ConfigError, "n_seen = 6, but there are 5"),
        (lambda: _builder(conditions=["2:0"]), ConfigError, "may hold only 1"),
        (lambda: _builder(new={"corpus": "sound"}), ConfigError, "did you mean 'sounds'"),
        (
            lambda: _builder(conditions=["1:3"], inactive="new").draw(0),
            DatasetError,
            "only 2 of the vocabulary are not in the mixture",
        ),
    ],
)
def test_what_cannot_be_is_told(change: Change, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        change()


@pytest.mark.parametrize(
    "name",
    [
        "fewshot_synthetic_1shot",
        "fewshot_synthetic_10shot_adaptation",
        "fewshot_esc10_5shot",
        "fewshot_esc10_5shot_adaptation",
    ],
)
def test_shipped_sets(name: str) -> None:
    config = load_dataset_configs(name)[0]
    try:
        opened = open_builder(config, {"esc10": DATA / "esc10"} if DATA.is_dir() else {})
    except CorpusError as error:
        pytest.skip(f"the recordings of {name} are not here: {error}")
    new = set(config.params["new"]["labels"])
    assert new < set(opened.builder.vocabulary)
    for index in range(3):
        drawn = opened.builder.draw(index)
        assert len(set(_events(drawn)) & new) == 1
        assert len(drawn.trials) == len(config.params["conditions"])
