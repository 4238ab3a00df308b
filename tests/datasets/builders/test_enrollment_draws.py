"""An enrollment file must not give away whether its class is in the mixture."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from tsebench.core.validation import call_with
from tsebench.datasets.config import load_dataset_configs, open_builder
from tsebench.datasets.dynamic import TrialStream
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext, Drawn
from tsebench.datasets.protocols.corpus import Recording, Samples
from tsebench.datasets.seeding import generator
from tsebench.datasets.types import Clip

RATE = 8000
CLASSES = tuple(f"class{n}" for n in range(8))
SWEEP: dict[str, object] = {"conditions": ["1:0", "1:1", "1:3", "0:1"]}


@dataclass
class Sounds:
    """Eight clips of each class; one uploader made half of them, and so half of those that mixtures hold."""

    name: str = "sounds"
    version: str = "1"
    licence: str = "CC0"

    def recordings(self) -> Sequence[Recording]:
        return [
            Recording(
                path=f"{label}/{n}.wav",
                label=label,
                frames=4000 + 100 * n,
                sample_rate_hz=RATE,
                split="test",
                group=f"{label}-{max(n, 3)}",
            )
            for label in CLASSES
            for n in range(8)
        ]

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        whole = generator(path).uniform(-0.3, 0.3, 4800).astype(np.float32)
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


def _context() -> BuildContext:
    return BuildContext(name="set", version="1", seed=1, split="test", corpora={"sounds": Sounds()})


def _sound_mix(**changed: object) -> Any:
    options = {
        "events": {"corpus": "sounds"},
        "count": 4,
        "sample_rate_hz": RATE,
        "duration_s": 1.0,
        "event_s": [0.3, 0.5],
        "renderer": "scaper",
        "peak": 1.0,
        "clues": ["classes", "enrollment"],
        **SWEEP,
        **changed,
    }
    return call_with(BUILDERS.get("sound_mix"), options, where="s", given={"context": _context()})


def _fewshot(**changed: object) -> Any:
    options = {
        "seen": {"corpus": "sounds", "labels": CLASSES[:3]},
        "new": {"corpus": "sounds", "labels": CLASSES[3:]},
        "shots": 3,
        "reserved": 4,
        "count": 4,
        "duration_s": 1.0,
        "event_s": [0.3, 0.5],
        "inactive": "new",
        "clues": ["classes", "enrollment"],
        **SWEEP,
        **changed,
    }
    return call_with(BUILDERS.get("fewshot"), options, where="s", given={"context": _context()})


class Enrolled(NamedTuple):
    """One enrollment file of a trial; `active` is what a guess is about."""

    trial: str
    mixture: str
    label: str
    path: str
    frames: int
    rank: int
    number: int  # of enrollments of this trial
    active: bool


def _enrolled(drawn: Iterable[Drawn]) -> list[Enrolled]:
    found = []
    for item in drawn:
        label = {source.id: source.label for source in item.mixture.sources}
        for trial in item.trials:
            active = {label[name] for name in trial.target_ids}
            clips = [clip for clip in trial.clue.enrollments if isinstance(clip, Clip)]
            for rank, clip in enumerate(clips):
                of = next(name for name in trial.clue.classes if name in clip.path)
                found.append(
                    Enrolled(
                        trial.id,
                        item.mixture.id,
                        of,
                        clip.path,
                        clip.frames,
                        rank,
                        len(clips) // len(trial.clue.classes),
                        of in active,
                    )
                )
    return found


def _guessed(items: Sequence[Enrolled], feature: Callable[[Enrolled], object], *, seed: int) -> tuple[float, float]:
    """Share of right guesses from a feature, learnt on half of the trials, in the other half; and of the majority."""
    trials = sorted({item.trial for item in items})
    chosen = generator("halves", seed).permutation(len(trials))
    known = {trials[int(n)] for n in chosen[: len(trials) // 2]}
    learnt: dict[object, Counter[bool]] = defaultdict(Counter)
    for item in items:
        if item.trial in known:
            learnt[feature(item)][item.active] += 1
    total = sum(learnt.values(), Counter())
    majority = total.most_common(1)[0][0]

    def guess(item: Enrolled) -> bool:
        votes = learnt.get(feature(item), Counter())
        return majority if votes[True] == votes[False] else votes[True] > votes[False]

    tested = [item for item in items if item.trial not in known]
    right = np.mean([guess(item) == item.active for item in tested])
    return float(right), float(np.mean([majority == item.active for item in tested]))


def _features(items: Sequence[Enrolled]) -> dict[str, Callable[[Enrolled], object]]:
    often = Counter(item.path for item in items)
    return {
        "name": lambda item: item.path,
        "length": lambda item: item.frames,
        "rank": lambda item: item.rank,
        "number": lambda item: item.number,
        "how often it occurs": lambda item: often[item.path],
        "how often it occurs for its class": lambda item: (item.label, often[item.path]),
    }


def _gains(items: Sequence[Enrolled]) -> dict[str, float]:
    """By how much guesses from each feature are better than the majority, in the mean of four halvings."""
    gains = {}
    for name, feature in _features(items).items():
        pairs = [_guessed(items, feature, seed=seed) for seed in range(4)]
        gains[name] = float(np.mean([right - majority for right, majority in pairs]))
    return gains


BUILT: dict[str, Callable[[], Any]] = {
    "sound_mix": _sound_mix,
    "sound_mix of two enrollments": lambda: _sound_mix(enrollments=2),
    "sound_mix of every target": lambda: _sound_mix(targets="all", conditions=["1:2"]),
    "fewshot": _fewshot,
    "fewshot to adapt with": lambda: _fewshot(part="adaptation"),
}


@pytest.mark.parametrize("name", BUILT)
def test_an_enrollment_does_not_tell_whether_its_class_is_there(name: str) -> None:
    builder = BUILT[name]()
    items = _enrolled(builder.draw(index) for index in range(400))
    assert {item.active for item in items} == {True, False}
    gains = _gains(items)
    assert max(gains.values()) < 0.025, gains


@pytest.mark.parametrize("name", ["mini_sounds", "fewshot_synthetic_5shot", "fewshot_synthetic_5shot_adaptation"])
def test_shipped_sets_do_not_tell(name: str) -> None:
    opened = open_builder(load_dataset_configs(name)[0], {})
    items = [item._replace(label=item.label) for item in _enrolled(opened.builder.draw(index) for index in range(100))]
    gains = _gains(items)
    assert max(gains.values()) < 0.06, gains


def test_without_inactive_classes_all_queries_of_a_mixture_have_the_same_clips() -> None:
    alone, several = _sound_mix(conditions=["1:0"]), _sound_mix(conditions=["1:0", "2:0", "3:0"])
    for index in range(10):
        (one,) = alone.draw(index).trials
        more = several.draw(index).trials
        assert all(set(one.clue.enrollments) <= set(trial.clue.enrollments) for trial in more)


def test_a_class_of_one_uploader_can_be_inactive() -> None:
    """No mixture can hold it, since nothing would be left to enroll it with."""
    builder = _fewshot(seen={"corpus": "sounds", "labels": CLASSES[:3]}, shots=1, part="test", conditions=["1:4"])
    (trial,) = builder.draw(0).trials
    assert len(trial.clue.enrollments) == 5


def test_a_version_may_keep_the_mixtures_of_an_earlier_one() -> None:
    config = load_dataset_configs("mini_sounds")[0]
    assert (config.version, config.mixtures_of) == ("2", "1")
    earlier = config.model_copy(update={"version": "1", "mixtures_of": None})
    fresh = config.model_copy(update={"mixtures_of": None})
    new, old, other = (open_builder(c, {}).builder.draw(0) for c in (config, earlier, fresh))
    assert new.mixture == old.mixture != other.mixture


def test_streams_of_queries_without_inactive_classes_are_those_of_the_earlier_version() -> None:
    """So that networks trained on them need not be trained again."""
    config = load_dataset_configs("mini_sounds")[0]
    fmq = config.model_copy(update={"params": {**config.params, "conditions": ["1:0"]}, "split": "train"})
    new = TrialStream(open_builder(fmq, {}))
    old = TrialStream(open_builder(fmq.model_copy(update={"version": "1", "mixtures_of": None}), {}))
    assert [new.drawn(n) for n in range(5)] == [old.drawn(n) for n in range(5)]
    assert new.fingerprint != old.fingerprint
