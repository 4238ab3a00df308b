"""WSJ0 mixtures: the official algorithm written once more, protocols, levels and official names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.paths import SHARED
from helpers.trees.wsj0 import (
    AUXILIARY,
    RATE_HZ,
    ROWS,
    TRANSCRIPTS,
    UTTERANCES,
    babble,
    make_wsj0,
    make_wsj0_lists,
    write_speech,
)
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tsebench.core.config_files import shipped_names
from tsebench.core.errors import ConfigError, CorpusError, DatasetError, TsebenchError
from tsebench.datasets.build import build, materialise
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import DatasetConfig, load_dataset_configs, open_builder
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.corpora.wsj0 import Wsj0
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.signals.active_level import active_level
from tsebench.datasets.signals.audio import resample
from tsebench.datasets.types import Clip, MixtureClip

REAL = SHARED / "wsj0_mix" / "metadata"
PEAK = 29_491  # 0.9 * 2^15, rounded

Signal = NDArray[np.float64]
Codes = NDArray[np.int64]


@pytest.fixture
def dirs(tmp_path: Path) -> dict[str, Path]:
    sexes = {"440": "M", "441": "F", "22g": "F", "050": "M"}
    return {
        "wsj0": make_wsj0(tmp_path / "speech", transcripts=TRANSCRIPTS, sexes=sexes),
        "wsj0_mix": make_wsj0_lists(tmp_path / "lists"),
    }


def _config(**params: Any) -> DatasetConfig:
    options: dict[str, Any] = {"splits": ["si_dt_05", "si_et_05"]}
    if params.pop("texts", False):
        options["transcripts"] = "transcrp/dots"
    corpora: dict[str, Any] = {"wsj0": {"kind": "wsj0", "options": options}, "wsj0_mix": {"kind": "wsj0_mix_lists"}}
    if "impulse_responses" in params:
        corpora["rooms"] = {"kind": "folder"}
    return DatasetConfig.model_validate(
        {
            "name": "set",
            "builder": "wsj0_mix",
            "split": params.pop("split", "tt"),
            "seed": params.pop("seed", 1),
            "corpora": corpora,
            "params": params,
        }
    )


def _build(dirs: Mapping[str, Path], **params: Any) -> Dataset:
    folder = dirs["wsj0"].parent / f"set-{len(list(dirs['wsj0'].parent.iterdir()))}"
    return build(_config(**params), folder, corpus_dirs=dirs)


def _levels(lists: Path) -> dict[str, float]:
    files = sorted((lists / "activlev").glob("*.txt"))
    return {cells[0]: float(cells[1]) for file in files for cells in map(str.split, file.read_text().splitlines())}


def _official(
    row: str, dirs: Mapping[str, Path], *, rate_hz: int, mode: str, auxiliary: str | None = None
) -> dict[str, Codes]:
    """Output of the scripts, in their order of steps: codes by folder."""
    cells = row.split()
    levels = _levels(dirs["wsj0_mix"])

    def normalised(path: str) -> Signal:
        file = dirs["wsj0"] / path.replace(".wv1", ".wav")
        samples, rate = soundfile.read(str(file), dtype="float64")
        assert rate == RATE_HZ
        at_rate = resample_poly(samples, 1, 2) if rate_hz == 8000 else samples
        return np.asarray(at_rate / np.sqrt(levels[file.stem]))

    s1, s2 = (
        10.0 ** (float(snr) / 20.0) * normalised(path) for path, snr in ((cells[0], cells[1]), (cells[2], cells[3]))
    )
    if mode == "max":
        longest = max(len(s1), len(s2))
        s1, s2 = (np.concatenate([s, np.zeros(longest - len(s))]) for s in (s1, s2))
    else:
        shortest = min(len(s1), len(s2))
        s1, s2 = s1[:shortest], s2[:shortest]
    signals = {"mix": s1 + s2, "s1": s1, "s2": s2}
    if auxiliary is not None:
        signals["aux"] = normalised(auxiliary)
    scaling = 1 / np.max(np.abs(np.concatenate(list(signals.values())))) * 0.9
    return {name: np.trunc(2**15 * scaling * x + np.copysign(0.5, x)).astype(np.int64) for name, x in signals.items()}


def _codes(samples: NDArray[np.floating[Any]]) -> Codes:
    codes = np.asarray(samples, dtype=np.float64) * 2**15
    assert np.array_equal(codes, np.round(codes))
    return codes.astype(np.int64)


def _assert_invariants(codes: Sequence[Codes]) -> None:
    mixture, *sources = codes
    assert max(np.abs(signal).max() for signal in codes) == PEAK
    assert set(np.unique(mixture - np.sum(sources[:2], axis=0))) <= {-1, 0, 1}


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_mixtures_are_the_official_ones(dirs: dict[str, Path], mode: str, rate_hz: int) -> None:
    dataset = _build(dirs, mode=mode, sample_rate_hz=rate_hz)
    assert len(dataset.mixtures) == len(ROWS)
    for row, mixture in zip(ROWS, dataset.mixtures.values(), strict=True):
        expected = _official(row, dirs, rate_hz=rate_hz, mode=mode)
        rendered = dataset.signals(mixture.id)
        found = [_codes(x) for x in (rendered.mixture, *rendered.sources)]
        for name, codes in zip(("mix", "s1", "s2"), found, strict=True):
            np.testing.assert_array_equal(codes, expected[name])
        _assert_invariants(found)


@pytest.mark.parametrize("levels", ["files", "computed"])
def test_embedded_speech_keeps_the_invariants(tmp_path: Path, levels: str) -> None:
    """Two voices of a synthesiser under the names of WSJ0, two utterances each."""
    corpus = SyntheticSpeech(utterances=2)
    voices = [r for r in corpus.recordings() if r.split == "test"][:4]
    names = ("440/440c0201", "440/440c0202", "441/441c0201", "441/441o0302")
    for name, recording in zip(names, voices, strict=True):
        samples, rate = corpus.read(recording.path)
        at_16k = resample(samples, from_hz=rate, to_hz=RATE_HZ).astype(np.float64)
        write_speech(tmp_path / "speech" / f"wsj0/si_et_05/{name}.wav", at_16k)
    rows = [
        f"wsj0/si_et_05/{names[a]}.wav {snr} wsj0/si_et_05/{names[b]}.wav -{snr} "
        for a, b, snr in ((0, 2, "1.25"), (3, 1, "0.5"))
    ]
    dirs = {"wsj0": tmp_path / "speech", "wsj0_mix": make_wsj0_lists(tmp_path / "lists", rows=rows, auxiliary=())}
    dataset = _build(dirs, levels=levels, mode="max")
    assert len(dataset) == 4
    for row, mixture_id in zip(rows, dataset.mixtures, strict=True):
        rendered = dataset.signals(mixture_id)
        codes = [_codes(x) for x in (rendered.mixture, *rendered.sources)]
        _assert_invariants(codes)
        if levels == "files":
            expected = _official(row, dirs, rate_hz=8000, mode="max")
            np.testing.assert_array_equal(codes[0], expected["mix"])


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_extr_has_the_auxiliary_in_its_peak(dirs: dict[str, Path], rate_hz: int) -> None:
    # The auxiliary utterance of the first row gets a level that makes it the loudest by far, and
    # its loudest sample comes after the end of the mixture.
    samples = babble(3.0, seed=9)
    samples[-100] = 2 * np.abs(samples).max()
    write_speech(dirs["wsj0"] / "wsj0/si_et_05/440/440o0301.wav", samples)
    levels = {**_levels(dirs["wsj0_mix"]), "440o0301": 1e-6}
    dirs["wsj0_mix"] = make_wsj0_lists(dirs["wsj0_mix"].parent / "loud", levels=levels)
    dataset = _build(dirs, protocol="extr", sample_rate_hz=rate_hz)
    assert len(dataset) == len(ROWS)
    for number, (row, auxiliary) in enumerate(zip(ROWS, AUXILIARY, strict=True)):
        expected = _official(row, dirs, rate_hz=rate_hz, mode="max", auxiliary=auxiliary)
        mixture = dataset.mixtures[dataset.trials[number].mixture_id]
        rendered = dataset.signals(mixture.id)
        found = [_codes(x) for x in (rendered.mixture, *rendered.sources)]
        for name, codes in zip(("mix", "s1", "s2"), found, strict=False):
            np.testing.assert_array_equal(codes, expected[name])
        (enrollment,) = dataset[number][0].clues.enrollments
        np.testing.assert_array_equal(_codes(enrollment.numpy()), expected["aux"])
        _assert_invariants([*found[:3], expected["aux"]])
        if number == 0:
            assert np.abs(expected["aux"]).max() == PEAK > 3 * np.abs(found[0]).max()


class TestProtocols:
    def test_wsj0_2mix_asks_for_both_speakers(self, dirs: dict[str, Path]) -> None:
        dataset = _build(dirs)
        assert list(dataset.mixtures) == [
            "440c0201_0.60431_22gc0101_-0.60431",
            "050a0501_2.4_441c0201_-2.4",
            "440c0201_1.6043_22gc0101_-1.6043",
            "441o0302_5.2094e-07_050c010f_-5.2094e-07",
        ]
        first, second, *_ = dataset.trials
        assert (first.id, second.id) == tuple(f"440c0201_0.60431_22gc0101_-0.60431_s{n}" for n in (1, 2))
        assert first.target_ids == ("s1",)
        assert first.tags == {
            "target": "440",
            "enrollment": "other",
            "input_snr_db": 1.2,
            "n_speakers": 2,
            "gender_pair": "FM",
        }
        assert second.tags["input_snr_db"] == -1.2
        for trial in dataset.trials:
            (clip,) = trial.clue.enrollments
            mixture = dataset.mixtures[trial.mixture_id]
            assert isinstance(clip, Clip)
            assert clip.path not in {source.clip.path for source in mixture.sources}
            assert Path(clip.path).parent.name == trial.tags["target"]
            assert (clip.start, clip.frames) == (0, UTTERANCES[f"wsj0/{clip.path}"] * RATE_HZ)
        assert any("min mode cuts" in note for note in dataset.card.notes)
        assert all(finding.ok for finding in validate(dataset))

    def test_a_seed_draws_other_enrollments_and_the_same_mixtures(self, dirs: dict[str, Path]) -> None:
        sets = [_build(dirs, seed=seed) for seed in (1, 1, 2, 3, 4)]
        enrolled = [[trial.clue for trial in dataset.trials] for dataset in sets]
        assert enrolled[0] == enrolled[1]
        assert any(other != enrolled[0] for other in enrolled[2:])
        assert all(dataset.mixtures == sets[0].mixtures for dataset in sets)
        assert sets[0].card.fingerprint == sets[1].card.fingerprint

    def test_extr_asks_for_s1_by_the_auxiliary_as_it_is_mixed(self, dirs: dict[str, Path]) -> None:
        dataset = _build(dirs, protocol="extr")
        names = [trial.id for trial in dataset.trials]
        assert names == list(dataset.mixtures)
        assert names[0] == "440c0201_0.60431_22gc0101_-0.60431_440o0301"
        for trial in dataset.trials:
            assert trial.target_ids == ("s1",)
            assert trial.clue.enrollments == (MixtureClip(mixture_id=trial.mixture_id, source_id="aux"),)
            *_, auxiliary = dataset.mixtures[trial.mixture_id].sources
            assert auxiliary.role == "auxiliary"
        query, truth = dataset[0]
        rendered = dataset.signals(names[0])
        np.testing.assert_array_equal(query.mixture.numpy()[0], rendered.mixture)
        assert truth.target is not None
        np.testing.assert_array_equal(truth.target.numpy()[0], rendered.sources[0])
        np.testing.assert_array_equal(truth.interferers.numpy(), rendered.sources[1:2])
        assert all(finding.ok for finding in validate(dataset))

    def test_spex_takes_its_enrollments_from_the_list(self, dirs: dict[str, Path]) -> None:
        """Names in the list may have rounded SNRs; the speaker decides whose enrollment it is."""
        lines = (
            "440c0201_0.6_22gc0101_-0.6_22go010x /home/x/wsj0/si_dt_05_8k/22g/22go010x.wav",
            "440c0201_0.60431_22gc0101_-0.60431_440o0301 si_et_05_8k/440/440o0301.wav",
            "050a0501_2.4_441c0201_-2.4_050c010f si_dt_05_8k/050/050c010f.wav",
            "050a0501_2.4_441c0201_-2.4_441c0201 si_et_05_8k/441/441c0201.wav",
            "440c0201_1.6_22gc0101_-1.6_440c0202 si_et_05_8k/440/440c0202.wav",
        )
        (dirs["wsj0_mix"] / "tt").mkdir()
        (dirs["wsj0_mix"] / "tt" / "aux.scp").write_text("\n".join(lines))
        dataset = _build(dirs, protocol="spex", enrollment_list="tt/aux.scp")
        assert [trial.id for trial in dataset.trials] == [
            "440c0201_0.60431_22gc0101_-0.60431_440o0301",
            "440c0201_0.60431_22gc0101_-0.60431_22go010x",
            "050a0501_2.4_441c0201_-2.4_050c010f",
            "050a0501_2.4_441c0201_-2.4_441c0201",
            "440c0201_1.6043_22gc0101_-1.6043_440c0202",
        ]
        assert [trial.target_ids for trial in dataset.trials] == [("s1",), ("s2",), ("s1",), ("s2",), ("s1",)]
        assert dataset.card.counts["excluded_no_listed_enrollment"] == 3
        assert [trial.tags["enrollment"] for trial in dataset.trials].count("same_utterance") == 1
        query, _ = dataset[1]
        samples, _ = soundfile.read(str(dirs["wsj0"] / "wsj0/si_dt_05/22g/22go010x.wav"))
        plain = resample(samples.astype(np.float32), from_hz=RATE_HZ, to_hz=8000)
        np.testing.assert_array_equal(query.clues.enrollments[0].numpy(), plain)

    def test_spex_without_a_list_draws(self, dirs: dict[str, Path]) -> None:
        spex, plain = _build(dirs, protocol="spex"), _build(dirs)
        assert spex.trials == plain.trials
        assert spex.mixtures == plain.mixtures

    def test_the_fifth_column_is_a_list_too(self, dirs: dict[str, Path]) -> None:
        dataset = _build(dirs, enrollment_list="mix_2_spk_tt_extr.txt", targets="first")
        names = [Path(path).stem for path in AUXILIARY]
        assert [trial.id.rpartition("_")[2] for trial in dataset.trials] == names

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("440c0201_0.6_22gc0101_-0.6_050c010f a/050c010f.wav", "of a speaker who is not in it"),
            ("440c0201_9.6_22gc0101_-9.6_440o0301 a/440o0301.wav", "no mixtures fit"),
            (
                "440c0201_0.6_22gc0101_-0.6_440o0301 a/440o0301.wav\n"
                "440c0201_0.6_22gc0101_-0.6_440c0202 a/440c0202.wav",
                "lines 1 and 2: the auxiliary utterance of speaker '440' of mixture .* is given twice",
            ),
        ],
    )
    def test_lists_that_do_not_fit_are_refused(self, dirs: dict[str, Path], line: str, message: str) -> None:
        (dirs["wsj0_mix"] / "aux.scp").write_text(line)
        with pytest.raises(DatasetError, match=message):
            _build(dirs, enrollment_list="aux.scp")

    def test_three_speakers(self, dirs: dict[str, Path]) -> None:
        row = f"{ROWS[0].split()[0]} 1.0 {ROWS[1].split()[2]} -1.0 {ROWS[0].split()[2]} 0\n"
        (dirs["wsj0_mix"] / "mix_3_spk_tt.txt").write_text(row)
        dataset = _build(dirs, n_speakers=3)
        (mixture,) = dataset.mixtures.values()
        assert mixture.id == "440c0201_1.0_441c0201_-1.0_22gc0101_0"
        assert [trial.target_ids for trial in dataset.trials] == [("s1",), ("s2",), ("s3",)]
        assert dataset.trials[0].tags["input_snr_db"] == pytest.approx(round(1 - 10 * np.log10(1 + 10**-0.1), 1))
        rendered = dataset.signals(mixture.id)
        assert np.abs(_codes(rendered.mixture) - _codes(rendered.sources).sum(axis=0)).max() <= 1

    def test_trials_on_a_speaker_who_is_mixed_with_himself_are_left_out(self, dirs: dict[str, Path]) -> None:
        """As in the official lists of four and five speakers."""
        own = [path for path in UTTERANCES if "/440/" in path]
        rows = [
            f"{own[0]} 1.0 {ROWS[0].split()[2]} -1.0 {own[1]} 0.5 {ROWS[1].split()[2]} -0.5 ",
            f"{own[0]} 2.0 {ROWS[0].split()[2]} -2.0 {own[0]} 0.5 {ROWS[1].split()[0]} -0.5 ",
            f"{own[0]} 2.0 {ROWS[0].split()[2]} -2.0 {ROWS[1].split()[2]} 0.5 {ROWS[1].split()[0]} -0.5 ",
        ]
        (dirs["wsj0_mix"] / "mix_4_spk_tt.txt").write_text("\n".join(rows))
        dataset = _build(dirs, n_speakers=4)
        assert len(dataset.mixtures) == 3
        assert [t.target_ids[0] for t in dataset.trials] == ["s2", "s4", "s2", "s4", "s1", "s2", "s3", "s4"]
        assert dataset.card.counts["excluded_ambiguous_speaker"] == 4
        assert dataset.card.notes[1].startswith("2 of 3 mixtures hold a speaker more than once; the 4 trials on such")
        first = _build(dirs, n_speakers=4, targets="first")
        assert [t.target_ids[0] for t in first.trials] == ["s1"]
        assert "the 2 trials on such" in first.card.notes[1]


def test_transcripts_only_of_utterances_that_are_heard_whole(dirs: dict[str, Path]) -> None:
    transcribed = {}
    for mode in ("min", "max"):
        dataset = _build(dirs, mode=mode, texts=True)
        transcribed[mode] = {
            source.id for source in dataset.mixtures["050a0501_2.4_441c0201_-2.4"].sources if source.transcript
        }
        first = dataset.mixtures["440c0201_0.60431_22gc0101_-0.60431"]
        # 440c0201 (2.51 s) is longer than 22gc0101 (2.2 s).
        assert (first.sources[0].transcript is not None) == (mode == "max")
    assert transcribed == {"min": set(), "max": {"s2"}}
    tags = dataset.trials[0].tags
    assert tags["overlap"] == round(2.2 / 2.51, 1)


class TestLevels:
    def test_measured_levels_make_the_same_mixtures_as_their_file(self, dirs: dict[str, Path]) -> None:
        levels = {}
        for path in UTTERANCES:
            samples, _ = soundfile.read(str(dirs["wsj0"] / path))
            at_8k = resample_poly(samples, 1, 2)
            levels[Path(path).stem] = active_level(at_8k, 8000, high_pass_hz=200.0, thresholds_per_octave=2).power
        dirs["wsj0_mix"] = make_wsj0_lists(dirs["wsj0_mix"].parent / "own", levels=levels)
        for rate_hz in (8000, 16_000):
            listed = _build(dirs, sample_rate_hz=rate_hz)
            measured = _build(dirs, sample_rate_hz=rate_hz, levels="computed")
            assert any("measured here" in note for note in measured.card.notes)
            for mixture_id in listed.mixtures:
                one, other = listed.signals(mixture_id), measured.signals(mixture_id)
                # Six digits: a code in 10^4 may fall on the other side.
                assert np.abs(_codes(one.mixture) - _codes(other.mixture)).max() <= 1
                assert np.mean(one.mixture != other.mixture) < 0.02

    def test_a_common_factor_of_all_levels_changes_nothing(self, dirs: dict[str, Path]) -> None:
        """MATLAB's releases differ by such a factor, the gain of their resampler."""
        levels = {name: 0.998966 * level for name, level in _levels(dirs["wsj0_mix"]).items()}
        before = _build(dirs)
        dirs["wsj0_mix"] = make_wsj0_lists(dirs["wsj0_mix"].parent / "other", levels=levels)
        after = _build(dirs)
        for mixture_id in before.mixtures:
            np.testing.assert_array_equal(before.signals(mixture_id).mixture, after.signals(mixture_id).mixture)

    def test_missing_levels_are_told(self, dirs: dict[str, Path]) -> None:
        file = dirs["wsj0_mix"] / "activlev" / "activlev_si_et_05.txt"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
        with pytest.raises(DatasetError, match="levels of 1 utterances, the first is '440c0201'"):
            _build(dirs)
        file.rename(dirs["wsj0_mix"] / file.name)
        with pytest.raises(DatasetError, match="'440c0201'"):
            _build(dirs)
        (dirs["wsj0_mix"] / file.name).unlink()
        with pytest.raises(CorpusError, match=r"has no activlev/activlev_si_et_05.txt and no"):
            _build(dirs)
        assert len(_build(dirs, levels="computed")) == 2 * len(ROWS)

    def test_a_silent_utterance_cannot_be_measured(self, dirs: dict[str, Path]) -> None:
        write_speech(dirs["wsj0"] / "wsj0/si_et_05/440/440c0201.wav", np.zeros(40_000))
        with pytest.raises(ConfigError, match=r"440c0201.wav' of corpus 'wsj0' is silent"):
            _build(dirs, levels="computed")


class TestRooms:
    @pytest.fixture
    def rooms(self, dirs: dict[str, Path]) -> dict[str, Path]:
        """Two rooms of two responses, at 16 kHz: direct sound, an early and a late reflection."""
        for room, delay in (("hall", 700), ("office", 80)):
            for place, shift in (("near", 0), ("far", 33)):
                response = np.zeros(4000)
                response[delay + shift] = 0.5
                response[delay + shift + 200] = -0.2
                response[delay + shift + 1500] = 0.1
                tail = response[delay + shift + 1501 :]
                tail += 0.003 * np.random.default_rng(delay).standard_normal(len(tail))
                write_speech(dirs["wsj0"].parent / "rooms" / room / f"{place}.wav", response)
        return {**dirs, "rooms": dirs["wsj0"].parent / "rooms"}

    ROOMS: Mapping[str, Any] = {"impulse_responses": {"corpus": "rooms", "split": "test"}}

    @pytest.mark.parametrize("rate_hz", [8000, 16_000])
    def test_early_and_late_make_the_whole(self, rooms: dict[str, Path], rate_hz: int) -> None:
        whole = _build(rooms, **self.ROOMS, sample_rate_hz=rate_hz)
        early = _build(rooms, **self.ROOMS, room_target="early", sample_rate_hz=rate_hz)
        for mixture_id, recipe in early.mixtures.items():
            assert [source.id for source in recipe.sources] == ["s1", "s1_late", "s2", "s2_late"]
            assert [source.role for source in recipe.sources][::2] == ["foreground"] * 2
            parts, all_of_it = early.signals(mixture_id), whole.signals(mixture_id)
            apart = parts.sources[:2].sum(axis=0)
            # Another common scale, and at 8 kHz the ends of the parts are filtered apart.
            scale = np.dot(apart, all_of_it.sources[0]) / np.dot(apart, apart)
            wrong = np.sum((scale * apart - all_of_it.sources[0]) ** 2)
            limit = 1e-6 if rate_hz == RATE_HZ else 1e-3
            assert wrong < limit * np.sum(all_of_it.sources[0] ** 2)
        assert len(early) == len(whole) == 2 * len(ROWS)
        query, truth = early[0]
        assert truth.target is not None
        assert truth.interferers.shape[0] == 3
        assert truth.target.shape == query.mixture.shape

    def test_the_early_part_ends_50_ms_after_the_direct_sound(self, rooms: dict[str, Path]) -> None:
        dataset = _build(rooms, **self.ROOMS, room_target="early")
        ends = set()
        for mixture in dataset.mixtures.values():
            s1, late, s2, _ = mixture.sources
            assert s1.impulse_response is not None
            assert s2.impulse_response is not None
            assert late.impulse_response is not None
            assert s1.impulse_response.path != s2.impulse_response.path
            assert Path(s1.impulse_response.path).parent == Path(s2.impulse_response.path).parent
            assert late.onset * 2 == late.impulse_response.start == s1.impulse_response.frames
            assert late.transcript is None
            ends.add(s1.impulse_response.frames)
        # Peak, 800 samples, the peak itself, and one to make it even at 8 kHz.
        assert ends <= {700 + 802, 733 + 801, 80 + 802, 113 + 801}

    def test_a_response_of_one_sample_is_no_room(self, rooms: dict[str, Path]) -> None:
        """It has an energy of one after scaling, so the mixture is the dry one, one sample late."""
        for path in rooms["rooms"].rglob("*.wav"):
            response = np.zeros(16)
            response[2] = 0.25
            write_speech(path, response)
        dry, wet = (_build(rooms, sample_rate_hz=16_000), _build(rooms, **self.ROOMS, sample_rate_hz=16_000))
        for mixture_id in dry.mixtures:
            one, other = dry.signals(mixture_id).mixture, wet.signals(mixture_id).mixture
            assert np.abs(_codes(one)[:-2] - _codes(other)[2:]).max() <= 1
        assert wet.trials[0].tags["room"] is True
        assert wet.trials[0].clue == dry.trials[0].clue

    def test_rooms_are_drawn_by_the_seed(self, rooms: dict[str, Path]) -> None:
        def drawn(seed: int) -> list[str]:
            dataset = _build(rooms, **self.ROOMS, seed=seed)
            responses = [m.sources[0].impulse_response for m in dataset.mixtures.values()]
            return [response.path for response in responses if response]

        assert drawn(1) == drawn(1)
        assert len({tuple(drawn(seed)) for seed in range(4)}) > 1

    def test_too_few_or_silent_responses_are_refused(self, rooms: dict[str, Path]) -> None:
        for path in rooms["rooms"].rglob("far.wav"):
            path.unlink()
        with pytest.raises(ConfigError, match="no room of corpus 'rooms' has 2 impulse responses"):
            _build(rooms, **self.ROOMS)
        for name in ("a.wav", "b.wav"):
            write_speech(rooms["rooms"] / "office" / name, np.zeros(100))
            write_speech(rooms["rooms"] / "hall" / name, np.zeros(100))
        with pytest.raises(ConfigError, match="is silent; remove it"):
            _build(rooms, **self.ROOMS, seed=5)


class TestMissing:
    def test_missing_utterances_are_counted_and_may_be_left_out(self, dirs: dict[str, Path]) -> None:
        (dirs["wsj0"] / "wsj0/si_et_05/441/441c0201.wav").unlink()
        with pytest.raises(DatasetError, match=r"1 of corpus 'wsj0'.*'si_et_05/441/441c0201.wav'.*--allow-missing"):
            _build(dirs)
        folder = dirs["wsj0"].parent / "partial"
        dataset = build(_config(), folder, corpus_dirs=dirs, allow_missing=True)
        assert dataset.card.counts["excluded_mixtures_missing_recording"] == 1
        assert "excluded_mixtures_too_few_recordings" not in dataset.card.counts
        assert "050a0501_2.4_441c0201_-2.4" not in dataset.mixtures
        assert len(dataset) == 6

    def test_what_follows_from_a_lost_recording_is_said_as_such(self, dirs: dict[str, Path]) -> None:
        """A recording is lost, and another mixture's speaker has nothing else to be enrolled with."""
        (dirs["wsj0"] / "wsj0/si_et_05/441/441c0201.wav").unlink()
        others = [path for path in UTTERANCES if "/22g/" in path and "22gc0101" not in path]
        for path in others:
            (dirs["wsj0"] / path).unlink()
        folder = dirs["wsj0"].parent
        with pytest.raises(DatasetError) as refused:
            build(_config(), folder / "set", corpus_dirs=dirs)
        line = str(refused.value)
        assert "missing or unreadable (1 of corpus 'wsj0'), the first is 'si_et_05/441/441c0201.wav'" in line
        assert "leave out the mixtures that need them (1) and the mixtures with too few other recordings to" in line
        assert "to enroll with (2) with --allow-missing" in line
        part = build(_config(), folder / "part", corpus_dirs=dirs, allow_missing=True)
        assert part.card.counts["missing_recordings"] == 1
        assert part.card.counts["excluded_mixtures_missing_recording"] == 1
        assert part.card.counts["excluded_mixtures_too_few_recordings"] == 2
        (dirs["wsj0"] / "wsj0/si_et_05/441/441o0302.wav").unlink()
        with pytest.raises(DatasetError, match=r"since none is left besides the mixtures that need them \(2\) and"):
            build(_config(), folder / "set", corpus_dirs=dirs)
        with pytest.raises(DatasetError, match=r"has no trial: recordings are missing \(2 of .*2 mixtures need one of"):
            build(_config(), folder / "set", corpus_dirs=dirs, allow_missing=True)

    def test_a_set_opens_without_the_lists(self, dirs: dict[str, Path]) -> None:
        folder = dirs["wsj0"].parent / "set"
        built = build(_config(), folder, corpus_dirs=dirs)
        loaded = load_dataset(folder, corpus_dirs={"wsj0": dirs["wsj0"]})
        np.testing.assert_array_equal(loaded[0][0].mixture.numpy(), built[0][0].mixture.numpy())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"protocol": "extr", "targets": "all"}, "protocol 'extr' queries s1"),
        ({"protocol": "extr", "enrollment_list": "x"}, "protocol 'extr' queries s1"),
        ({"protocol": "extr", "mixture_list": "mix_2_spk_tt.txt"}, "have no auxiliary utterance"),
        ({"protocol": "spex", "mode": "max"}, "protocol 'spex' has mode = 'min'"),
        ({"protocol": "spex", "sample_rate_hz": 16_000}, "protocol 'spex' has"),
        ({"protocol": "spx"}, "protocol = 'spx'"),
        ({"sample_rate_hz": 44_100}, "sample_rate_hz = 44100"),
        ({"n_speakers": 3, "mixture_list": "mix_2_spk_tt.txt"}, "has 2 speakers in a mixture"),
        ({"n_speakers": 3}, "has no mix_3_spk_tt.txt"),
        ({"split": "cv"}, "has no mix_2_spk_cv.txt"),
        ({"room_target": "early"}, "needs `impulse_responses`"),
        ({"speech": "wsj"}, "no corpus 'wsj' in this config; did you mean 'wsj0'"),
        ({"lists": "wsj0"}, "corpus 'wsj0' must be of kind wsj0_mix_lists"),
        ({"lists": "none"}, "no corpus 'none'"),
        ({"modus": "min"}, "unknown key 'modus'; did you mean 'mode'"),
    ],
)
def test_wrong_parameters_are_told(dirs: dict[str, Path], params: dict[str, Any], message: str) -> None:
    with pytest.raises(TsebenchError, match=message) as caught:
        _build(dirs, **params)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "folder", "signals"),
    [
        ({}, "2speakers/wav8k/min/tt", ("mix", "s1", "s2")),
        ({"mode": "max", "sample_rate_hz": 16_000}, "2speakers/wav16k/max/tt", ("mix", "s1", "s2")),
        ({"protocol": "extr"}, "wsj0_2mix_extr/wav8k/max/tt", ("mix", "s1", "s2", "aux")),
        ({"protocol": "spex"}, "2speakers/wav8k/min/tt", ("mix", "s1", "s2")),
    ],
)
def test_the_official_tree(
    dirs: dict[str, Path], params: dict[str, Any], folder: str, signals: tuple[str, ...]
) -> None:
    dataset = _build(dirs, **params, limit=2)
    root = dirs["wsj0"].parent / "written"
    materialise(dataset, root)
    for mixture_id in dataset.mixtures:
        rendered = dataset.signals(mixture_id)
        sources = (rendered.mixture, *rendered.sources[:2], *rendered.auxiliary.values())
        for name, samples in zip(signals, sources, strict=True):
            path = root / "audio" / folder / name / f"{mixture_id}.wav"
            assert soundfile.info(str(path)).subtype == "PCM_16"
            written, rate = soundfile.read(str(path), dtype="int16")
            assert rate == dataset.card.sample_rate_hz
            np.testing.assert_array_equal(written, _codes(samples))


def test_a_stream_goes_on_with_other_enrollments(dirs: dict[str, Path]) -> None:
    opened = open_builder(_config(split="test"), dirs)
    assert opened.builder.count == len(ROWS)
    passes = [opened.builder.draw(0 + turn * len(ROWS)) for turn in range(6)]
    assert all(drawn.mixture == passes[0].mixture for drawn in passes)
    assert len({drawn.trials[0].clue for drawn in passes}) == 2


def test_shipped_configs_of_wsj0() -> None:
    names = [name for name in shipped_names("datasets") if name.startswith("wsj0")]
    assert {"wsj0_2mix", "wsj0_2mix_extr", "wsj0_2mix_max", "wsj0_2mix_spex"} <= set(names)
    for name in names:
        (config,) = load_dataset_configs(name)
        assert (config.name, config.builder) == (name, "wsj0_mix_files" if name.endswith("_files") else "wsj0_mix")


@pytest.mark.parametrize("name", ["wsj0_2mix", "wsj0_2mix_extr"])
def test_shipped_configs_build(dirs: dict[str, Path], name: str) -> None:
    (config,) = load_dataset_configs(name)
    assert len(build(config, dirs["wsj0"].parent / name, corpus_dirs=dirs)) in {4, 8}


@pytest.mark.long
@pytest.mark.skipif(not REAL.is_dir(), reason="the lists of WSJ0-2mix are not here")
def test_the_real_test_set_is_built_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real lists and levels, over files of the real names that hold next to nothing."""

    def refuse(_corpus: Wsj0, path: str, *_stretch: int) -> None:
        raise AssertionError(f"{path} is decoded")

    monkeypatch.setattr(Wsj0, "read", refuse)
    codes = (np.random.default_rng(0).standard_normal(200) * 100).astype(np.int16)
    for part in ("si_dt_05", "si_et_05"):
        for line in (REAL / "activlev" / f"activlev_{part}.txt").read_text().splitlines():
            name = line.split()[0]
            folder = tmp_path / "wsj0" / part / name[:3]
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(str(folder / f"{name}.wav"), codes[: 100 + len(name)], RATE_HZ)
    (config,) = load_dataset_configs("wsj0_2mix")
    dirs = {"wsj0": tmp_path, "wsj0_mix": REAL.parent}
    dataset = build(config, tmp_path / "set", corpus_dirs=dirs)
    assert len(dataset.mixtures) == 3000
    assert len(dataset) == 6000
    assert len({trial.tags["target"] for trial in dataset.trials}) == 18
    assert {trial.tags["enrollment"] for trial in dataset.trials} == {"other"}
