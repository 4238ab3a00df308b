"""Recordings answered window by window: the same samples as on the whole, in flat memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import tsebench
from tsebench.systems.shared.windows import Stitcher

RATE = 8000


def recording(path: Path, seconds: float, *, channels: int = 1) -> np.ndarray[Any, Any]:
    samples = 0.1 * np.random.default_rng(0).standard_normal((channels, int(seconds * RATE))).astype(np.float32)
    soundfile.write(path, samples.T, RATE, subtype="FLOAT")
    return samples


class Seen:
    """Halves its input, and notes what it was given."""

    def __init__(self) -> None:
        self.card = tsebench.SystemCard(name="seen", family="external", description="x", clues=frozenset({"activity"}))
        self.lengths: list[int] = []
        self.times: list[Any] = []

    def extract(self, batch: tsebench.QueryBatch) -> tsebench.Extraction:
        self.lengths.append(batch.mixture.shape[-1])
        self.times.append(batch.clues[0].activity)
        return tsebench.Extraction(estimate=0.5 * batch.mixture[:, 0])


class EndsAfter(Seen):
    """Answers some windows, and no more."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def extract(self, batch: tsebench.QueryBatch) -> tsebench.Extraction:
        answer = super().extract(batch)
        if len(self.lengths) > self.count:
            raise ValueError("the third window")
        return answer


@pytest.mark.parametrize("seconds", [0.7, 1.0, 4.321])
def test_a_file_is_answered_in_windows(tmp_path: Path, seconds: float) -> None:
    samples, system = recording(tmp_path / "in.wav", seconds), Seen()
    times = [(0.2, 0.5), (0.9, 2.0)]
    done = tsebench.extract_file(
        system, tmp_path / "in.wav", tmp_path / "out" / "est.wav", window_s=1.0, hop_s=0.8, activity=iter(times)
    )
    found, rate = soundfile.read(done.path, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(found, 0.5 * samples[0], atol=1e-7)
    assert max(system.lengths) <= RATE
    assert len(system.lengths) == done.windows
    assert done.duration_s == pytest.approx(seconds, abs=1 / RATE)
    assert system.times[0] == ((0.2, 0.5), *(() if seconds < 0.9 else ((0.9, 1.0),)))
    assert seconds <= 1.0 or system.times[1] == ((0.1, 1.0),)


def test_another_channel_of_several_and_what_cannot_be_windowed(tmp_path: Path) -> None:
    samples = recording(tmp_path / "in.wav", 2.0, channels=2)
    tsebench.extract_file(
        "mixture", tmp_path / "in.wav", tmp_path / "est.wav", window_s=0.5, hop_s=0.4, reference_channel=1
    )
    np.testing.assert_allclose(soundfile.read(tmp_path / "est.wav", dtype="float32")[0], samples[1], atol=1e-7)
    for settings, line in (
        ({"hop_s": 0.1}, "hop_s = 0.1"),
        ({"window_s": 0.01, "hop_s": 0.01}, "0.1 s or more"),
        ({"video": np.zeros((2, 2, 2))}, "takes no video"),
    ):
        given: dict[str, Any] = {"window_s": 0.5, "hop_s": 0.4, **settings}
        with pytest.raises(tsebench.ConfigError, match=line):
            tsebench.extract_file("mixture", tmp_path / "in.wav", tmp_path / "other.wav", **given)
    assert not (tmp_path / "other.wav").exists()


def test_a_window_that_fails_leaves_no_file(tmp_path: Path) -> None:
    recording(tmp_path / "in.wav", 2.0)
    with pytest.raises(tsebench.ConfigError, match="needs a clue"):
        tsebench.extract_file(Seen(), tmp_path / "in.wav", tmp_path / "est.wav", window_s=0.5, hop_s=0.4)
    ends = EndsAfter(2)
    with pytest.raises(tsebench.ExtractionError, match="the third window"):
        tsebench.extract_file(ends, tmp_path / "in.wav", tmp_path / "est.wav", window_s=0.5, hop_s=0.4, activity=[])
    assert len(ends.lengths) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_a_stitcher_holds_one_window() -> None:
    stitcher, signal = Stitcher(), torch.randn(1000)
    given = [stitcher.push(signal[start : start + 300], start=start) for start in (0, 200, 400, 600, 700)]
    assert [len(part) for part in given] == [0, 200, 200, 200, 100]
    rest = stitcher.finish()
    assert rest is not None
    torch.testing.assert_close(torch.cat([*given, rest]), signal)
