"""Estimates from a folder: every kind of bad file costs its own query only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tsebench.datasets.types import Clues
from tsebench.errors import ConfigError, ExtractionError
from tsebench.systems._files import fit_length
from tsebench.systems.protocol import Extraction, QueryBatch, System
from tsebench.systems.registry import SYSTEMS, load_system

RATE_HZ = 8000
LENGTH = 1600


def noise(length: int = LENGTH, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


def save(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str = "FLOAT") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype=subtype)


def ask(folder: Path, *ids: str, length: int = LENGTH, **options: object) -> Extraction:
    system = load_system("precomputed", folder=str(folder), **options)
    assert isinstance(system, System)
    batch = QueryBatch(
        ids=ids,
        mixture=torch.ones(len(ids), 1, length + 50),
        lengths=torch.full((len(ids),), length),
        sample_rate_hz=RATE_HZ,
        clues=(Clues(),) * len(ids),
    )
    return system.extract(batch)


def test_float_wav_comes_back_bit_for_bit(tmp_path: Path) -> None:
    for k in range(2):
        save(tmp_path / f"m-{k}.T_1+x.wav", noise(seed=k))
    extraction = ask(tmp_path, "m-1.T_1+x", "m-0.T_1+x")
    assert extraction.failures == {}
    assert extraction.estimate.shape == (2, LENGTH + 50)
    np.testing.assert_array_equal(extraction.estimate[0, :LENGTH], noise(seed=1))
    np.testing.assert_array_equal(extraction.estimate[1, :LENGTH], noise(seed=0))


@pytest.mark.parametrize(
    ("pattern", "file"), [("{id}.flac", "a.flac"), ("{id}/s1.wav", "a/s1.wav")]
)
def test_pattern_names_other_layouts(tmp_path: Path, pattern: str, file: str) -> None:
    save(tmp_path / file, noise(), subtype="PCM_16")
    extraction = ask(tmp_path, "a", pattern=pattern)
    assert extraction.failures == {}
    np.testing.assert_allclose(extraction.estimate[0, :LENGTH], noise(), atol=1 / 32768)


def test_each_bad_file_costs_its_own_query(tmp_path: Path) -> None:
    save(tmp_path / "good.wav", noise())
    save(tmp_path / "stereo.wav", np.stack([noise(), noise()], axis=1))
    save(tmp_path / "rate.wav", noise(), rate_hz=16000)
    save(tmp_path / "short.wav", noise(LENGTH - 80))
    save(tmp_path / "long.wav", noise(LENGTH + 80))
    nan = noise()
    nan[7] = np.nan
    save(tmp_path / "nan.wav", nan)
    save(tmp_path / "empty.wav", noise(0))
    (tmp_path / "corrupt.wav").write_bytes(b"RIFF\0\0 not audio")
    (tmp_path / "folder.wav").mkdir()
    expected = {
        "stereo": "channels: ",
        "rate": "sample_rate: ",
        "short": "length: ",
        "long": "length: ",
        "nan": "audio: ",
        "empty": "audio: ",
        "corrupt": "audio: ",
        "folder": "missing: ",
        "absent": "missing: ",
    }
    extraction = ask(tmp_path, *expected, "good")
    assert set(extraction.failures) == set(expected)
    for query_id, prefix in expected.items():
        assert extraction.failures[query_id].startswith(prefix), query_id
    assert "NaN" in extraction.failures["nan"]
    assert "at 16000 Hz and the query at 8000 Hz" in extraction.failures["rate"]
    np.testing.assert_array_equal(extraction.estimate[-1, :LENGTH], noise())
    assert extraction.estimate.isfinite().all()


def test_resample_converts_the_rate(tmp_path: Path) -> None:
    def tone(rate_hz: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)

    save(tmp_path / "a.wav", tone(16000), rate_hz=16000)
    extraction = ask(tmp_path, "a", length=RATE_HZ, resample=True)
    assert extraction.failures == {}
    inner = slice(400, RATE_HZ - 400)
    np.testing.assert_allclose(extraction.estimate[0, inner], tone(RATE_HZ)[inner], atol=1e-4)


@pytest.mark.parametrize("query_id", ["../secret", "..", "/etc/passwd", "a/b", "a\\b", ""])
def test_ids_cannot_leave_the_folder(tmp_path: Path, query_id: str) -> None:
    save(tmp_path / "secret.wav", noise())
    save(tmp_path / "in" / "a.wav", noise())
    failures = ask(tmp_path / "in", query_id, pattern="{id}.wav").failures
    assert failures[query_id].startswith("id: ")


@pytest.mark.parametrize("excess", [-79, -1, 0, 1, 79])
def test_less_than_ten_milliseconds_is_trimmed_or_padded(excess: int) -> None:
    samples = fit_length(noise(LENGTH + excess), length=LENGTH, sample_rate_hz=RATE_HZ)
    assert samples.dtype == np.float32
    expected = np.concatenate([noise(LENGTH + excess), np.zeros(80, np.float32)])[:LENGTH]
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize("excess", [-LENGTH, -80, 80, 8000])
def test_ten_milliseconds_and_more_fail(excess: int) -> None:
    with pytest.raises(ExtractionError, match=rf"length: .*{LENGTH + excess} samples"):
        fit_length(noise(LENGTH + excess), length=LENGTH, sample_rate_hz=RATE_HZ)


def test_hash_follows_names_and_contents_not_the_place(tmp_path: Path) -> None:
    def digest(folder: Path) -> str | None:
        return load_system("precomputed", folder=str(folder)).card.sha256

    for name in ("one", "two"):
        save(tmp_path / name / "a.wav", noise(seed=1))
        save(tmp_path / name / "b.wav", noise(seed=2))
    first = digest(tmp_path / "one")
    assert digest(tmp_path / "two") == first
    save(tmp_path / "two" / "b.wav", noise(seed=3))
    changed = digest(tmp_path / "two")
    (tmp_path / "two" / "b.wav").rename(tmp_path / "two" / "c.wav")
    assert len({first, changed, digest(tmp_path / "two")}) == 3


def test_name_and_options_are_on_the_card(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", noise())
    card = SYSTEMS.get("precomputed")(folder=tmp_path, name="conv_tasnet").card
    assert card.name == "conv_tasnet"
    assert card.options == {"pattern": "{id}.wav", "resample": False}


@pytest.mark.parametrize("pattern", ["estimate.wav", "/tmp/{id}.wav", "../{id}.wav"])
def test_wrong_pattern_is_told(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"must hold \{id\} and stay below the folder"):
        load_system("precomputed", folder=str(tmp_path), pattern=pattern)


def test_wrong_folder_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=r"folder '.*nowhere' does not exist"):
        load_system("precomputed", folder=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"folder '.*file' is not a folder"):
        load_system("precomputed", folder=str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"holds no file '\{id\}.wav'"):
        load_system("precomputed", folder=str(tmp_path))
