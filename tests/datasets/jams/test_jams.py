"""JAMS files in and out, and sets of Scaper as datasets."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.audio import save
from hypothesis import given, settings
from hypothesis import strategies as st

from tsebench.core.errors import ConfigError, CorpusError, DatasetError, TsebenchError
from tsebench.core.validation import call_with
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import CorpusConfig, DatasetConfig, open_corpora
from tsebench.datasets.jams.events import SoundEvent, Soundscape, dump_jams, read_jams
from tsebench.datasets.jams.soundscapes import jams_sidecars, soundscape_of
from tsebench.datasets.missing import MissingRecordingsError
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext
from tsebench.datasets.protocols.corpus import Corpus
from tsebench.datasets.protocols.renderer import Rendered
from tsebench.datasets.render import render
from tsebench.datasets.signals.mixing import SILENT_DB, db_to_gain, power_db
from tsebench.datasets.types import Mixture

RATE = 8000
LABELS = ("bell", "dog", "rain", "saw")


def _bank(root: Path) -> Path:
    for number, label in enumerate(LABELS):
        for take in range(4):
            path = root / "events" / label / f"{label}{take}.wav"
            save(path, frames=16_000 + 500 * take, rate_hz=RATE, seed=10 * number + take)
    for scene in ("bus", "park"):
        save(root / "scenes" / scene / "a.wav", frames=160_000, rate_hz=16_000, seed=len(scene))
    return root


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    return _bank(tmp_path / "bank")


def _corpora(bank: Path, soundscapes: Path | None = None) -> dict[str, Corpus]:
    kinds = {"events": "folder", "scenes": "folder"}
    dirs = {name: bank / name for name in kinds}
    if soundscapes:
        kinds["set"], dirs["set"] = "scaper_set", soundscapes
    return open_corpora({name: CorpusConfig(kind=kind) for name, kind in kinds.items()}, dirs)


def _make(kind: str, corpora: Mapping[str, Corpus], **options: Any) -> Any:
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora=corpora)
    return call_with(BUILDERS.get(kind), options, where="set", given={"context": context})


def _drawn(bank: Path, **changed: Any) -> Any:
    options: dict[str, Any] = {
        "events": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        "count": 6,
        "sample_rate_hz": RATE,
        "duration_s": 4.0,
        "event_s": [0.5, 2.0],
        "renderer": "scaper",
        "peak": 1.0,
        **changed,
    }
    return _make("sound_mix", _corpora(bank), **options)


def _jams_set(bank: Path, soundscapes: Path, /, **options: Any) -> Any:
    given: dict[str, Any] = {
        "soundscapes": "set",
        "events": {"corpus": "events"},
        "background": {"corpus": "scenes"},
        **options,
    }
    return _make("jams", _corpora(bank, soundscapes), **given)


def _write(folder: Path, mixture: Mixture, corpora: Mapping[str, Corpus]) -> None:
    for path, content in jams_sidecars(mixture, corpora).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.mark.parametrize("peak", [1.0, None])
def test_out_and_in_again_is_the_same_recipe(bank: Path, tmp_path: Path, peak: float | None) -> None:
    drawn = [_drawn(bank, peak=peak).draw(index) for index in range(6)]
    corpora = _corpora(bank)
    for item in drawn:
        _write(tmp_path / "out", item.mixture, corpora)
    again = _jams_set(bank, tmp_path / "out")
    assert again.count == 6
    assert again.vocabulary == LABELS
    for index, item in enumerate(drawn):
        mixture = again.draw(index).mixture
        assert mixture == item.mixture
        assert soundscape_of(mixture, corpora) == soundscape_of(item.mixture, corpora)


def test_levels_are_written_in_short(bank: Path) -> None:
    mixture = _drawn(bank, snr_db=[20.0, 20.0], background_db=-50.0).draw(0).mixture
    scape = soundscape_of(mixture, _corpora(bank))
    assert scape.ref_db == -50.0
    assert {event.snr_db for event in scape.events} == {0.0, 20.0}
    assert {event.source_file for event in scape.events} <= {path.as_posix() for path in bank.rglob("*.wav")}


event = st.builds(
    lambda **values: SoundEvent(**values),  # noqa: PLW0108 (its signature has the names of the file)
    role=st.just("foreground"),
    label=st.text(min_size=1, max_size=8),
    source_file=st.text(max_size=20),
    source_time_s=st.floats(0, 100),
    event_time_s=st.floats(0, 10),
    event_duration_s=st.floats(0.1, 10),
    snr_db=st.floats(-20, 40),
    pitch_shift=st.none() | st.floats(-3, 3),
    time_stretch=st.none() | st.floats(0.5, 2),
)


@settings(deadline=None)
@given(events=st.lists(event, max_size=4), ref_db=st.floats(-70, 0), flags=st.booleans())
def test_every_soundscape_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[SoundEvent], ref_db: float, flags: bool
) -> None:
    scape = Soundscape(
        duration_s=10.0,
        sample_rate_hz=16_000,
        ref_db=ref_db,
        fade_in_s=0.01,
        fade_out_s=0.01,
        events=tuple(sorted(events, key=lambda event: event.event_time_s)),
        fix_clipping=flags,
        peak_normalization=not flags,
        reverb=0.2 if flags else None,
    )
    path = tmp_path_factory.mktemp("jams") / "a.jams"
    path.write_bytes(dump_jams(scape))
    assert read_jams(path) == scape


def test_jams_and_scaper_read_what_is_written(bank: Path, tmp_path: Path) -> None:
    for needed in ("jams", "scaper"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed (extra `scaper`)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not hasattr(np, "Inf"):
            np.Inf = np.inf  # type: ignore[attr-defined]
        import jams
        import scaper
    builder, corpora = _drawn(bank), _corpora(bank)
    for index in range(3):
        mixture = builder.draw(index).mixture
        _write(tmp_path, mixture, corpora)
        file = str(tmp_path / f"{mixture.id}.jams")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert jams.load(file, validate=True, strict=True).annotations[0].namespace == "scaper"
            audio, _, _, events = scaper.generate_from_jams(file)
        ours = render(mixture, corpora)
        np.testing.assert_allclose(ours.mixture, audio[:, 0], atol=1e-4)
        np.testing.assert_allclose(ours.sources, np.stack(events)[..., 0], atol=1e-4)


def _write_isolated(bank: Path, folder: Path) -> dict[int, Rendered]:
    """The isolated events of a set, as Scaper writes them; returns the signals by index."""
    plain, corpora = _jams_set(bank, folder), _corpora(bank)
    rendered = {}
    for index in range(plain.count):
        mixture = plain.draw(index).mixture
        rendered[index] = render(mixture, corpora)
        events = folder / f"{index:08d}" / "mixture_events"
        events.mkdir()
        fg = 0
        for source, samples in zip(mixture.sources, rendered[index].sources, strict=True):
            name = f"background0_{source.label}"
            if source.role == "foreground":
                name, fg = f"foreground{fg}_{source.label}", fg + 1
            soundfile.write(events / f"{name}.wav", samples, RATE, subtype="FLOAT")
    return rendered


LISTED = {"listed_targets": True}
ISOLATED = {"isolated": "always"}


def _config(bank: Path, folder: Path, **params: Any) -> tuple[DatasetConfig, dict[str, Path]]:
    corpora = {"events": {"kind": "folder"}, "scenes": {"kind": "folder"}}
    content = {
        "name": "set",
        "builder": "jams",
        "seed": 1,
        "corpora": {**corpora, "set": {"kind": "scaper_set"}},
        "params": {"soundscapes": "set", "events": {"corpus": "events"}, "background": {"corpus": "scenes"}, **params},
    }
    dirs = {"events": bank / "events", "scenes": bank / "scenes", "set": folder}
    return DatasetConfig.model_validate(content), dirs


class TestQueries:
    """Conditions over a set that Scaper made."""

    @pytest.fixture
    def folder(self, bank: Path, tmp_path: Path) -> Path:
        for index in range(4):
            mixture = _drawn(bank).draw(index).mixture
            place = tmp_path / "set" / f"{index:08d}"
            place.mkdir(parents=True)
            content = dump_jams(soundscape_of(mixture, _corpora(bank)))
            (place / "mixture.jams").write_bytes(content)
            labels = sorted(s.label for s in mixture.sources if s.role == "foreground")
            (place / "gt_events.csv").write_text("label\n" + "\n".join(reversed(labels)) + "\n")
        return tmp_path / "set"

    def test_ids_come_from_paths(self, bank: Path, folder: Path) -> None:
        builder = _jams_set(bank, folder)
        assert builder.draw(2).mixture.id == "00000002_mixture"
        assert builder.draw(6).mixture.id == "00000002_mixture+1"

    def test_conditions(self, bank: Path, folder: Path) -> None:
        builder = _jams_set(bank, folder, conditions=["1:0", "0:1", {"n_active": 2, "n_inactive": [0, 1]}])
        for index in range(builder.count):
            drawn = builder.draw(index)
            labels = {s.id: s.label for s in drawn.mixture.sources}
            assert len(drawn.trials) == 4
            for trial in drawn.trials:
                active = {labels[name] for name in trial.target_ids}
                assert set(trial.clue.classes) & set(labels.values()) == active
                assert len(active) == trial.condition.n_active

    def test_targets_as_listed(self, bank: Path, folder: Path) -> None:
        builder = _jams_set(bank, folder, listed_targets=True, conditions=["1:0", "2:1"])
        for index in range(builder.count):
            drawn = builder.draw(index)
            listed = (folder / f"{index:08d}" / "gt_events.csv").read_text().split()[1:]
            for trial in drawn.trials:
                n = trial.condition.n_active
                assert set(trial.tags["target"].split("+")) == set(listed[:n])

    def test_enrollments_are_of_other_files(self, bank: Path, folder: Path) -> None:
        builder = _jams_set(bank, folder, clues=["enrollment", "classes"], conditions=["1:1"])
        for index in range(builder.count):
            drawn = builder.draw(index)
            used = {source.clip.path for source in drawn.mixture.sources}
            for trial in drawn.trials:
                clips = trial.clue.enrollments
                assert [clip.path.split("/")[0] for clip in clips] == list(trial.clue.classes)
                assert not used & {clip.path for clip in clips}

    def test_asking_for_too_many_is_counted(self, bank: Path, folder: Path) -> None:
        drawn = _jams_set(bank, folder, conditions=["1:0", "4:0"]).draw(0)
        assert [str(trial.condition) for trial in drawn.trials] == ["1:0"]
        assert drawn.excluded == {"too_few_targets": 1}

    def test_isolated_events_are_read_if_asked_for(self, bank: Path, folder: Path) -> None:
        plain = _jams_set(bank, folder)
        rendered = _write_isolated(bank, folder)
        every = _jams_set(bank, folder, isolated="always", clues=["enrollment"])
        opened = _corpora(bank, folder)
        for index in range(every.count):
            drawn = every.draw(index)
            ours = render(drawn.mixture, opened)
            np.testing.assert_allclose(ours.sources, rendered[index].sources, atol=1e-7)
            original = {s.clip.path for s in plain.draw(index).mixture.sources}
            for trial in drawn.trials:
                assert not original & {clip.path for clip in trial.clue.enrollments}

    @pytest.mark.parametrize("isolated", ["never", "always"])
    def test_soundscapes_above_full_scale_are_counted_and_can_be_clipped(
        self, bank: Path, folder: Path, tmp_path: Path, isolated: str
    ) -> None:
        for path in sorted(folder.rglob("*.jams"))[:2]:
            scape = read_jams(path).model_copy(update={"ref_db": -12.0, "fix_clipping": False})
            path.write_bytes(dump_jams(scape))
        if isolated == "always":
            _write_isolated(bank, folder)
        peaks = []
        for clip in (False, True):
            config, dirs = _config(bank, folder, isolated=isolated, clip=clip)
            built = build(config, tmp_path / f"built{clip}", corpus_dirs=dirs)
            assert built.card.counts["mixtures_above_full_scale"] == 2
            findings = {finding.check: finding for finding in validate(built)}
            assert [finding for finding in findings.values() if not finding.ok] == []
            assert clip or "exceed full scale: 2" in findings["levels"].detail
            signals = [built.signals(name) for name in built.mixtures]
            peaks.append([float(np.abs(each.mixture).max()) for each in signals])
        whole, cut = peaks
        assert sum(peak > 1.0 for peak in whole) == 2
        assert cut == [min(peak, 1.0) for peak in whole]

    def test_quiet_soundscapes_have_no_count(self, bank: Path, folder: Path, tmp_path: Path) -> None:
        config, dirs = _config(bank, folder)
        assert "mixtures_above_full_scale" not in build(config, tmp_path / "b", corpus_dirs=dirs).card.counts

    @pytest.mark.parametrize(
        ("gone", "named"),
        [
            (["*1/gt_events.csv", "*2/gt_events.csv"], "00000001/gt_events.csv"),
            (["*1/mixture_events/fore*0_*"], "00000001/mixture_events/foreground0_"),
            (["*3/mixture_events/*", "*3/mixture_events"], "00000003/mixture_events/"),
        ],
    )
    def test_what_is_missing_of_the_set_is_counted(
        self, bank: Path, folder: Path, tmp_path: Path, gone: list[str], named: str
    ) -> None:
        _write_isolated(bank, folder)
        listed = "gt_events" in named
        config, dirs = _config(bank, folder, **(LISTED if listed else ISOLATED))
        whole = build(config, tmp_path / "whole", corpus_dirs=dirs)
        for pattern in gone:
            for path in folder.glob(pattern):
                path.rmdir() if path.is_dir() else path.unlink()
        lost = 2 if listed else 1
        message = rf"\({lost} of corpus 'set'\), the first is '{named}"
        with pytest.raises(DatasetError, match=message):
            build(config, tmp_path / "made", corpus_dirs=dirs)
        part = build(config, tmp_path / "made", corpus_dirs=dirs, allow_missing=True)
        assert part.card.counts["missing_recordings"] == lost
        assert part.card.counts["excluded_mixtures_missing_recording"] == lost
        assert len(part.mixtures) == len(whole.mixtures) - lost

    @pytest.mark.parametrize("which", ["mixture.jams", "mixture_events/foreground0_*.wav"])
    @pytest.mark.parametrize("length", [0, 100, 5000])
    def test_half_copied_files_of_the_set_are_counted(
        self, bank: Path, folder: Path, tmp_path: Path, which: str, length: int
    ) -> None:
        _write_isolated(bank, folder)
        config, dirs = _config(bank, folder, **ISOLATED)
        (file,) = (folder / "00000002").glob(which)
        file.write_bytes(file.read_bytes()[: min(length, file.stat().st_size - 9)])
        with pytest.raises(DatasetError, match=r"1 of corpus 'set'") as caught:
            build(config, tmp_path / "made", corpus_dirs=dirs)
        assert repr(file.relative_to(folder).as_posix()) in str(caught.value)
        part = build(config, tmp_path / "made", corpus_dirs=dirs, allow_missing=True)
        assert part.card.counts["excluded_mixtures_missing_recording"] == 1
        assert len(part.mixtures) == 3

    def test_isolated_events_that_were_not_written_are_not_missing(
        self, bank: Path, folder: Path, tmp_path: Path
    ) -> None:
        config, dirs = _config(bank, folder, **ISOLATED)
        with pytest.raises(DatasetError, match="make it again with save_isolated_events=True"):
            build(config, tmp_path / "made", corpus_dirs=dirs, allow_missing=True)


Damage = Callable[[dict[str, Any]], object]


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["annotations"][0]["sandbox"]["scaper"]
    return found


def _value(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["annotations"][0]["data"][-1]["value"]
    return found


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: _value(c).update(pitch_shift=1.0), r"a.jams' changes pitch or time of '\w+'"),
        (lambda c: _value(c).update(time_stretch=0.9), r"there are no isolated events in its folder"),
        (lambda c: _settings(c).update(reverb=0.5), "has reverberation of the whole mixture"),
        (lambda c: _settings(c).update(n_channels=2), "has 2 channels"),
        (lambda c: c["annotations"][0]["sandbox"].update(slice=[{"slice_start": 0}]), "was trimmed after"),
        (lambda c: _settings(c).update(fade_out_len=0.5), "fades in over"),
        (lambda c: c["annotations"][0]["data"].clear(), "has no events"),
        (lambda c: _value(c).update(source_file="x/none.wav"), "no recording has that name"),
        (lambda c: _value(c).update(source_time=900.0), "but the file ends at"),
        (lambda c: _value(c).pop("snr"), r"damaged: key 'data.\d.value.snr' is missing; rep"),
        (lambda c: _value(c).update(event_time=-1), r"damaged: data.\d.value.event_time"),
        (lambda c: c["annotations"][0].update(namespace="beat"), "no annotation of namespace"),
        (lambda c: c.clear(), "is not a JAMS file"),
    ],
)
def test_what_cannot_be_read_is_told(bank: Path, tmp_path: Path, damage: Damage, message: str) -> None:
    mixture = _drawn(bank).draw(0).mixture
    content = json.loads(dump_jams(soundscape_of(mixture, _corpora(bank))))
    damage(content)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.jams").write_text(json.dumps(content))
    with pytest.raises((DatasetError, MissingRecordingsError), match=message) as caught:
        _jams_set(bank, folder).draw(0)
    assert "a.jams" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"soundscapes": "sets"}, ConfigError, "no corpus 'sets'.*did you mean 'set'"),
        ({"soundscapes": "events"}, ConfigError, "must be of kind scaper_set"),
        ({"folder": "test"}, ConfigError, "no JAMS file below folder = 'test'"),
        ({"events": {"corpus": "event"}}, ConfigError, "no corpus 'event'"),
        ({"inactive_labels": ["cat"]}, ConfigError, "no class 'cat'"),
        ({"listed_targets": True}, DatasetError, "no gt_events.csv in its folder"),
    ],
)
def test_wrong_options(
    bank: Path, tmp_path: Path, options: dict[str, Any], error: type[TsebenchError], message: str
) -> None:
    _write(tmp_path / "set", _drawn(bank).draw(0).mixture, _corpora(bank))
    with pytest.raises(error, match=message):
        _jams_set(bank, tmp_path / "set", **options).draw(0)


def test_a_folder_without_jams(bank: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(CorpusError, match=r"holds no .jams file; set --corpus set=DIR"):
        _jams_set(bank, tmp_path / "set")


def test_files_of_one_name_are_told_apart_by_their_folders(bank: Path, tmp_path: Path) -> None:
    for label in LABELS:  # the same name in every folder
        for number, path in enumerate(sorted((bank / "events" / label).glob("*.wav"))):
            path.rename(path.with_name(f"{number}.wav"))
    drawn = [_drawn(bank).draw(index) for index in range(4)]
    for item in drawn:
        _write(tmp_path / "set", item.mixture, _corpora(bank))
    again = _jams_set(bank, tmp_path / "set")
    assert [again.draw(index).mixture for index in range(4)] == [item.mixture for item in drawn]
    content = (tmp_path / "set" / "test-000000.jams").read_text().replace("/events/", "/x/y/")
    for label in LABELS:
        content = content.replace(f"/{label}/", "/z/")
    (tmp_path / "set" / "test-000000.jams").write_text(content)
    with pytest.raises(DatasetError, match="both fit"):
        _jams_set(bank, tmp_path / "set").draw(0)


def test_only_recipes_of_scaper_can_be_written(bank: Path) -> None:
    mixture = _drawn(bank, renderer="standard").draw(0).mixture
    with pytest.raises(DatasetError, match="is of renderer 'standard', which JAMS files"):
        soundscape_of(mixture, _corpora(bank))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"peak": 0.9}, r"does not scale to peak = 0.9; set peak to 1.0"),
        ({"level": "power"}, "renderer scaper has no level 'power'"),
    ],
)
def test_what_scaper_cannot_do_is_refused(bank: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _drawn(bank, **options)


class TestDrawing:
    """The builder `sound_mix` with levels in the recipe."""

    def test_levels_and_places(self, bank: Path) -> None:
        corpora = _corpora(bank)
        builder = _drawn(bank, snr_db=[15.0, 25.0], background_db=-50.0)
        for index in range(6):
            mixture = builder.draw(index).mixture
            background, *events = mixture.sources
            assert background.gain == pytest.approx(db_to_gain(-50.0), rel=1e-5)
            assert [event.id for event in events] == ["s1", "s2", "s3"]
            assert sorted(event.onset for event in events) == [event.onset for event in events]
            for event, samples in zip(events, render(mixture, corpora).sources[1:], strict=True):
                assert db_to_gain(-35.0) <= event.gain * (1 + 1e-5)
                assert event.gain <= db_to_gain(-25.0) * (1 + 1e-5)
                end = event.onset + event.clip.frames
                assert end <= mixture.num_samples
                assert samples[event.onset + 5 : end - 5].any()
                assert not samples[end:].any()

    def test_the_scene_is_a_tag(self, bank: Path) -> None:
        for index in range(6):
            drawn = _drawn(bank).draw(index)
            assert drawn.mixture.tags["scene"] == drawn.mixture.sources[0].label
            assert {t.tags["scene"] for t in drawn.trials} == {drawn.mixture.tags["scene"]}

    def test_a_silent_target_is_excluded_and_counted(self, bank: Path) -> None:
        for path in (bank / "events" / "dog").glob("*.wav"):
            frames = soundfile.info(path).frames
            soundfile.write(path, np.zeros(frames), RATE, subtype="PCM_16")
        builder = _drawn(bank, targets="all", conditions=["1:0", "0:1"])
        corpora, lost = _corpora(bank), 0
        for index in range(12):
            drawn = builder.draw(index)
            rendered = render(drawn.mixture, corpora)
            silent = {
                source.id
                for source, samples in zip(drawn.mixture.sources, rendered.sources, strict=True)
                if power_db(samples) <= SILENT_DB
            }
            assert not silent & {name for trial in drawn.trials for name in trial.target_ids}
            assert drawn.excluded == ({"silent_target": len(silent)} if silent else {})
            lost += len(silent)
            # It stays present: it may not be an inactive class of a query.
            labels = {source.label for source in drawn.mixture.sources}
            inactive = [t.clue.classes for t in drawn.trials if not t.target_ids]
            assert not labels & {name for classes in inactive for name in classes}
        assert lost > 3

    def test_a_gap_in_a_recording_is_passed_over(self, bank: Path) -> None:
        for path in (bank / "events" / "saw").glob("*.wav"):
            samples, _ = soundfile.read(path)
            samples[: len(samples) // 2] = 0.0
            soundfile.write(path, samples, RATE, subtype="PCM_16")
        builder = _drawn(bank, event_s=[0.2, 0.3])
        assert not any(builder.draw(index).excluded for index in range(30))

    def test_what_lies_above_the_band_is_silent(self, bank: Path) -> None:
        for path in (bank / "events" / "bell").glob("*.wav"):
            time = np.arange(96_000) / 48_000
            soundfile.write(path, 0.5 * np.sin(2 * np.pi * 15_000 * time), 48_000, subtype="PCM_16")
        excluded = [_drawn(bank, n_classes=[4, 4]).draw(n).excluded for n in range(3)]
        assert excluded == [{"silent_target": 1}] * 3
