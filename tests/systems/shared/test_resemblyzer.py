"""The voice encoder of Resemblyzer: its front end by hand, its numbers by the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tsebench.core.errors import CheckpointError
from tsebench.core.packages import packaged_file
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.signals.audio import resample
from tsebench.systems.shared.resemblyzer import (
    RATE_HZ,
    ResemblyzerNet,
    open_resemblyzer,
    part_starts,
    raised,
    voice_mels,
)

WEIGHTS = packaged_file("resemblyzer", "resemblyzer/pretrained.pt")


def tone(seconds: float, level: float = 0.1) -> np.ndarray:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * 220.0 * time) * np.sin(2 * np.pi * 3.0 * time)).astype(np.float32)


def small(path: Path, seed: int = 0, **entries: object) -> Path:
    """A file of the package's layout with random weights."""
    torch.manual_seed(seed)
    state = {**ResemblyzerNet().state_dict(), "similarity_weight": torch.ones(1), "similarity_bias": torch.ones(1)}
    torch.save({"step": 1, "model_state": state, "optimizer_state": {}, **entries}, path)
    return path


def test_soft_signals_are_raised_and_loud_ones_stay() -> None:
    soft = raised(tone(1.0, 0.001))
    assert soft is not None
    assert 10.0 * np.log10(np.mean(soft.astype(np.float64) ** 2)) == pytest.approx(-30.0, abs=1e-4)
    loud = tone(1.0, 0.5)
    assert raised(loud) is loud
    assert raised(np.zeros(100, np.float32)) is None
    assert raised(np.zeros(0, np.float32)) is None


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (0.5, [0]),
        (1.6, [0]),
        (2.37, [0, 77]),
        (1.9, [0]),
        (2.7, [0, 77]),
        (3.0, [0, 77, 154]),
        (3.14, [0, 77, 154]),
        (4.0, [0, 77, 154, 231]),
    ],
)
def test_parts_cover_a_signal_and_the_last_lies_in_it_by_three_quarters(seconds: float, starts: list[int]) -> None:
    found = list(part_starts(int(seconds * RATE_HZ)))
    assert found == starts
    length = seconds * 100.0
    assert all((length - start) / 160.0 >= 0.75 for start in found[1:])


def test_the_spectrum_of_a_tone_lies_in_its_band() -> None:
    mels = voice_mels(tone(1.0))
    assert mels.shape == (101, 40)
    assert mels.dtype == np.float32
    centres_hz = np.linspace(0.0, 15.0 + 27.0 * np.log(8.0) / np.log(6.4), 42)[1:-1] * 200.0 / 3.0  # below 1 kHz
    assert int(mels.sum(axis=0).argmax()) == int(np.abs(centres_hz - 220.0).argmin())
    np.testing.assert_allclose(voice_mels(2.0 * tone(1.0)), 4.0 * mels, rtol=1e-4)


def test_an_embedding_has_unit_length_and_does_not_depend_on_the_level(tmp_path: Path) -> None:
    model = open_resemblyzer(small(tmp_path / "w.pt"), device="cpu")
    first, softer = (model.embedding(tone(2.5, level), sample_rate_hz=RATE_HZ) for level in (0.01, 0.001))
    assert first is not None
    assert softer is not None
    assert first.shape == (256,)
    assert np.linalg.norm(first) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(first, softer, atol=1e-5)
    assert model.embedding(np.zeros(16000, np.float32), sample_rate_hz=RATE_HZ) is None
    assert model.signature().startswith("resemblyzer|sha256:")


def test_files_that_are_not_its_weights_are_one_line(tmp_path: Path) -> None:
    torch.save({"model_state": {"linear.weight": torch.zeros(2, 2)}}, tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("no weights")
    for name in ("other.pt", "list.pt", "text.pt", "none.pt"):
        with pytest.raises(CheckpointError) as caught:
            open_resemblyzer(tmp_path / name, device="cpu")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_a_file_that_runs_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    small(tmp_path / "evil.pt", optimizer_state=Evil())
    with pytest.raises(CheckpointError):
        open_resemblyzer(tmp_path / "evil.pt", device="cpu")
    assert not (tmp_path / "ran").exists()


# By resemblyzer 0.1.4 with librosa 0.11, of `tone(3.0)`: VoiceEncoder.embed_utterance of normalize_volume(signal).
PACKAGE = {0: 0.01955016, 4: 0.04312693, 5: 0.06220540, 9: 0.24732573, 124: 0.23708522, 180: 0.22643037, 200: 0.0}
POSITIVE, TOTAL = 143, 9.131534  # numbers above 0, and their sum


@pytest.mark.skipif(WEIGHTS is None, reason="resemblyzer is not installed: pip install --no-deps resemblyzer")
def test_the_numbers_are_those_of_the_package() -> None:
    assert WEIGHTS is not None
    model = open_resemblyzer(WEIGHTS, device="cpu")
    found = model.embedding(tone(3.0), sample_rate_hz=RATE_HZ)
    assert found is not None
    np.testing.assert_allclose(found[[*PACKAGE]], [*PACKAGE.values()], atol=1e-6)
    assert (np.count_nonzero(found), found.sum()) == (POSITIVE, pytest.approx(TOTAL, abs=1e-5))


@pytest.mark.skipif(WEIGHTS is None, reason="resemblyzer is not installed: pip install --no-deps resemblyzer")
def test_it_tells_the_embedded_voices_apart() -> None:
    """One voice against others: cosines of 0.88 and 0.65 on average, equal error rate 4 % (docs/metrics.md)."""
    assert WEIGHTS is not None
    model = open_resemblyzer(WEIGHTS, device="cpu")
    corpus = SyntheticSpeech(utterances=2)
    recordings = [r for r in corpus.recordings() if r.split == "test"]
    embeddings = []
    for recording in recordings:
        samples, rate = corpus.read(recording.path)
        embeddings.append(model.embedding(resample(samples, from_hz=rate, to_hz=RATE_HZ), sample_rate_hz=RATE_HZ))
    speakers = np.array([recording.label for recording in recordings])
    cosines = np.array(embeddings) @ np.array(embeddings).T
    same = speakers[:, None] == speakers
    pairs = np.triu(np.ones_like(same), 1)
    assert cosines[same & pairs].mean() > 0.82
    assert cosines[~same & pairs].mean() < 0.72
