"""FUSS: the released mixtures as they are, and mixtures in its style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.audio import save
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tsebench.core.errors import ConfigError, CorpusError, DatasetError
from tsebench.core.validation import call_with
from tsebench.datasets.build import build
from tsebench.datasets.config import CorpusConfig, DatasetConfig, load_dataset_configs, open_corpora
from tsebench.datasets.jams.events import SoundEvent, Soundscape, dump_jams
from tsebench.datasets.jams.soundscapes import soundscape_of
from tsebench.datasets.missing import MissingRecordingsError
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext
from tsebench.datasets.protocols.corpus import Corpus, Recording, Samples
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.types import ClueSpec

RATE, SAMPLES = 16_000, 160_000
CLIPS = {
    "11": "Bark,Dog,Animal",
    "12": "Bark,Dog,Animal",
    "13": "Rain,Water",
    "14": "Rain,Water",
    "15": "Siren,Alarm",
    "16": "Siren,Alarm",
    "17": "Cough",
    "18": "Cough",
}
"""Labels in FSD50K; 99 is not there."""
LONG = {"13", "14", "99"}
EXAMPLES = [["13", "11"], ["14"], ["99", "12"], ["13", "15", "16", "17"]]


def _fuss(root: Path) -> Path:
    """Sources, released mixtures with JAMS files, and one room, of the eval split."""
    for stem in (*CLIPS, "99"):
        frames = SAMPLES + 100 if stem in LONG else 8000 + int(stem)
        save(root / f"fsd_data/eval/sound/{stem}.wav", frames=frames, seed=int(stem))
    for folder in ("ssdata", "ssdata_reverb"):
        rows = [_example(root / folder, n, stems) for n, stems in enumerate(EXAMPLES)]
        (root / folder / "eval_example_list.txt").write_text("\n".join(rows) + "\n")
    for number, role in enumerate(("background0", "foreground0", "foreground1", "foreground2")):
        save(root / f"rir_data/eval/rirs_0000/{role}.wav", frames=999, seed=number)
    return root


def _example(folder: Path, number: int, stems: Sequence[str]) -> str:
    stem = f"eval/example{number:05d}"
    names = ["background0", *(f"foreground{k}" for k in range(len(stems) - 1))]
    paths = [f"{stem}_sources/{name}_sound.wav" for name in names]
    total = np.zeros(SAMPLES, dtype=np.int64)
    for place, path in enumerate(paths):
        codes = generator(stem, place).integers(-3000, 3000, SAMPLES).astype(np.int16)
        if (number, place) == (3, 3):
            codes[:] = 0
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, codes, RATE, subtype="PCM_16")
        total += codes
    soundfile.write(folder / f"{stem}.wav", total.astype(np.int16), RATE, subtype="PCM_16")
    events = tuple(
        SoundEvent(
            role="background" if place == 0 else "foreground",
            label="sound",
            source_file=f"/home/user/fuss/fsd_data/eval/sound/{clip}.wav",
            source_time_s=0.0,
            event_time_s=float(place),
            event_duration_s=0.5,
            snr_db=0.0,
        )
        for place, clip in enumerate(stems)
    )
    scape = Soundscape(
        duration_s=10.0, sample_rate_hz=RATE, ref_db=-55.0, fade_in_s=0.01, fade_out_s=0.01, events=events
    )
    (folder / f"{stem}.jams").write_bytes(dump_jams(scape))
    return "\t".join([f"{stem}.wav", *paths])


def _fsd50k(root: Path) -> Path:
    """Ground truth without audio."""
    truth = root / "FSD50K.ground_truth"
    truth.mkdir(parents=True)
    (truth / "dev.csv").write_text('fname,labels,mids,split\n1,"Cough","/m/1",train\n')
    rows = [f'{stem},"{labels}","/m/1"' for stem, labels in CLIPS.items()]
    (truth / "eval.csv").write_text("\n".join(["fname,labels,mids", *rows]) + "\n")
    names = sorted({label for labels in CLIPS.values() for label in labels.split(",")})
    lines = [f"{place},{label},/m/{place}" for place, label in enumerate(names)]
    (truth / "vocabulary.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def dirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("corpora")
    return {"fuss": _fuss(root / "fuss"), "fsd50k": _fsd50k(root / "fsd50k")}


def _open(dirs: dict[str, Path]) -> dict[str, Corpus]:
    return open_corpora({name: CorpusConfig(kind=name) for name in dirs}, dirs)


def _make(kind: str, corpora: dict[str, Corpus], **options: Any) -> Any:
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora=corpora)
    return call_with(BUILDERS.get(kind), options, where="s", given={"context": context})


class TestReleased:
    """Example lists, with and without the classes of FSD50K."""

    @pytest.mark.parametrize("reverb", [True, False])
    def test_a_mixture_is_the_sum_of_its_sources(self, dirs: dict[str, Path], reverb: bool) -> None:
        corpora = _open(dirs)
        builder = _make("fuss_released", corpora, reverb=reverb)
        assert (builder.count, builder.sample_rate_hz, builder.vocabulary) == (4, RATE, ())
        folder = dirs["fuss"] / ("ssdata_reverb" if reverb else "ssdata") / "eval"
        for index in range(4):
            mixture = builder.draw(index).mixture
            assert mixture.id == f"example{index:05d}"
            rendered = render(mixture, corpora)
            written, _ = soundfile.read(folder / f"{mixture.id}.wav", dtype="float32")
            np.testing.assert_array_equal(rendered.mixture, written)

    def test_trials_name_a_source_and_say_that_there_is_no_clue(self, dirs: dict[str, Path]) -> None:
        builder = _make("fuss_released", _open(dirs))
        assert "no classes" in builder.notes[0]
        for index, stems in enumerate(EXAMPLES):
            drawn = builder.draw(index)
            silent = index == 3
            assert len(drawn.trials) == len(stems) - silent
            assert drawn.excluded == ({"silent_target": 1} if silent else {})
            for trial in drawn.trials:
                assert trial.clue == ClueSpec()
                assert trial.target_ids == (trial.tags["target"],)
                assert trial.tags["clue"] == "none: the sources have no classes"

    def test_beyond_the_list_it_begins_again(self, dirs: dict[str, Path]) -> None:
        builder = _make("fuss_released", _open(dirs))
        assert builder.draw(5).mixture.id == "example00001+1"
        assert builder.draw(5).mixture.sources == builder.draw(1).mixture.sources

    def test_classes_come_from_fsd50k(self, dirs: dict[str, Path]) -> None:
        builder = _make(
            "fuss_released",
            _open(dirs),
            classes="fsd50k",
            conditions=["1:0", "1:1", "0:1", "2:0"],
            targets="all",
            clues=["classes", "enrollment"],
        )
        assert builder.vocabulary == ("Bark", "Cough", "Rain", "Siren")
        assert "lists 8 of the 9 sources" in builder.notes[0]
        first = builder.draw(0)
        assert [source.label for source in first.mixture.sources] == ["Rain", "Bark"]
        targets = {t.tags["target"] for t in first.trials if str(t.condition) == "1:0"}
        assert targets == {"Rain", "Bark"}
        assert {len(t.target_ids) for t in first.trials if str(t.condition) == "2:0"} == {2}
        for trial in first.trials:
            clips = {Path(clip.path).stem for clip in trial.clue.enrollments}
            assert not clips & {"13", "11"}
            assert len(clips) == len(trial.clue.classes)

    def test_a_class_that_sounds_twice_is_one_target(self, dirs: dict[str, Path]) -> None:
        builder = _make("fuss_released", _open(dirs), classes="fsd50k", targets="all")
        drawn = builder.draw(3)
        by_target = {t.tags["target"]: t.target_ids for t in drawn.trials}
        assert by_target == {"Rain": ("background",), "Siren": ("s1", "s2")}
        assert drawn.excluded == {"silent_target": 1}

    def test_mixtures_without_classes_are_left_out_and_counted(self, dirs: dict[str, Path], tmp_path: Path) -> None:
        config = DatasetConfig(
            name="fuss",
            builder="fuss_released",
            corpora={name: CorpusConfig(kind=name) for name in dirs},
            params={"classes": "fsd50k", "conditions": ["1:0", "4:0"]},
        )
        card = build(config, tmp_path, corpus_dirs=dirs).card
        assert card.counts["mixtures"] == 3
        assert card.counts["excluded_mixture_without_classes"] == 1
        assert card.counts["excluded_too_few_targets"] == 3
        assert "8 of the 9" in card.notes[0]

    def test_errors(self, dirs: dict[str, Path], tmp_path: Path) -> None:
        corpora = _open(dirs)
        with pytest.raises(ConfigError, match=r"no corpus 'fus'.*did you mean 'fuss'"):
            _make("fuss_released", corpora, corpus="fus")
        with pytest.raises(ConfigError, match="corpus 'fsd50k' must be of kind fuss"):
            _make("fuss_released", corpora, corpus="fsd50k")
        lone = _open({**dirs, "fuss": _fuss(tmp_path / "fuss")})
        next((tmp_path / "fuss").rglob("ssdata_reverb/eval/example00000.jams")).unlink()
        builder = _make("fuss_released", lone, classes="fsd50k")
        with pytest.raises(MissingRecordingsError, match=r"need its JAMS file .*00000\.jams"):
            builder.draw(0)
        (tmp_path / "fuss/fsd_data/eval/sound/12.wav").unlink()
        builder = _make("fuss_released", _open({**dirs, "fuss": tmp_path / "fuss"}), classes="fsd50k")
        with pytest.raises(MissingRecordingsError, match=r"names '12\.wav', which is not among"):
            builder.draw(2)
        for path in (tmp_path / "fuss").rglob("*.jams"):
            path.unlink()
        with pytest.raises(CorpusError, match=r"need its JAMS file .*leave out `classes`"):
            builder.draw(0)


@dataclass
class Sounds:
    """Long and short noise of six classes; one has only long recordings."""

    name: str = "sounds"
    version: str = "1"
    licence: str = "CC0"

    def recordings(self) -> Sequence[Recording]:
        lengths = {"a": (1.0, 12.0), "b": (2.5, 4.0), "c": (9.5, 0.4), "d": (11.0, 14.0)}
        lengths |= {"e": (0.6, 3.0), "f": (1.5, 2.0)}
        return [
            Recording(
                path=f"{label}/{n}-{k}.wav",
                label=label,
                frames=round(seconds * RATE),
                sample_rate_hz=RATE,
                split="test",
                group=f"{label}/{n}-{k}.wav",
            )
            for label, both in lengths.items()
            for n, seconds in enumerate(both)
            for k in range(3)
        ]

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        length = next(r.frames for r in self.recordings() if r.path == path)
        whole = generator(path).uniform(-0.3, 0.3, length).astype(np.float32)
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


def _style(**options: Any) -> Any:
    given: dict[str, Any] = {"sounds": {"corpus": "sounds"}, "count": 9, **options}
    return _make("fuss_style", {"sounds": Sounds()}, **given)


class TestStyle:
    """New mixtures from any corpus."""

    @settings(max_examples=40, deadline=None)
    @given(index=st.integers(0, 2**40))
    def test_facts(self, index: int) -> None:
        mixture = _style().draw(index).mixture
        background, *events = mixture.sources
        frames = {recording.path: recording.frames for recording in Sounds().recordings()}
        assert (mixture.sample_rate_hz, mixture.num_samples) == (RATE, SAMPLES)
        assert 20 * np.log10(background.gain) == pytest.approx(-55.0, abs=1e-4)
        assert background.clip.frames == SAMPLES < frames[background.clip.path]
        assert len(events) <= 3
        for event in events:
            assert -60.001 <= 20 * np.log10(event.gain) <= -29.999
            assert event.clip.frames == frames[event.clip.path] <= SAMPLES
            assert 0 <= event.onset <= SAMPLES - event.clip.frames

    def test_numbers_of_events_and_late_ones(self) -> None:
        mixtures = [_style().draw(index).mixture for index in range(200)]
        counts = np.bincount([len(mixture.sources) - 1 for mixture in mixtures], minlength=4)
        assert len(counts) == 4
        assert counts.min() > 30
        events = [s for mixture in mixtures for s in mixture.sources[1:]]
        # As in FUSS an onset is uniform over the mixture and then moved so that the event fits.
        last = [s for s in events if s.onset == SAMPLES - s.clip.frames]
        expected = np.mean([s.clip.frames / SAMPLES for s in events])
        assert len(last) / len(events) == pytest.approx(expected, abs=0.1)

    def test_it_is_a_soundscape_of_scaper(self) -> None:
        corpora = {"sounds": Sounds()}
        scape = soundscape_of(_style().draw(1).mixture, corpora)
        assert (scape.ref_db, scape.duration_s) == (-55.0, 10.0)

    def test_without_conditions_sources_are_named(self) -> None:
        builder = _style()
        assert builder.vocabulary == ()
        drawn = builder.draw(0)
        assert [t.target_ids for t in drawn.trials] == [(s.id,) for s in drawn.mixture.sources]
        assert {t.clue for t in drawn.trials} == {ClueSpec()}

    @settings(max_examples=40, deadline=None)
    @given(index=st.integers(0, 2**40))
    @example(index=10_000_000)  # two events of one class: there must be a third for the enrollment
    def test_conditions(self, index: int) -> None:
        builder = _style(
            conditions=["1:0", "1:1", "0:1"], n_events=[1, 2], targets="all", clues=["enrollment", "classes"]
        )
        assert builder.vocabulary == ("a", "b", "c", "e", "f")
        drawn = builder.draw(index)
        label = {source.id: source.label for source in drawn.mixture.sources}
        for trial in drawn.trials:
            active = {label[name] for name in trial.target_ids}
            assert label["background"] not in active
            assert set(trial.clue.classes) & set(label.values()) == active
            for name in active:  # all of a class that sounds twice
                assert {key for key, value in label.items() if value == name} <= {*trial.target_ids}

    def test_rooms(self, dirs: dict[str, Path]) -> None:
        corpora = {**_open(dirs), "sounds": Sounds()}
        options = {"sounds": {"corpus": "sounds"}, "count": 3}
        wet = _make("fuss_style", corpora, rooms="fuss", **options)
        dry = _make("fuss_style", corpora, **options)
        for index in range(6):
            mixture = wet.draw(index).mixture
            plain = render(dry.draw(index).mixture, corpora)
            reverberant = render(mixture, corpora)
            for source, before, after in zip(mixture.sources, plain.sources, reverberant.sources, strict=True):
                assert source.impulse_response is not None
                room, _ = corpora["fuss"].read(source.impulse_response.path)
                expected = np.convolve(before.astype(float), 10.0 * room.astype(float), "same")
                np.testing.assert_allclose(after, expected, atol=1e-5)
            np.testing.assert_allclose(reverberant.mixture, reverberant.sources.sum(axis=0), atol=1e-6)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"duration_s": 20.0}, DatasetError, r"no recording longer than 20.0 s"),
            ({"duration_s": 0.1, "n_events": [1, 1]}, DatasetError, "of at most 0.1 s for events"),
            ({"n_events": [2, 1]}, ConfigError, "falls"),
            ({"rooms": "sounds"}, ConfigError, "must be of kind fuss"),
            ({"conditions": ["4:0"]}, ConfigError, "may hold only 3"),
        ],
    )
    def test_errors(self, options: dict[str, Any], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            _style(**options)


@pytest.mark.parametrize("name", ["fuss_test", "fuss_test_dry", "fuss_test_classes", "fuss_style_rooms"])
def test_shipped_sets(dirs: dict[str, Path], name: str) -> None:
    config = load_dataset_configs(name)[0]
    corpora = open_corpora(config.corpora, dirs)
    params = dict(config.params)
    if name == "fuss_test_classes":
        params["conditions"] = ["1:0", "1:1", "0:1"]  # four classes have no three to spare
    drawn = [_make(config.builder, corpora, **params).draw(index) for index in range(4)]
    assert sum(len(item.trials) for item in drawn) > 4
