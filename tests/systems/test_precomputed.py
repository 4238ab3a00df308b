"""Estimates from a folder: every kind of bad file costs its own query only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from helpers.reasons import kind_of
from helpers.sparse_wav import write_silent_hours

from tsebench.bench.scoring.edges import CheckedAnswer, Scorable, check
from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.systems.protocol import Extraction, QueryBatch, System
from tsebench.systems.registry import load_system

RATE_HZ = 8000
LENGTH = 1600


def noise(length: int = LENGTH, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


def save(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str = "FLOAT") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype=subtype)


def ask(folder: Path, *ids: str, **options: object) -> Extraction:
    system = load_system("precomputed", folder=str(folder), **options)
    assert isinstance(system, System)
    batch = QueryBatch(
        ids=ids,
        mixture=torch.ones(len(ids), 1, LENGTH + 50),
        lengths=torch.full((len(ids),), LENGTH),
        sample_rate_hz=RATE_HZ,
        clues=(Clues(),) * len(ids),
    )
    return system.extract(batch)


def test_float_wav_comes_back_bit_for_bit(tmp_path: Path) -> None:
    for k in range(2):
        save(tmp_path / f"m-{k}.T_1+x.wav", noise(seed=k))
    extraction = ask(tmp_path, "m-1.T_1+x", "m-0.T_1+x")
    assert extraction.failures == {}
    first, second = extraction.estimate
    assert first.dtype == torch.float32
    np.testing.assert_array_equal(first, noise(seed=1))
    np.testing.assert_array_equal(second, noise(seed=0))


@pytest.mark.parametrize(("pattern", "file"), [("{id}.flac", "a.flac"), ("{id}/s1.wav", "a/s1.wav")])
def test_pattern_names_other_layouts(tmp_path: Path, pattern: str, file: str) -> None:
    save(tmp_path / file, noise(), subtype="PCM_16")
    extraction = ask(tmp_path, "a", pattern=pattern)
    assert extraction.failures == {}
    np.testing.assert_allclose(extraction.estimate[0], noise(), rtol=0, atol=1 / 32768)


def test_links_to_folders_and_files_are_followed(tmp_path: Path) -> None:
    save(tmp_path / "disk" / "a" / "s1.wav", noise(seed=1))
    save(tmp_path / "disk" / "b.wav", noise(seed=2))
    (tmp_path / "out" / "b").mkdir(parents=True)
    (tmp_path / "out" / "a").symlink_to(tmp_path / "disk" / "a")
    (tmp_path / "out" / "b" / "s1.wav").symlink_to("../../disk/b.wav")
    extraction = ask(tmp_path / "out", "a", "b", pattern="{id}/s1.wav")
    assert extraction.failures == {}
    np.testing.assert_array_equal(extraction.estimate[1], noise(seed=2))


def test_each_bad_file_costs_its_own_query(tmp_path: Path) -> None:
    save(tmp_path / "good.wav", noise())
    save(tmp_path / "stereo.wav", np.stack([noise(), noise()], axis=1))
    save(tmp_path / "rate.wav", noise(), rate_hz=16000)
    save(tmp_path / "empty.wav", noise(0))
    (tmp_path / "corrupt.wav").write_bytes(b"RIFF\0\0 not audio")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "linked.wav").symlink_to(tmp_path / "gone" / "linked.wav")
    save(tmp_path / "other.flac", noise(), subtype="PCM_16")
    (tmp_path / "unread.m4a").write_bytes(b"not decoded")
    expected = {
        "stereo": "channels: ",
        "rate": "sample_rate: ",
        "empty": "audio: ",
        "corrupt": "audio: ",
        "folder": "missing: ",
        "absent": "missing: no file 'absent.wav'; write",
        "linked": "missing: no file 'linked.wav': it is a link that leads nowhere; ",
        "other": "missing: no file 'other.wav': 'other.flac' is there; ",
        "unread": "missing: no file 'unread.wav': 'unread.m4a' is there, not read: .m4a; convert it",
    }
    extraction = ask(tmp_path, *expected, "good")
    assert set(extraction.failures) == set(expected)
    for query_id, prefix in expected.items():
        assert extraction.failures[query_id].startswith(prefix), query_id
    assert "at 16000 Hz and the query at 8000 Hz" in extraction.failures["rate"]
    assert [len(estimate) for estimate in extraction.estimate] == [0] * len(expected) + [LENGTH]
    np.testing.assert_array_equal(extraction.estimate[-1], noise())


def scored(extraction: Extraction) -> CheckedAnswer:
    """Outcome of the scorer for the estimate of a single query."""
    signal = torch.from_numpy(noise(seed=1))
    estimate = extraction.estimate[0]
    return check(Scorable(trial_id="a", estimate=estimate, reference=signal, mixture=signal), RATE_HZ)


# 40 samples are 5 ms, 400 are 50 ms.
@pytest.mark.parametrize(
    ("excess", "failure", "notes"),
    [(-400, "length", ()), (-40, None, ("padded",)), (0, None, ()), (40, None, ("trimmed",))],
)
def test_length_is_left_to_the_scorer(tmp_path: Path, excess: int, failure: str | None, notes: tuple[str, ...]) -> None:
    save(tmp_path / "a.wav", noise(LENGTH + excess))
    extraction = ask(tmp_path, "a")
    assert extraction.failures == {}
    np.testing.assert_array_equal(extraction.estimate[0], noise(LENGTH + excess))
    found = scored(extraction)
    assert kind_of(found.failure or "") == (failure or "")
    assert tuple(map(kind_of, found.notes)) == notes


def test_nan_and_inf_are_left_to_the_scorer(tmp_path: Path) -> None:
    samples = noise()
    samples[[7, 8, 9]] = np.nan, np.inf, -np.inf
    save(tmp_path / "a.wav", samples)
    extraction = ask(tmp_path, "a")
    assert extraction.failures == {}
    np.testing.assert_array_equal(extraction.estimate[0], samples)
    assert scored(extraction).failure == f"non_finite: 3 of {LENGTH} samples are NaN or infinite"


def test_nan_survives_resampling(tmp_path: Path) -> None:
    samples = noise(2 * LENGTH)
    samples[LENGTH] = np.nan
    save(tmp_path / "a.wav", samples, rate_hz=2 * RATE_HZ)
    extraction = ask(tmp_path, "a", resample=True)
    assert len(extraction.estimate[0]) == LENGTH
    assert not extraction.estimate[0].isfinite().all()


def test_resample_converts_the_rate(tmp_path: Path) -> None:
    def tone(rate_hz: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)

    save(tmp_path / "a.wav", tone(16000), rate_hz=16000)
    extraction = ask(tmp_path, "a", resample=True)
    assert extraction.failures == {}
    assert len(extraction.estimate[0]) == RATE_HZ
    inner = slice(400, RATE_HZ - 400)
    np.testing.assert_allclose(extraction.estimate[0][inner], tone(RATE_HZ)[inner], atol=1e-4)


@pytest.mark.parametrize("query_id", ["../secret", "..", "/etc/passwd", "a/b", "a\\b", ""])
def test_ids_cannot_leave_the_folder(tmp_path: Path, query_id: str) -> None:
    save(tmp_path / "secret.wav", noise())
    save(tmp_path / "in" / "a.wav", noise())
    failures = ask(tmp_path / "in", query_id, pattern="{id}.wav").failures
    assert failures[query_id].startswith("id: ")


def test_hash_follows_names_and_contents_not_the_place(tmp_path: Path) -> None:
    def digest(folder: Path) -> str | None:
        return load_system("precomputed", folder=str(folder)).card.sha256

    for name in ("one", "two"):
        save(tmp_path / name / "a.wav", noise(seed=1), subtype="PCM_16")  # float files hold the time of writing
        save(tmp_path / name / "b.wav", noise(seed=2), subtype="PCM_16")
    first = digest(tmp_path / "one")
    assert digest(tmp_path / "two") == first
    save(tmp_path / "two" / "b.wav", noise(seed=3))
    changed = digest(tmp_path / "two")
    (tmp_path / "two" / "b.wav").rename(tmp_path / "two" / "c.wav")
    assert len({first, changed, digest(tmp_path / "two")}) == 3


def test_name_and_options_are_on_the_card(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", noise())
    card = load_system("precomputed", folder=str(tmp_path), name="conv_tasnet").card
    assert card.name == "conv_tasnet"
    assert card.options == {"pattern": "{id}.wav", "resample": False}


@pytest.mark.parametrize("pattern", ["estimate.wav", "/tmp/{id}.wav", "../{id}.wav"])
def test_wrong_pattern_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"must hold \{id\} and stay below the folder"):
        load_system("precomputed", folder=str(tmp_path), pattern=pattern)


def test_wrong_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=r"folder '.*nowhere' does not exist"):
        load_system("precomputed", folder=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"folder '.*file' is not a folder"):
        load_system("precomputed", folder=str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"holds no file '\{id\}.wav'"):
        load_system("precomputed", folder=str(tmp_path))


@pytest.mark.long
def test_a_file_of_hours_is_refused_by_its_header(tmp_path: Path) -> None:
    write_silent_hours(tmp_path / "a.wav", sample_rate_hz=RATE_HZ)
    save(tmp_path / "b.wav", noise())
    write_silent_hours(tmp_path / "c.wav", sample_rate_hz=16000)
    extraction = ask(tmp_path, "a", "b", "c", resample=True)
    assert set(extraction.failures) == {"a", "c"}
    assert extraction.failures["a"].startswith("length: 'a.wav' has 288000000 samples at 8000 Hz and the query 1600")
