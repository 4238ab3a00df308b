"""LibriMix sample for sample: against its algorithm, written down here a second time."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.paths import SHARED
from helpers.trees.librimix import Place, librimix_config, make_librimix, mixture_row, utterance
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tsebench.core.errors import AudioError, DatasetError
from tsebench.datasets.build import build, materialise
from tsebench.datasets.config import open_corpora
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.render import render
from tsebench.datasets.renderers.librimix import extend_noise, librimix_source
from tsebench.datasets.types import MixtureClip

METADATA = SHARED / "librimix" / "metadata"
OTHERS = 2  # utterances of each speaker that no mixture holds
Codes = NDArray[np.int16]

SPEECH = {
    utterance(60, 1): 52_001,
    utterance(61, 2): 48_000,
    utterance(121, 3): 50_777,
    utterance(1089, 4): 66_666,
    utterance(60, 5): 57_123,
    utterance(61, 6): 57_124,
    **{utterance(speaker, n): 48_000 for speaker in (60, 61, 121, 1089) for n in (20, 21)},
}
# Extended three times, once, by a sample, and not at all.
NOISE = {"tt/a_1.wav": 21_000, "tt/b.wav": 60_000, "tt/c_-2.5.wav": 57_123, "tt/d.wav": 90_000}
ROWS = [
    mixture_row(
        {utterance(60, 1): 0.7875413348848695, utterance(61, 2): 1.4352834120507272}, "tt/a_1.wav", 1.7990499862874463
    ),
    mixture_row(
        {utterance(121, 3): 0.21427910081618340, utterance(1089, 4): 0.3442805985487599}, "tt/b.wav", 0.067895498628744
    ),
    mixture_row({utterance(60, 5): 0.6015250670106238, utterance(61, 6): 1.787337376171588}, "tt/c_-2.5.wav", 0.99),
    # Loud enough to clip.
    mixture_row({utterance(1089, 4): 2.75, utterance(60, 1): 1.2}, "tt/d.wav", 1.4409061659915268),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_librimix(tmp_path_factory.mktemp("place"), ROWS, SPEECH, NOISE)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Real rows with real lengths of the utterances; the noise is of any length."""
    if not METADATA.is_dir():
        pytest.skip(f"no LibriMix metadata in {METADATA}")
    with (METADATA / "Libri2Mix" / "libri2mix_test-clean.csv").open() as file:
        rows = list(csv.DictReader(file))[::600]
    with (METADATA / "LibriSpeech" / "test-clean.csv").open() as file:
        lengths = {row["origin_path"]: int(row["length"]) for row in csv.DictReader(file)}
    used = {row[f"source_{n}_path"] for row in rows for n in (1, 2)}
    kept = {path: lengths[path] for path in used}
    for path in used:
        mine = [other for other in sorted(lengths) if other.split("/")[1] == path.split("/")[1]]
        other = next(other for other in mine if other not in used)
        kept[other] = lengths[other]
    noise = {row["noise_path"]: 72_554 + 10_000 * n for n, row in enumerate(rows)}
    return make_librimix(tmp_path_factory.mktemp("real"), rows, kept, noise)


def by_hand(row: Mapping[str, str], place: Place, folder: Path, *, rate_hz: int, mode: str) -> dict[str, Codes]:
    """Files of one mixture by LibriMix's description: written to disk and read again."""
    files = [place.dirs["librispeech"] / row[f"source_{n}_path"] for n in (1, 2)]
    speech = [soundfile.read(str(file), dtype="float32")[0] for file in files]
    longest = max(len(samples) for samples in speech)
    noise, _ = soundfile.read(str(place.dirs["wham"] / row["noise_path"]), dtype="float32")
    signals = [*speech, _repeated(noise[:longest, 0], longest)]
    gains = [float(row[f"{name}_gain"]) for name in ("source_1", "source_2", "noise")]
    scaled = [resample_poly(samples * gain, rate_hz, 16_000) for samples, gain in zip(signals, gains, strict=True)]
    if mode == "min":
        shortest = min(len(samples) for samples in scaled)
        scaled = [samples[:shortest] for samples in scaled]
    else:
        end = max(len(samples) for samples in scaled)
        scaled = [np.pad(samples, (0, end - len(samples))) for samples in scaled]
    s1, s2, noise = scaled
    assert s1.dtype == s2.dtype == np.float32
    total = (s1 + s2).astype(np.float32)
    both, single = total.copy(), s1.copy()
    both += noise
    single += noise
    made = {"s1": s1, "s2": s2, "noise": noise, "clean": total, "both": both, "single": single}
    return {name: _as_written(samples, folder / f"{name}.wav") for name, samples in made.items()}


def _repeated(noise: NDArray[np.float32], length: int) -> NDArray[np.floating]:
    """Overlap-add of noise with itself, 8001 samples deep, under a Hann window of 16001."""
    if len(noise) >= length:
        return noise
    window, deep = np.hanning(16_001), 8_001
    hop = len(noise) - deep
    out = np.zeros(length + 2 * len(noise))
    out[: len(noise)] = noise
    for begin in range(hop, length - deep, hop):
        out[begin : begin + deep] *= window[8_000:]
        out[begin : begin + deep] += noise[:deep] * window[:deep]
        out[begin + deep : begin + len(noise)] = noise[deep:]
    return out[:length]


def _as_written(samples: NDArray[np.floating], path: Path) -> Codes:
    soundfile.write(str(path), samples, 16_000)
    assert soundfile.info(str(path)).subtype == "PCM_16"
    return soundfile.read(str(path), dtype="int16")[0]


def codes(samples: NDArray[np.float32]) -> Codes:
    scaled = samples.astype(np.float64) * 2**15
    assert (scaled == np.rint(scaled)).all()
    return scaled.astype(np.int16)


def built(place: Place, folder: Path, **params: object) -> Dataset:
    return build(librimix_config(**params), folder, corpus_dirs=place.dirs)


@pytest.mark.parametrize("which", ["place", "real"])
@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_mixtures_are_those_of_the_official_script(
    which: str, rate_hz: int, mode: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(which)
    expected = {row["mixture_ID"]: by_hand(row, place, tmp_path, rate_hz=rate_hz, mode=mode) for row in place.rows}
    for mix in ("clean", "both", "single"):
        dataset = built(place, tmp_path / mix, sample_rate_hz=rate_hz, mode=mode, mix=mix)
        assert list(dataset.mixtures) == [row["mixture_ID"] for row in place.rows]
        for name, mixture in dataset.mixtures.items():
            rendered = dataset.signals(name)
            np.testing.assert_array_equal(codes(rendered.mixture), expected[name][mix])
            for source, samples in zip(mixture.sources, rendered.sources, strict=True):
                np.testing.assert_array_equal(codes(samples), expected[name][source.id])


def test_the_noise_of_these_rows_is_extended(place: Place, tmp_path: Path) -> None:
    """Else the test above would not look at it."""
    dataset = built(place, tmp_path / "set", mix="both", mode="max", sample_rate_hz=16_000)
    frames = [[s.clip.frames for s in m.sources] for m in dataset.mixtures.values()]
    assert frames == [
        [52_001, 48_000, 21_000],
        [50_777, 66_666, 60_000],
        [57_123, 57_124, 57_123],
        [66_666, 52_001, 66_666],
    ]


def test_a_clean_mixture_is_its_sources_but_for_the_floor(place: Place, tmp_path: Path) -> None:
    """floor(a + b) − floor(a) − floor(b) is 0 or 1, and as often one as the other."""
    dataset = built(place, tmp_path / "set", mode="min")
    name = next(iter(dataset.mixtures))
    rendered = dataset.signals(name)
    rest = codes(rendered.mixture).astype(int) - codes(rendered.sources[0]) - codes(rendered.sources[1])
    quiet = np.abs(rendered.mixture) < 0.99
    assert set(rest[quiet]) == {0, 1}
    assert abs(rest[quiet].mean() - 0.5) < 0.02


def test_extended_noise_keeps_its_level_and_its_beginning() -> None:
    """sin² + cos² = 1, and nothing changes before the first seam."""
    ones = np.ones(12_000, dtype=np.float32)
    np.testing.assert_allclose(extend_noise(ones, 50_000), 1.0, atol=1e-15)
    noise = np.random.default_rng(0).uniform(-1, 1, 20_000).astype(np.float32)
    extended = extend_noise(noise, 30_000)
    assert extended.dtype == np.float64
    assert len(extended) == 30_000
    np.testing.assert_array_equal(extended[: 20_000 - 8001], noise[: 20_000 - 8001])
    np.testing.assert_array_equal(extended[20_000:], noise[8001:18_001])


@pytest.mark.parametrize("frames", [100, 8001])
def test_noise_shorter_than_a_crossfade_is_refused(frames: int) -> None:
    with pytest.raises(DatasetError, match=f"a noise of {frames} samples cannot be extended"):
        extend_noise(np.ones(frames, dtype=np.float32), 20_000)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_one_source_is_rendered_without_the_others(place: Place, tmp_path: Path, mode: str) -> None:
    dataset = built(place, tmp_path / "set", mix="both", mode=mode)
    for mixture in dataset.mixtures.values():
        rendered = render(mixture, dataset.corpora)
        for number, source in enumerate(mixture.sources):
            only = tmp_path / mixture.id / source.id
            file = only / source.clip.corpus / source.clip.path
            file.parent.mkdir(parents=True)
            shutil.copy(place.dirs[source.clip.corpus] / source.clip.path, file)
            alone = open_corpora(
                {source.clip.corpus: dataset.card.corpora[source.clip.corpus]},
                {source.clip.corpus: only / source.clip.corpus},
            )
            np.testing.assert_array_equal(librimix_source(mixture, source.id, alone), rendered.sources[number])


def test_enrollment_from_another_mixture_reads_one_file(place: Place, tmp_path: Path) -> None:
    dataset = built(place, tmp_path / "set", mix="both")
    mixture = next(iter(dataset.mixtures.values()))
    asked: list[str] = []
    corpus = dataset.corpora["librispeech"]
    read = corpus.read

    def spy(path: str, start: int = 0, frames: int | None = None) -> object:
        asked.append(path)
        return read(path, start, frames)

    corpus.read = spy  # type: ignore[method-assign, assignment]
    samples = dataset.separated(MixtureClip(mixture_id=mixture.id, source_id="s2"))
    assert asked == [mixture.sources[1].clip.path]
    np.testing.assert_array_equal(samples, dataset.signals(mixture.id).sources[1])


def test_a_recording_of_another_rate_is_refused(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place.root, copy)
    dataset = built(Place(copy, place.rows), tmp_path / "set")
    path = copy / "LibriSpeech" / ROWS[0]["source_1_path"]
    samples, _ = soundfile.read(str(path))
    soundfile.write(str(path), samples, 22_050)
    with pytest.raises(AudioError, match="has 22050 Hz, but LibriMix is made from 16000 Hz"):
        dataset.signals(ROWS[0]["mixture_ID"])


@pytest.mark.parametrize(
    ("mix", "mode", "rate_hz", "folders"),
    [
        ("clean", "min", 8000, {"mix_clean", "s1", "s2"}),
        ("both", "max", 16_000, {"mix_both", "s1", "s2", "noise"}),
        ("single", "min", 8000, {"mix_single", "s1", "s2", "noise"}),
    ],
)
def test_materialised_files_have_their_official_names_and_samples(
    place: Place, tmp_path: Path, *, mix: str, mode: str, rate_hz: int, folders: set[str]
) -> None:
    dataset = built(place, tmp_path / "set", mix=mix, mode=mode, sample_rate_hz=rate_hz)
    materialise(dataset, tmp_path / "set", jobs=2)
    tree = tmp_path / "set" / "audio" / "Libri2Mix" / f"wav{rate_hz // 1000}k" / mode / "test"
    assert {path.name for path in tree.iterdir()} == folders
    row = ROWS[0]
    expected = by_hand(row, place, tmp_path, rate_hz=rate_hz, mode=mode)
    for folder in folders:
        assert len(list((tree / folder).iterdir())) == len(ROWS)
        file = tree / folder / f"{row['mixture_ID']}.wav"
        samples, rate = soundfile.read(str(file), dtype="int16")
        assert (rate, soundfile.info(str(file)).subtype) == (rate_hz, "PCM_16")
        np.testing.assert_array_equal(samples, expected[folder.removeprefix("mix_")])


def test_materialising_goes_on_where_it_stopped(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    dataset = built(place, folder, mix="both")
    materialise(dataset, folder, jobs=1)
    files = sorted((folder / "audio").rglob("*.wav"))
    assert len(files) == len(ROWS) * 4 + len(dataset)
    # Samples, not bytes: libsndfile puts the time into float files.
    before = {path: (soundfile.read(str(path))[0], path.stat().st_mtime_ns) for path in files}
    gone, cut, enrolled = files[0], next(p for p in files if "/s1/" in str(p)), files[-1]
    gone.unlink()
    enrolled.unlink()
    cut.write_bytes(cut.read_bytes()[:1000])
    materialise(dataset, folder, jobs=4)
    assert sorted((folder / "audio").rglob("*.wav")) == files
    for path, (samples, time_ns) in before.items():
        np.testing.assert_array_equal(soundfile.read(str(path))[0], samples)
        made_again = path.stem in {gone.stem, cut.stem, enrolled.stem}
        assert made_again or path.stat().st_mtime_ns == time_ns
    assert not list((folder / "audio").rglob("*.part"))


def test_files_of_another_build_are_not_taken_for_done(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    materialise(built(place, folder), folder)
    other = built(place, tmp_path / "other", mode="max")
    with pytest.raises(DatasetError, match="holds files of another build"):
        materialise(other, folder)
