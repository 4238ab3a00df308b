"""Query conditions over sets of sound mixtures, and the shipped sets of the papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.trees.audio import save
from helpers.trees.reverb_noise import make_reverb_noise
from hypothesis import given, settings
from hypothesis import strategies as st

from tsebench.core.errors import ConfigError, DatasetError
from tsebench.core.validation import call_with
from tsebench.datasets.config import load_dataset_configs, open_builder
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext, Drawn
from tsebench.datasets.protocols.corpus import Corpus, Recording, Samples
from tsebench.datasets.queries import Sweep, expand_conditions
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.mixing import SILENT_DB, power_db
from tsebench.datasets.types import Condition, Trial

RATE = 8000
CLASSES = tuple(f"class{n}" for n in range(9))
SCENES = ("bus", "park")


@dataclass
class Sounds:
    """Nine classes of two groups of noise each, some of them silent, and two scenes."""

    silent: frozenset[str] = frozenset()
    name: str = "sounds"
    version: str = "1"
    licence: str = "CC0"

    def recordings(self) -> Sequence[Recording]:
        made = [
            Recording(
                path=f"{label}/{n}.wav",
                label=label,
                frames=4000 + 700 * n if label in CLASSES else 6 * RATE,
                sample_rate_hz=RATE,
                split="test",
                group=f"{label}-{n // 2}",
            )
            for label in (*CLASSES, *SCENES)
            for n in range(6)
        ]
        return sorted(made, key=lambda recording: recording.path)

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        length = next(r.frames for r in self.recordings() if r.path == path)
        whole = generator(path).uniform(-0.3, 0.3, length).astype(np.float32)
        if path.partition("/")[0] in self.silent:
            whole[:] = 0.0
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


def _builder(corpus: Corpus, **changed: Any) -> Any:
    options: dict[str, Any] = {
        "events": {"corpus": "sounds", "exclude": list(SCENES)},
        "background": {"corpus": "sounds", "labels": list(SCENES)},
        "count": 5,
        "sample_rate_hz": RATE,
        "duration_s": 3.0,
        "event_s": [0.3, 1.0],
        "n_classes": [3, 4],
        "clues": ["classes", "enrollment"],
        "renderer": "scaper",
        "peak": 1.0,
        **changed,
    }
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora={"sounds": corpus})
    return call_with(BUILDERS.get("sound_mix"), options, where="s", given={"context": context})


conditions = st.lists(
    st.one_of(
        st.builds("{}:{}".format, st.integers(1, 3), st.integers(0, 5)), st.builds("0:{}".format, st.integers(1, 5))
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(max_examples=40, deadline=None)
@given(
    conditions=conditions,
    index=st.integers(0, 2**40),
    targets=st.sampled_from(["one", "all"]),
    renderer=st.sampled_from(["scaper", "standard"]),
    silent=st.frozensets(st.sampled_from(CLASSES), max_size=2),
)
def test_what_every_condition_promises(
    conditions: list[str], index: int, targets: str, renderer: str, silent: frozenset[str]
) -> None:
    corpus = Sounds(silent)
    builder = _builder(corpus, conditions=conditions, targets=targets, renderer=renderer)
    # Silent recordings cannot enroll: a system gets no clue of them.
    if silent and renderer == "scaper":
        builder = _builder(corpus, conditions=conditions, targets=targets, clues=["classes"])
    drawn = builder.draw(index)
    label = {source.id: source.label for source in drawn.mixture.sources}
    role = {source.id: source.role for source in drawn.mixture.sources}
    present = set(label.values())
    audible = {name for key, name in label.items() if role[key] == "foreground"} - silent
    lost = {name for key, name in label.items() if role[key] == "foreground"} & silent
    assert drawn.excluded == ({"silent_target": len(lost)} if lost else {})
    wanted = [tuple(map(int, text.split(":"))) for text in conditions]
    for n_active, n_inactive in wanted:
        found = [t for t in drawn.trials if (t.condition.n_active, t.condition.n_inactive) == (n_active, n_inactive)]
        many = len(audible) if n_active == 1 and targets == "all" else 1
        assert len(found) == (many if n_active <= len(audible) else 0)
    for trial in drawn.trials:
        _check(trial, label, present, audible, corpus)
    _check_nesting(drawn, present)


def _check(trial: Trial, label: Mapping[str, str], present: set[str], audible: set[str], corpus: Corpus) -> None:
    active = {label[name] for name in trial.target_ids}
    inactive = set(trial.clue.classes) - active
    assert active <= audible
    assert not inactive & present
    assert inactive <= set(CLASSES)
    assert len(active) == len(trial.target_ids) == trial.condition.n_active
    assert len(inactive) == trial.condition.n_inactive
    assert trial.clue.classes == tuple(sorted(trial.clue.classes))
    if trial.clue.enrollments:
        enrolled = [clip.path.split("/")[0] for clip in trial.clue.enrollments]
        assert enrolled == list(trial.clue.classes)
    assert trial.tags["scene"] in SCENES


def _check_nesting(drawn: Drawn, present: set[str]) -> None:
    """Of two conditions the inactive classes of the smaller are among those of the larger."""
    inactive = sorted((set(t.clue.classes) - present for t in drawn.trials), key=len)
    for smaller, larger in pairwise(inactive):
        assert smaller <= larger


def test_enrollments_leave_out_the_groups_of_the_mixture() -> None:
    corpus = Sounds()
    group = {recording.path: recording.group for recording in corpus.recordings()}
    builder = _builder(corpus, conditions=["1:3", "0:1"], enrollments=2)
    inactive: dict[str, set[tuple[str, ...]]] = {}
    for index in range(40):
        drawn = builder.draw(index)
        used = {group[source.clip.path] for source in drawn.mixture.sources}
        for trial in drawn.trials:
            paths = [clip.path for clip in trial.clue.enrollments]
            assert not used & {group[path] for path in paths}
            for place, name in enumerate(trial.clue.classes):
                if name not in {s.label for s in drawn.mixture.sources}:
                    inactive.setdefault(name, set()).add(tuple(paths[2 * place : 2 * place + 2]))
    assert min(len(lists) for lists in inactive.values()) > 3
    assert set(inactive) == set(CLASSES)


def test_no_silent_clip_enrolls() -> None:
    corpus = Sounds(frozenset({"class0"}))
    builder = _builder(corpus, conditions=["1:5"])
    with pytest.raises(DatasetError, match=r"label 'class0' of .* has 0 recordings"):
        _ = [builder.draw(index) for index in range(30)]


def test_the_reference_is_the_sum_of_the_targets() -> None:
    corpus = Sounds()
    for index in range(5):
        drawn = _builder(corpus, conditions=["2:1", "3:0"]).draw(index)
        assert {trial.condition.n_active for trial in drawn.trials} == {2, 3}
        rendered = render(drawn.mixture, {"sounds": corpus})
        for source, samples in zip(drawn.mixture.sources, rendered.sources, strict=True):
            assert source.role == "background" or power_db(samples) > SILENT_DB


@pytest.mark.parametrize("renderer", ["scaper", "standard"])
def test_confusable_classes_are_not_inactive(renderer: str) -> None:
    confusable = {"bus": ["class0", "class1"], "class2": ["class3"], "*": ["class4"]}
    builder = _builder(Sounds(), conditions=["0:1", "1:1"], confusable=confusable, renderer=renderer)
    asked: set[str] = set()
    for index in range(60):
        drawn = builder.draw(index)
        present = {source.label for source in drawn.mixture.sources}
        for trial in drawn.trials:
            inactive = set(trial.clue.classes) - present
            asked |= inactive
            for name, others in confusable.items():
                if name == "*" or name in present:
                    assert not inactive & set(others)
    assert asked == set(CLASSES) - {"class4"}


def test_asking_for_more_than_the_pool_is_an_error() -> None:
    builder = _builder(Sounds(), conditions=["1:0", "0:7"])
    with pytest.raises(DatasetError, match=r"condition 0:7 needs 7 inactive classes, but only"):
        builder.draw(0)


def test_sets_of_a_family_share_their_mixtures() -> None:
    one = _builder(Sounds(), family="f", conditions=["1:0"]).draw(3)
    two = _builder(Sounds(), family="f", conditions=["2:0", "0:1"]).draw(3)
    other = _builder(Sounds(), conditions=["1:0"]).draw(3)
    assert one.mixture == two.mixture != other.mixture


class TestSweeps:
    """Conditions as configs write them."""

    def test_expansion(self) -> None:
        items = ["0:1", Sweep(n_active=1, n_inactive=(0, 1, 2)), Sweep(n_active=2, n_inactive=0)]
        assert [str(c) for c in expand_conditions(items, most_active=3)] == ["0:1", "1:0", "1:1", "1:2", "2:0"]

    def test_a_sweep_is_the_same_as_its_conditions(self) -> None:
        sweep = _builder(Sounds(), conditions=[{"n_active": 1, "n_inactive": [0, 1, 2, 3, 4, 5]}])
        listed = _builder(Sounds(), conditions=[f"1:{n}" for n in range(6)])
        assert sweep.draw(7) == listed.draw(7)

    @pytest.mark.parametrize(
        ("conditions", "message"),
        [
            (["1:0", {"n_active": 1, "n_inactive": [1, 0]}], "1:0 is listed twice"),
            ([{"n_active": 4, "n_inactive": 0}], "may hold only 3"),
            ([{"n_active": 1, "n_inactive": []}], "is empty; list"),
            ([{"n_active": 1}], r"key 'conditions.0.sweep.n_inactive' is missing"),
            ([{"n_active": -1, "n_inactive": 0}], "must be 0 or more"),
            ([{"n_active": 1, "n_inactive": 0, "n": 1}], "unknown key"),
            ([60], "write '1:0'"),
        ],
    )
    def test_wrong_ones(self, conditions: list[Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            _builder(Sounds(), conditions=conditions)

    def test_a_query_that_names_nothing_wants_every_sound(self) -> None:
        drawn = _builder(Sounds(), conditions=[{"n_active": 0, "n_inactive": 0}]).draw(7)
        sounds = {source.id for source in drawn.mixture.sources if source.label in CLASSES}
        assert [(set(trial.target_ids), trial.clue.classes) for trial in drawn.trials] == [(sounds, ())]

    @given(active=st.integers(0, 3), inactive=st.lists(st.integers(1, 9), min_size=1, unique=True))
    def test_order_is_kept(self, active: int, inactive: list[int]) -> None:
        sweep = Sweep(n_active=active, n_inactive=tuple(inactive))
        expanded = expand_conditions([sweep], most_active=3)
        assert expanded == tuple(Condition(n_active=active, n_inactive=n) for n in inactive)


LABELS_41 = tuple(
    """
    Acoustic_guitar Applause Bark Bass_drum Burping_or_eructation Bus Cello Chime Clarinet
    Computer_keyboard Cough Cowbell Double_bass Drawer_open_or_close Electric_piano Fart
    Finger_snapping Fireworks Flute Glockenspiel Gong Gunshot_or_gunfire Harmonica Hi-hat
    Keys_jangling Knock Laughter Meow Microwave_oven Oboe Saxophone Scissors Shatter Snare_drum
    Squeak Tambourine Tearing Telephone Trumpet Violin_or_fiddle Writing
    """.split()  # noqa: SIM905 (readable)
)


def _kaggle(root: Path) -> Path:
    """A few clips of each class in both parts, in the layout of the release."""
    meta = root / "FSDKaggle2018.meta"
    meta.mkdir(parents=True)
    tables = {
        "train": ("train_post_competition.csv", "fname,label,manually_verified,freesound_id"),
        "test": ("test_post_competition_scoring_clips.csv", "fname,label,usage,freesound_id"),
    }
    for part, (table, header) in tables.items():
        rows = [f"{header},license"]
        for number, label in enumerate(LABELS_41 * (10 if part == "train" else 3)):
            fname, third = f"{part}{number}.wav", "1" if part == "train" else "Public"
            folder = root / f"FSDKaggle2018.audio_{part}"
            save(folder / fname, frames=9000 + number, rate_hz=44_100, seed=number)
            rows.append(f"{fname},{label},{third},{part}{number},CC0")
        (meta / table).write_text("\n".join(rows) + "\n")
    return root


def _tau(root: Path) -> Path:
    """Two scenes of the development set, and two files of the evaluation set without scenes."""
    scenes = {"airport": "train", "bus": "train", "park": "valid", "tram": "valid"}
    dev = root / "TAU-urban-acoustic-scenes-2019-development"
    lines = ["filename\tscene_label\tidentifier\tsource_label"]
    folds: dict[str, list[str]] = {"train": [], "valid": []}
    for number, (scene, split) in enumerate(scenes.items()):
        path = f"audio/{scene}-city-{number}-0-a.wav"
        save(dev / path, frames=480_000, rate_hz=48_000, channels=2, seed=number, subtype="PCM_24")
        lines.append(f"{path}\t{scene}\tcity-{number}\ta")
        folds[split].append(f"{path}\t{scene}")
    (dev / "meta.csv").write_text("\n".join(lines) + "\n")
    setup = dev / "evaluation_setup"
    setup.mkdir()
    for split, name in (("train", "fold1_train.csv"), ("valid", "fold1_evaluate.csv")):
        (setup / name).write_text("\n".join(["filename\tscene_label", *folds[split]]) + "\n")
    evaluation = root / "TAU-urban-acoustic-scenes-2019-evaluation"
    for number in range(2):
        save(evaluation / f"audio/{number}.wav", frames=480_000, rate_hz=48_000, channels=2)
    (evaluation / "evaluation_setup").mkdir()
    (evaluation / "evaluation_setup/test.csv").write_text("filename\naudio/0.wav\naudio/1.wav\n")
    return root


def _reverb_noise(root: Path) -> Path:
    """Two rooms; the noise of the others is too short for a mixture."""
    make_reverb_noise(root)
    for number in range(1, 11):
        for room in ("SmallRoom1", "LargeRoom2"):
            path = root / "NOISE" / f"Noise_{room}_{number}.wav"
            save(path, frames=16_000 * 8, rate_hz=16_000, channels=8, seed=number)
    return root


@pytest.fixture(scope="module")
def dirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("corpora")
    return {
        "fsdkaggle2018": _kaggle(root / "kaggle"),
        "tau2019": _tau(root / "tau"),
        "reverb_noise": _reverb_noise(root / "reverb"),
    }


@cache
def _config(name: str) -> Any:
    """A shipped config; of a few clips a tenth is too little for a validation set."""
    config = load_dataset_configs(name)[0]
    kaggle = config.corpora["fsdkaggle2018"]
    if "valid_share" not in kaggle.options:
        return config
    assert kaggle.options == {"valid_share": 0.1}
    larger = kaggle.model_copy(update={"options": {"valid_share": 0.5}})
    return config.model_copy(update={"corpora": {**config.corpora, "fsdkaggle2018": larger}})


class TestShippedSets:
    """The sets of the two papers, on small copies of their corpora."""

    @pytest.mark.parametrize(
        ("name", "rate", "classes", "count"),
        [
            ("fsd_soundbeam_train", 8000, {3}, 50_000),
            ("fsd_soundbeam_valid", 8000, {3}, 10_000),
            ("fsd_soundbeam_test", 8000, {3}, 10_000),
            ("fsd_query_train", 16_000, {3, 4, 5}, 50_000),
            ("fsd_query_valid", 16_000, {3, 4, 5}, 5000),
            ("fsd_query_test", 16_000, {3, 4, 5}, 10_000),
        ],
    )
    def test_facts(self, dirs: dict[str, Path], name: str, rate: int, classes: set[int], count: int) -> None:
        config = _config(name)
        opened = open_builder(config, dirs)
        builder = opened.builder
        assert (builder.sample_rate_hz, builder.count) == (rate, count)
        assert set(builder.vocabulary) <= set(LABELS_41)
        seen = set()
        for index in range(30):
            mixture = builder.draw(index).mixture
            assert mixture.num_samples == 6 * rate
            background, *events = mixture.sources
            assert len({event.label for event in events}) == len(events)
            seen.add(len(events))
            for event in events:
                assert 15.0 <= 20 * np.log10(event.gain / background.gain) <= 25.0
        assert seen == classes

    def test_each_split_has_its_own_recordings(self, dirs: dict[str, Path]) -> None:
        used = []
        for name in ("fsd_query_train", "fsd_query_valid", "fsd_query_test"):
            builder = open_builder(_config(name), dirs).builder
            drawn = [builder.draw(index) for index in range(20)]
            sources = [s for item in drawn for s in item.mixture.sources]
            clips = [clip for item in drawn for t in item.trials for clip in t.clue.enrollments]
            used.append({source.clip.path for source in sources} | {clip.path for clip in clips})
        assert not used[0] & used[1]
        assert not used[0] & used[2]
        assert not used[1] & used[2]

    def test_scenes(self, dirs: dict[str, Path]) -> None:
        builder = open_builder(_config("fsd_query_train"), dirs).builder
        scenes = {builder.draw(index).mixture.tags["scene"] for index in range(12)}
        assert scenes == {"airport", "bus"}

    def test_variants_ask_otherwise_about_the_same_mixtures(self, dirs: dict[str, Path]) -> None:
        plain = open_builder(_config("fsd_query_test"), dirs).builder
        expected = {"sweep": {(1, n) for n in range(6)}}
        expected["multi"] = {(a, i) for a in (2, 3) for i in (0, 1, 3)}
        expected["strict"] = {(1, 0), (1, 1), (1, 3), (0, 1)}
        for name, conditions in expected.items():
            variant = open_builder(_config(f"fsd_query_test_{name}"), dirs).builder
            for index in range(3):
                drawn = variant.draw(index)
                assert drawn.mixture == plain.draw(index).mixture
                found = {(t.condition.n_active, t.condition.n_inactive) for t in drawn.trials}
                assert found == conditions
                if name == "strict":
                    present = {source.label for source in drawn.mixture.sources}
                    inactive = [set(t.clue.classes) - present for t in drawn.trials]
                    assert not any("Bus" in names for names in inactive)
