"""Building LibriMix sets: recipes, enrollments, what is missing, and the same set again."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.paths import SHARED, TESTS
from helpers.trees.audio import save
from helpers.trees.librimix import MAP, TABLE, Place, librimix_config, make_librimix, mixture_row, utterance, write_csv
from helpers.trees.librispeech import words_of

from tsebench.core.config_files import SHIPPED
from tsebench.core.errors import ConfigError, CorpusError, DatasetError, TsebenchError
from tsebench.datasets.build import build
from tsebench.datasets.builders.shared.librimix.tables import mixture_rows, utterance_rows
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import load_dataset_configs, open_builder
from tsebench.datasets.corpora.disk.csv_table import read_table
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.dynamic import TrialStream
from tsebench.datasets.types import Clip, MixtureClip

METADATA = SHARED / "librimix" / "metadata"

SEXES = {"60": "M", "61": "F", "121": "F", "1089": "M"}
A, B, C, D = utterance(60, 1), utterance(61, 2), utterance(121, 3), utterance(1089, 4)
E = utterance(60, 5)
SPEECH = {
    A: 48_000,
    B: 48_001,
    C: 50_777,
    D: 66_666,
    E: 57_123,
    **{utterance(speaker, n): 48_000 + n for speaker in (60, 61, 121, 1089) for n in (20, 21, 22)},
    # Shorter than 3 s: no enrollment.
    **{utterance(speaker, 30): 47_999 for speaker in (60, 61, 121, 1089)},
}
NOISE = {"tt/a.wav": 30_000, "tt/b.wav": 60_000}
ROWS = [
    mixture_row({A: 0.5, B: 0.25}, "tt/a.wav", 1.5),
    mixture_row({C: 0.75, D: 0.3}, "tt/b.wav", 0.7),
    mixture_row({E: 0.6, B: 0.4}, "tt/b.wav", 0.2),
    mixture_row({A: 0.2, D: 0.9}, "tt/a.wav", 0.1),
]
IDS = [row["mixture_ID"] for row in ROWS]


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_librimix(tmp_path_factory.mktemp("place"), ROWS, SPEECH, NOISE, sexes=SEXES)


@pytest.fixture
def place(shared_place: Place, tmp_path: Path) -> Place:
    """A copy, which a test may damage."""
    shutil.copytree(shared_place.root, tmp_path / "place")
    return Place(tmp_path / "place", shared_place.rows)


def built(place: Place, folder: Path, *, jobs: int = 1, **params: Any) -> Dataset:
    return build(librimix_config(**params), folder, corpus_dirs=place.dirs, jobs=jobs)


def fingerprint(place: Place, folder: Path, **params: Any) -> str:
    return built(place, folder, **params).card.fingerprint


def write_map(place: Place, lines: Mapping[tuple[int, str], tuple[str, int]]) -> None:
    """Lines (mixture, target path) -> (folder, mixture)."""
    text = "".join(
        f"{IDS[mixture]} {Path(target).stem} {source}/{IDS[other]}\n"
        for (mixture, target), (source, other) in lines.items()
    )
    (place.dirs["librimix"] / MAP).write_text(text)


STANDARD = {
    (0, A): ("s1", 2),  # another utterance of 60
    (0, B): ("s2", 2),  # the same utterance, in another mixture
    (1, C): ("s1", 1),  # the very file
    (1, D): ("s2", 3),  # the same utterance
    (2, E): ("s1", 3),
    (2, B): ("s2", 0),  # the same utterance
    (3, A): ("s1", 2),
    (3, D): ("s2", 1),  # the same utterance
}


# recipes ------------------------------------------------------------------------------------------


def test_a_recipe_holds_what_the_table_says(place: Place, tmp_path: Path) -> None:
    dataset = built(place, tmp_path / "set", mix="both", sample_rate_hz=8000)
    assert list(dataset.mixtures) == IDS
    mixture = dataset.mixtures[IDS[1]]
    assert (mixture.renderer, mixture.quantise) == ("librimix", "int16")
    assert (mixture.sample_rate_hz, mixture.num_samples) == (8000, 25_389)
    s1, s2, noise = mixture.sources
    assert [s.id for s in mixture.sources] == ["s1", "s2", "noise"]
    assert [s.label for s in mixture.sources] == ["121", "1089", "noise"]
    assert [s.role for s in mixture.sources] == ["foreground", "foreground", "background"]
    assert [s.gain for s in mixture.sources] == [0.75, 0.3, 0.7]
    assert s1.clip == Clip(corpus="librispeech", path=C, start=0, frames=50_777)
    assert s2.clip == Clip(corpus="librispeech", path=D, start=0, frames=66_666)
    assert noise.clip == Clip(corpus="wham", path="tt/b.wav", start=0, frames=60_000)
    assert dict(mixture.tags) == {"n_speakers": 2, "gender_pair": "FM", "noise": "wham"}
    assert dataset.card.counts == {
        "mixtures": 4,
        "trials": 8,
        "trials_FMQ_1:0": 8,
        "files": len(dataset.manifest.files),
    }
    assert all(finding.ok for finding in validate(dataset))


@pytest.mark.parametrize(
    ("mode", "rate_hz", "samples", "said"),
    [
        # 48,000 and 48,001 samples at 16 kHz are 24,000 and 24,001 at 8 kHz.
        ("min", 16_000, 48_000, (True, False)),
        ("min", 8000, 24_000, (True, False)),
        ("max", 16_000, 48_001, (True, True)),
        ("max", 8000, 24_001, (True, True)),
    ],
)
def test_transcripts_are_kept_for_what_is_not_cut(
    place: Place, tmp_path: Path, mode: str, rate_hz: int, *, samples: int, said: tuple[bool, ...]
) -> None:
    dataset = built(place, tmp_path / "set", mode=mode, sample_rate_hz=rate_hz)
    mixture = dataset.mixtures[IDS[0]]
    assert mixture.num_samples == samples
    expected = [words_of(Path(path).stem) if kept else None for path, kept in zip((A, B), said, strict=True)]
    assert [source.transcript for source in mixture.sources] == expected
    assert [dataset[index][1].transcript for index in (0, 1)] == expected
    assert ("max" in "".join(dataset.card.notes)) == (mode == "min")
    assert load_dataset(tmp_path / "set", corpus_dirs=place.dirs).card == dataset.card


def test_utterances_of_one_length_at_8_khz_are_both_whole(tmp_path: Path) -> None:
    frames = {A: 48_001, B: 48_002, utterance(60, 9): 48_000, utterance(61, 9): 48_000}
    place = make_librimix(tmp_path, [mixture_row({A: 1.0, B: 1.0}, "tt/a.wav", 1.0)], frames, NOISE)
    mixture = next(iter(built(place, tmp_path / "set").mixtures.values()))
    assert mixture.num_samples == 24_001
    assert all(source.transcript for source in mixture.sources)


def test_a_trial_for_each_speaker_tagged_for_slices(place: Place, tmp_path: Path) -> None:
    dataset = built(place, tmp_path / "set", mode="max")
    assert [trial.id for trial in dataset.trials[:2]] == [f"{IDS[0]}_s1", f"{IDS[0]}_s2"]
    pairs = [trial.tags["gender_pair"] for trial in dataset.trials]
    assert pairs == ["FM", "FM", "FM", "FM", "FM", "FM", "MM", "MM"]
    for trial in dataset.trials:
        assert trial.cluster == trial.mixture_id
        assert str(trial.condition) == "1:0"
        assert trial.tags["noise"] == "none"
        assert trial.tags["enrollment"] == "other"
        assert trial.tags["n_speakers"] == 2
    assert dataset.trials[2].tags["overlap"] == 0.8  # 50,777 / 66,666
    first = built(place, tmp_path / "first", targets="first")
    assert [trial.target_ids for trial in first.trials] == [("s1",)] * 4


def test_single_cuts_to_both_and_mixes_one(place: Place, tmp_path: Path) -> None:
    dataset = built(place, tmp_path / "set", mix="single")
    mixture = dataset.mixtures[IDS[1]]
    assert [source.role for source in mixture.sources] == ["foreground", "auxiliary", "background"]
    assert mixture.num_samples == 25_389
    assert dict(mixture.tags) == {"n_speakers": 1, "gender_pair": "F", "noise": "wham"}
    assert [trial.target_ids for trial in dataset.trials] == [("s1",)] * 4
    query, truth = dataset[1]
    assert truth.target is not None
    assert truth.interferers.shape == (1, 25_389)
    rest = query.mixture - truth.target - truth.interferers
    assert set(np.unique(rest.numpy() * 2**15)) == {0.0, 1.0}


def test_three_speakers_come_from_the_columns(place: Place, tmp_path: Path) -> None:
    rows = [mixture_row({A: 0.5, C: 0.25, D: 0.125}, "tt/b.wav", 0.3)]
    table = "Libri3Mix/libri3mix_test-clean.csv"
    write_csv(place.dirs["librimix"] / table, rows)
    dataset = built(place, tmp_path / "set", metadata=table, mix="both", mode="max")
    mixture = dataset.mixtures[rows[0]["mixture_ID"]]
    assert [source.id for source in mixture.sources] == ["s1", "s2", "s3", "noise"]
    assert mixture.tags["gender_pair"] == "FMM"
    assert "overlap" not in mixture.tags
    assert len(dataset) == 3
    total = dataset.signals(mixture.id).mixture
    rest = (total - dataset.signals(mixture.id).sources.sum(axis=0)) * 2**15
    assert set(np.unique(rest)) <= {0.0, 1.0, 2.0, 3.0}


def test_measured_snr_is_that_of_the_rendering(place: Place, tmp_path: Path) -> None:
    dataset = built(place, tmp_path / "set", mix="both", measure_snr=True)
    for trial in dataset.trials:
        rendered = dataset.signals(trial.mixture_id)
        number = int(trial.target_ids[0][1:]) - 1
        target = rendered.sources[number].astype(np.float64)
        rest = np.delete(rendered.sources, number, axis=0).astype(np.float64).sum(axis=0)
        snr_db = 10 * np.log10((target**2).sum() / (rest**2).sum())
        assert trial.tags["input_snr_db"] == pytest.approx(snr_db, abs=0.051)


# enrollments --------------------------------------------------------------------------------------


def test_drawn_enrollments_are_other_utterances_of_the_speaker(place: Place, tmp_path: Path) -> None:
    dataset = built(place, tmp_path / "set")
    for trial in dataset.trials:
        (clip,) = trial.clue.enrollments
        assert isinstance(clip, Clip)
        mixture = dataset.mixtures[trial.mixture_id]
        target = next(s for s in mixture.sources if s.id == trial.target_ids[0])
        assert clip.path.split("/")[1] == target.label
        assert clip.path not in {source.clip.path for source in mixture.sources}
        assert clip.frames == SPEECH[clip.path] >= 48_000
    other = built(place, tmp_path / "other", name="renamed")
    assert [t.clue for t in other.trials] != [t.clue for t in dataset.trials]


def test_a_draw_does_not_depend_on_utterances_that_are_not_drawn(place: Place, tmp_path: Path) -> None:
    before = built(place, tmp_path / "set")
    drawn = {clip.path for trial in before.trials for clip in trial.clue.enrollments}
    spare = next(p for p in sorted(SPEECH) if p not in drawn | {A, B, C, D, E})
    shutil.rmtree(place.dirs["librimix"] / "LibriSpeech")
    (place.dirs["librispeech"] / spare).unlink()
    assert built(place, tmp_path / "after").trials == before.trials


def test_lists_of_lengths_change_nothing_but_the_time(place: Place, tmp_path: Path) -> None:
    listed = fingerprint(place, tmp_path / "listed", mix="both", mode="max")
    shutil.rmtree(place.dirs["librimix"] / "LibriSpeech")
    assert fingerprint(place, tmp_path / "read", mix="both", mode="max") == listed


def test_a_map_enrolls_with_files_of_other_mixtures(place: Place, tmp_path: Path) -> None:
    write_map(place, STANDARD)
    dataset = built(place, tmp_path / "set", enrollment="map", enrollment_map=MAP)
    assert len(dataset) == 8
    assert [trial.tags["enrollment"] for trial in dataset.trials] == [
        "other",
        "same_utterance",
        "same_file",
        "same_utterance",
        "other",
        "same_utterance",
        "other",
        "same_utterance",
    ]
    assert any(
        "of 8 enrollments, 5 are of the target's own utterance, 1 of these its very file" in note
        for note in dataset.card.notes
    )
    query, truth = dataset[0]
    enrolled = dataset.signals(IDS[2]).sources[0]
    np.testing.assert_array_equal(query.clues.enrollments[0].numpy(), enrolled)
    query, truth = dataset[2]
    assert truth.target is not None
    np.testing.assert_array_equal(query.clues.enrollments[0].numpy(), truth.target[0].numpy())


def test_leak_free_leaves_out_and_counts(place: Place, tmp_path: Path) -> None:
    write_map(place, STANDARD)
    options = {"enrollment": "map", "enrollment_map": MAP, "leak_free": True}
    dataset = built(place, tmp_path / "set", **options)
    assert [trial.id for trial in dataset.trials] == [f"{IDS[n]}_s1" for n in (0, 2, 3)]
    # Mixture 1 has no trial left, and enrolls in none.
    assert dataset.card.counts["excluded_enrollment_is_target"] == 5
    assert list(dataset.mixtures) == [IDS[n] for n in (0, 2, 3)]
    findings = {finding.check: finding.ok for finding in validate(dataset)}
    assert findings["enrollment leak"]


def test_a_limit_keeps_the_mixtures_that_enroll(place: Place, tmp_path: Path) -> None:
    write_map(place, STANDARD)
    dataset = built(place, tmp_path / "set", enrollment="map", enrollment_map=MAP, limit=1)
    assert len(dataset) == 2
    assert list(dataset.mixtures) == [IDS[0], IDS[2]]
    assert dataset.card.counts["mixtures"] == 1
    assert dataset.card.counts["mixtures_enrollment_only"] == 1
    assert all(finding.ok for finding in validate(dataset) if finding.check != "enrollment leak")
    drawn = built(place, tmp_path / "drawn", limit=2)
    assert list(drawn.mixtures) == IDS[:2]
    whole = built(place, tmp_path / "whole")
    assert drawn.trials == whole.trials[:4]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({(0, A): None}, "no line for mixture"),
        ({(0, A): ("s3", 1)}, "is not in this set"),
        ({(0, A): ("noise", 1)}, "is not in this set"),
        ({(0, A): ("s1", 1)}, "is speaker '121', but the target is '60'"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(
    place: Place, tmp_path: Path, changed: dict[Any, Any], message: str
) -> None:
    lines = {key: changed.get(key, value) for key, value in STANDARD.items()}
    write_map(place, {key: value for key, value in lines.items() if value is not None})
    with pytest.raises(DatasetError, match=message):
        built(place, tmp_path / "set", enrollment="map", enrollment_map=MAP)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one two\n", "line 1 is 'one two'"),
        (f"{IDS[0]} a-1 s1\n", "line 1"),
        (f"x y s1/{IDS[0]}\nx y s1/{IDS[1]}\n", "lines 1 and 2: 'x y' is given twice"),
        (None, f"has no {MAP}; get it with"),
    ],
)
def test_a_map_that_is_none_is_refused(place: Place, tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (place.dirs["librimix"] / MAP).write_text(text)
    with pytest.raises(CorpusError, match=message):
        built(place, tmp_path / "set", enrollment="map", enrollment_map=MAP)


def test_a_speaker_without_another_utterance_is_refused(tmp_path: Path) -> None:
    rows = [mixture_row({A: 1.0, B: 1.0}, "tt/a.wav", 1.0)]
    place = make_librimix(tmp_path, rows, {A: 48_000, B: 48_000}, NOISE)
    with pytest.raises(DatasetError, match=r"speaker '60' .* no utterance of 3 s besides"):
        built(place, tmp_path / "set")


def test_a_training_stream_goes_round_and_draws_anew(place: Place) -> None:
    opened = open_builder(librimix_config(), place.dirs)
    turns = [opened.builder.draw(0 + 4 * turn) for turn in range(12)]
    assert {drawn.mixture.id for drawn in turns} == {IDS[0]}
    clips = {drawn.trials[0].clue.enrollments for drawn in turns}
    assert len(clips) > 1
    stream = TrialStream(opened)
    assert stream[5][0].mixture.shape == (1, 25_389)


# missing recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize("lists", [True, False])
def test_missing_recordings_are_counted_and_named(place: Place, tmp_path: Path, *, lists: bool) -> None:
    if not lists:
        shutil.rmtree(place.dirs["librimix"] / "LibriSpeech")
    (place.dirs["librispeech"] / A).unlink()
    (place.dirs["wham"] / "tt/a.wav").unlink()
    with pytest.raises(DatasetError) as caught:
        built(place, tmp_path / "set", mix="both")
    line = str(caught.value)
    assert "recordings are missing or unreadable" in line
    assert "(1 of corpus 'librispeech' and 1 of corpus 'wham')" in line
    assert A in line
    assert "leave out the mixtures that need them (2)" in line
    assert "--allow-missing" in line
    assert "\n" not in line
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("lists", [True, False])
def test_mixtures_are_left_out_on_request(place: Place, tmp_path: Path, *, lists: bool) -> None:
    whole = built(place, tmp_path / "whole", mix="both")
    if not lists:
        shutil.rmtree(place.dirs["librimix"] / "LibriSpeech")
    (place.dirs["librispeech"] / A).unlink()
    config = librimix_config(mix="both")
    part = build(config, tmp_path / "set", corpus_dirs=place.dirs, allow_missing=True)
    assert list(part.mixtures) == [IDS[1], IDS[2]]
    enrolled = {t.id for t in whole.trials for c in t.clue.enrollments if c.path == A}
    lost = [t for t in whole.trials if t.mixture_id in part.mixtures and t.id in enrolled]
    if lists:
        kept = [t for t in whole.trials if t.mixture_id in part.mixtures and t.id not in enrolled]
        assert list(part.trials) == kept
        assert part.card.counts.get("excluded_missing_enrollment", 0) == len(lost)
    assert part.card.counts["excluded_mixtures_missing_recording"] == 2
    assert part.card.counts["missing_recordings"] == 1
    assert part.card.missing == (f"librispeech:{A}",)
    assert part.card.fingerprint != whole.card.fingerprint
    assert load_dataset(tmp_path / "set", corpus_dirs=place.dirs).card == part.card
    assert all(finding.ok for finding in validate(part))


def test_an_enrollment_that_is_missing_costs_its_trial(place: Place, tmp_path: Path) -> None:
    whole = built(place, tmp_path / "whole")
    (clip,) = whole.trials[0].clue.enrollments
    (place.dirs["librispeech"] / clip.path).unlink()
    users = [t.id for t in whole.trials if clip in t.clue.enrollments]
    config = librimix_config()
    part = build(config, tmp_path / "set", corpus_dirs=place.dirs, allow_missing=True)
    in_mixtures = {s.clip.path for m in whole.mixtures.values() for s in m.sources}
    assert clip.path not in in_mixtures
    assert [t.id for t in part.trials] == [t.id for t in whole.trials if t.id not in users]
    assert part.card.counts["excluded_missing_enrollment"] == len(users)


def test_a_mixture_that_is_left_out_cannot_enroll(place: Place, tmp_path: Path) -> None:
    write_map(place, STANDARD)
    (place.dirs["librispeech"] / E).unlink()
    part = build(
        librimix_config(enrollment="map", enrollment_map=MAP),
        tmp_path / "set",
        corpus_dirs=place.dirs,
        allow_missing=True,
    )
    # Mixture 2 is gone, and with it the enrollments of (0, A), (0, B) and (3, A).
    assert [trial.id for trial in part.trials] == [f"{IDS[1]}_s1", f"{IDS[1]}_s2", f"{IDS[3]}_s2"]
    assert part.card.counts["excluded_missing_enrollment"] == 3


def test_a_part_is_not_reused_for_the_whole(place: Place, tmp_path: Path) -> None:
    folder, file = tmp_path / "set", place.dirs["librispeech"] / A
    kept = file.read_bytes()
    file.unlink()
    common = {"corpus_dirs": place.dirs, "reuse": True}
    part = build(librimix_config(), folder, allow_missing=True, **common)
    assert build(librimix_config(), folder, allow_missing=True, **common).card == part.card
    with pytest.raises(DatasetError, match="--allow-missing"):
        build(librimix_config(), folder, **common)
    file.write_bytes(kept)
    assert build(librimix_config(), folder, **common).card.missing == ()


@pytest.mark.parametrize("lists", [True, False])
def test_a_lost_enrollment_costs_its_trials_alone(lists: bool, place: Place, tmp_path: Path) -> None:
    """Whether the length of the utterance is in LibriMix's lists or was to be read from the file."""
    if not lists:
        (place.dirs["librimix"] / "LibriSpeech" / "test-clean.csv").unlink()
    whole = built(place, tmp_path / "whole")
    mixed = {source.clip.path for mixture in whole.mixtures.values() for source in mixture.sources}
    clips = [clip for trial in whole.trials for clip in trial.clue.enrollments]
    drawn = Counter(clip.path for clip in clips if isinstance(clip, Clip) and clip.path not in mixed)
    (path, count) = drawn.most_common()[-1]
    (place.dirs["librispeech"] / path).unlink()
    with pytest.raises(DatasetError, match=rf"\(1 of corpus .*out the trials that enroll with them \({count}\) wi"):
        built(place, tmp_path / "part")
    part = build(librimix_config(), tmp_path / "part", corpus_dirs=place.dirs, allow_missing=True)
    assert len(part) == len(whole) - count
    assert part.card.counts["missing_recordings"] == 1
    assert part.card.counts["excluded_missing_enrollment"] == count
    assert "excluded_mixtures_missing_recording" not in part.card.counts
    kept = {trial.id: trial for trial in part.trials}
    assert all(kept[trial.id] == trial for trial in whole.trials if trial.id in kept)


def test_nothing_at_all_is_refused(place: Place, tmp_path: Path) -> None:
    for file in place.dirs["librispeech"].rglob("*.flac"):
        file.unlink()
    with pytest.raises(
        DatasetError, match=r"no trial: recordings are missing \(\d+ of corpus 'librispeech'\), .*4 mixtures need one"
    ):
        build(librimix_config(), tmp_path / "set", corpus_dirs=place.dirs, allow_missing=True)


def test_half_copied_transcripts_are_missing_recordings(place: Place, tmp_path: Path) -> None:
    chapter = (place.dirs["librispeech"] / D).parent
    next(chapter.glob("*.trans.txt")).unlink()
    with pytest.raises(DatasetError, match=r"1 of corpus 'librispeech'.*trans\.txt"):
        built(place, tmp_path / "set", mode="max")


# the same set again -------------------------------------------------------------------------------


def test_a_set_is_the_same_wherever_and_however_it_is_built(place: Place, tmp_path: Path) -> None:
    expected = fingerprint(place, tmp_path / "a", mix="both")
    other = make_librimix(tmp_path / "else", ROWS, SPEECH, NOISE, sexes=SEXES, backwards=True)
    assert fingerprint(other, tmp_path / "b", mix="both") == expected
    assert fingerprint(place, tmp_path / "c", mix="both", jobs=8) == expected
    shutil.rmtree(other.dirs["librimix"] / "LibriSpeech")
    assert fingerprint(other, tmp_path / "d", mix="both", jobs=3) == expected


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from helpers.trees.librimix import Place, librimix_config
from tsebench.datasets import build as module
from tsebench.datasets import manifest

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[3] == "hashing":
    import tsebench.datasets.corpora.disk.audio_tree as tree
    tree.AudioTree.digest = die
else:
    write, left = manifest.write_atomic, [int(sys.argv[3])]
    def some(path, content):
        if not left[0]:
            die()
        left[0] -= 1
        write(path, content)
    manifest.write_atomic = some
place = Place(Path(sys.argv[2]), ())
module.build(librimix_config(mix="both"), Path(sys.argv[2]) / "set", corpus_dirs=place.dirs)
"""


@pytest.mark.long
@pytest.mark.parametrize("moment", ["hashing", "2"])
def test_a_build_that_is_killed_starts_over(place: Place, tmp_path: Path, moment: str) -> None:
    """Before anything is written, and between the files of the manifest."""
    expected = fingerprint(place, tmp_path / "whole", mix="both")
    arguments = [sys.executable, "-c", KILLED, str(TESTS), str(place.root), moment]
    done = subprocess.run(arguments, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = place.root / "set"
    assert not (folder / "card.json").exists()
    with pytest.raises(DatasetError, match="is not a dataset folder"):
        load_dataset(folder, corpus_dirs=place.dirs)
    assert fingerprint(place, folder, mix="both") == expected
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "files.jsonl",
        "mixtures.jsonl",
        "trials.jsonl",
    ]


def test_a_built_set_is_opened_without_the_metadata(place: Place, tmp_path: Path) -> None:
    built(place, tmp_path / "set", mix="both")
    dirs = {name: place.dirs[name] for name in ("librispeech", "wham")}
    assert len(load_dataset(tmp_path / "set", corpus_dirs=dirs)) == 8


def test_a_clean_set_needs_no_noise(place: Place, tmp_path: Path) -> None:
    shutil.rmtree(place.dirs["wham"])
    assert len(built(place, tmp_path / "set")) == 8


# wrong configs and tables -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sample_rate_hz": 44_100}, "sample_rate_hz = 44100"),
        ({"mode": "mid"}, "mode = 'mid'"),
        ({"enrollment": "map"}, "do not go together"),
        ({"enrollment_map": MAP}, "do not go together"),
        ({"metadata": "Libri2Mix/none.csv"}, "has no Libri2Mix/none.csv; get it with"),
        ({"metadata": "../secret.csv"}, "leads out of the corpus folder"),
        ({"speech": "speech"}, "no corpus 'speech' in this config"),
        ({"speech": "librimix"}, "must be of kind librispeech"),
        ({"limit": 0}, "limit = 0"),
    ],
)
def test_wrong_parameters_are_refused(place: Place, tmp_path: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(TsebenchError, match=message) as caught:
        built(place, tmp_path / "set", **params)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("source_1_gain", "source_1_level"), "no column 'source_1_gain'"),
        (lambda text: text.replace(",0.25,", ",loud,"), "source_2_gain = 'loud' is not a number"),
        (lambda text: text.replace(",0.25,", ",nan,"), "source_2_gain = 'nan' is not a number"),
        (lambda text: text.replace(",0.25,", ",,"), "column 'source_2_gain' is empty in 1 of 4"),
        (lambda text: text + text.splitlines()[1] + "\n", "twice"),
        (lambda text: text[:-20], "cells where the header has"),
        (lambda text: text.replace(A, "../../etc/passwd"), "leads out of the corpus folder"),
    ],
)
def test_damaged_tables_are_refused(place: Place, tmp_path: Path, change: Any, message: str) -> None:
    table = place.dirs["librimix"] / TABLE
    table.write_text(change(table.read_text()))
    with pytest.raises(TsebenchError, match=message) as caught:
        built(place, tmp_path / "set", mix="both")
    assert "\n" not in str(caught.value)


def test_folders_that_are_not_there_are_refused(place: Place, tmp_path: Path) -> None:
    for name in ("librimix", "librispeech", "wham"):
        dirs = {**place.dirs, name: tmp_path / "nowhere"}
        with pytest.raises(CorpusError, match=f"corpus '{name}'.*--corpus {name}=DIR"):
            build(librimix_config(mix="both"), tmp_path / "set", corpus_dirs=dirs)


def test_noise_without_a_column_is_refused(place: Place, tmp_path: Path) -> None:
    table = place.dirs["librimix"] / TABLE
    rows = [{key: row[key] for key in row if "noise" not in key} for row in ROWS]
    write_csv(table, rows)
    with pytest.raises(ConfigError, match="no column noise_path, but mix = 'both'"):
        built(place, tmp_path / "set", mix="both")
    assert len(built(place, tmp_path / "clean")) == 8


# the shipped configs and the real metadata --------------------------------------------------------


SHIPPED_SETS = sorted(path.stem for path in (SHIPPED / "datasets").glob("libri?mix_*.yaml"))
SHIPPED_SETS = [name for name in SHIPPED_SETS if not name.endswith("_files")]


@pytest.mark.parametrize("name", SHIPPED_SETS)
def test_shipped_configs_build(place: Place, tmp_path: Path, name: str) -> None:
    (config,) = load_dataset_configs(name)
    assert config.name == name
    table = place.dirs["librimix"] / str(config.params["metadata"])
    rows: list[dict[str, str]] = [dict(row) for row in ROWS]
    if name.startswith("libri3mix"):
        rows = [mixture_row({A: 0.5, C: 0.25, D: 0.125}, "tt/b.wav", 1.5)]
    write_csv(table, rows)
    if config.params.get("enrollment_map"):
        write_map(place, STANDARD)
        (table.parents[1] / MAP).rename(table.parents[1] / config.params["enrollment_map"])
    dataset = build(config, tmp_path / "set", corpus_dirs=place.dirs)
    assert len(dataset) == sum("source_" in key and "_path" in key for row in rows for key in row)
    assert dataset.card.sample_rate_hz == (8000 if "_8k" in name else 16_000)
    assert ("wham" in dataset.corpora) == ("_both" in name)
    assert isinstance(dataset.trials[0].clue.enrollments[0], MixtureClip) == ("_map" in name)


@pytest.fixture(scope="module", params=["test", "dev"])
def part(request: pytest.FixtureRequest) -> str:
    if not METADATA.is_dir():
        pytest.skip(f"no LibriMix metadata in {METADATA}")
    return str(request.param)


def test_the_real_tables_have_the_known_hours(part: str) -> None:
    rows = mixture_rows(read_table(METADATA / "Libri2Mix" / f"libri2mix_{part}-clean.csv"))
    listed = utterance_rows(read_table(METADATA / "LibriSpeech" / f"{part}-clean.csv"))
    assert len(listed) == {"test": 2229, "dev": 2303}[part]
    assert min(utterance.frames for utterance in listed.values()) >= 48_000
    assert len(rows) == len({row.mixture_id for row in rows}) == 3000
    lengths = [[listed[p.path].frames for p in row.speech] for row in rows]
    hours = [sum(map(end, lengths)) / 16_000 / 3600 for end in (min, max)]
    assert [round(h, 3) for h in hours] == {"test": [4.187, 7.012], "dev": [4.513, 7.600]}[part]
    for row in rows:
        stems = [Path(p.path).stem for p in row.speech]
        assert row.mixture_id == "_".join(stems)
        assert row.noise is not None
        assert row.noise.path.startswith({"test": "tt/", "dev": "cv/"}[part])
        assert listed[row.speech[0].path].speaker != listed[row.speech[1].path].speaker


def test_the_real_gains_are_read_to_the_last_digit(part: str) -> None:
    path = METADATA / "Libri2Mix" / f"libri2mix_{part}-clean.csv"
    rows = mixture_rows(read_table(path))
    with path.open() as file:
        cells = list(csv.DictReader(file))
    for row, cell in zip(rows, cells, strict=True):
        assert row.noise is not None
        gains = [*(part.gain for part in row.speech), row.noise.gain]
        names = ("source_1", "source_2", "noise")
        assert [repr(g) for g in gains] == [repr(float(cell[f"{name}_gain"])) for name in names]


def test_all_real_mixtures_are_drawn_without_audio(part: str, tmp_path: Path) -> None:
    """Only transcripts are read: the lists give the lengths."""
    table = read_table(METADATA / "LibriSpeech" / f"{part}-clean.csv")
    listed = utterance_rows(table)
    texts: dict[Path, list[str]] = {}
    for path in listed:
        chapter = tmp_path / "LibriSpeech" / Path(path).parent
        texts.setdefault(chapter, []).append(f"{Path(path).stem} {words_of(Path(path).stem)}\n")
    for chapter, lines in texts.items():
        chapter.mkdir(parents=True)
        (chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt").write_text("".join(lines))
    metadata = f"Libri2Mix/libri2mix_{part}-clean.csv"
    config = librimix_config(metadata=metadata, mode="max")
    dirs = {"librimix": METADATA, "librispeech": tmp_path / "LibriSpeech"}
    builder = open_builder(config, dirs).builder
    drawn = [builder.draw(index) for index in range(builder.count)]
    assert len(drawn) == 3000
    trials = [trial for item in drawn for trial in item.trials]
    assert len({trial.id for trial in trials}) == 6000
    assert sum(item.mixture.num_samples for item in drawn) / 8000 / 3600 == pytest.approx(
        {"test": 7.012, "dev": 7.600}[part], abs=6e-4
    )
    pairs = Counter(str(item.mixture.tags["gender_pair"]) for item in drawn)
    assert set(pairs) == {"FF", "FM", "MM"}
    for item in drawn:
        for trial, source in zip(item.trials, item.mixture.sources, strict=True):
            (clip,) = trial.clue.enrollments
            assert isinstance(clip, Clip)
            assert listed[clip.path].speaker == source.label
            assert clip.path not in {s.clip.path for s in item.mixture.sources}
            assert source.transcript == words_of(Path(source.clip.path).stem)


def test_a_trimmed_recording_is_another_set(place: Place, tmp_path: Path) -> None:
    expected = fingerprint(place, tmp_path / "a")
    save(place.dirs["librispeech"] / A, frames=SPEECH[A], seed=99)
    assert fingerprint(place, tmp_path / "b") != expected
