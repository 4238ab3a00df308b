"""Runs on several channels: what a card takes, what is stored, what binaural metrics see, and scored folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tsebench.bench.folders.score import ScoreOptions, score_folders
from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item, bucket
from tsebench.bench.run.estimate_store import SystemAnswers, read_answer
from tsebench.core.errors import AudioError
from tsebench.datasets.signals.audio import write
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.protocol import AnySystem, Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import load_system

RATE_HZ = 8000


def item(index: int = 0, *, channels: int = 2, reference: int = 1, frames: int = 800) -> Item:
    generator = torch.Generator().manual_seed(index)
    target, other = 0.1 * torch.randn(2, channels, frames, generator=generator)
    query = Query(
        id=f"q{index}", mixture=target + other, sample_rate_hz=RATE_HZ, clues=Clues(), reference_channel=reference
    )
    truth = Truth(target=target, interferers=other[reference : reference + 1], active_classes=(), transcript=None)
    return Item(index=index, query=query, truth=truth)


class Doubled:
    """Doubles the first channel that it is given."""

    def __init__(self, channels: int | str, sample_rate_hz: int | None = None) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.card = SystemCard(
            name="doubled",
            family="baseline",
            description="doubled",
            channels=channels,  # type: ignore[arg-type]
            sample_rate_hz=sample_rate_hz,
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        self.seen.append(tuple(batch.mixture.shape))
        return Extraction(estimate=2 * batch.mixture[:, 0])


def answers(system: AnySystem, *items: Item, batch_size: int = 4):  # type: ignore[no-untyped-def]
    return Inference(system, device="cpu", batch_size=batch_size).begin(items).finish()


def test_a_system_of_one_channel_gets_the_reference_channel() -> None:
    system, asked = Doubled(1), item()
    found = answers(system, asked)[0]
    assert system.seen == [(1, 1, 800)]
    assert found.estimate.equal(2 * asked.query.mixture[1])
    assert found.channels is None


def test_a_system_that_takes_any_gets_all_and_one_that_takes_three_says_so() -> None:
    system = Doubled("any")
    answers(system, item())
    assert system.seen == [(1, 2, 800)]
    refused = answers(Doubled(3), item(), item(1))
    assert [found.failure for found in refused.values()] == [
        "channels: system 'doubled' takes 3, and the mixture has 2"
    ] * 2


def test_the_mixture_is_given_at_all_channels_alone_and_in_a_batch_and_resampled() -> None:
    items = [item(0), item(1, frames=900), item(2, channels=1, reference=0)]
    alone = [answers(load_system("mixture"), each)[each.index] for each in items]
    together = answers(load_system("mixture"), *items)
    for each, one in zip(items, alone, strict=True):
        assert one.estimate.equal(each.query.mixture[each.query.reference_channel])
        assert together[each.index].estimate.equal(one.estimate)
    assert together[0].channels.equal(items[0].query.mixture)
    assert together[2].channels is None
    system = load_system("mixture")
    system.card = SystemCard(name="m", family="baseline", description="m", channels="any", sample_rate_hz=16000)
    moved = answers(system, items[0])[0]
    assert moved.channels.shape == (2, 800)
    for channel in range(2):
        pair = torch.stack([moved.channels[channel], items[0].query.mixture[channel]])
        assert float(torch.corrcoef(pair)[0, 1]) > 0.8


def test_batches_hold_one_number_of_channels() -> None:
    items = [item(0), item(1, channels=4), item(2), item(3, reference=0)]
    parts = bucket(items, fit=lambda batch: len(batch) <= 4)
    assert [[each.index for each in part] for part in parts] == [[3], [0, 2], [1]]


def test_all_channels_are_stored_with_an_estimate(tmp_path: Path) -> None:
    source = SystemAnswers(load_system("mixture"), device="cpu", batch_size=1, sample_rate_hz=RATE_HZ, folder=tmp_path)
    asked = item()
    given = answers(load_system("mixture"), asked)
    source.store([asked], given)
    read = source.stored([asked])[0]
    assert read.channels is not None
    assert read.channels.equal(given[0].channels)
    assert read.estimate is not None
    assert read.estimate.equal(given[0].estimate)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_stored_estimate_of_other_channels_than_the_mixture_is_refused(tmp_path: Path, channels: int) -> None:
    write(tmp_path / "q.wav", np.zeros((2, 800), np.float32), RATE_HZ)
    with pytest.raises(AudioError, match=f"has 2 channels, and its mixture has {channels}"):
        read_answer(tmp_path / "q.wav", item(channels=channels, reference=channels - 1))


@pytest.mark.parametrize("channel", [0, 1])
def test_folders_of_binaural_files(tmp_path: Path, channel: int) -> None:
    """The chosen channel alone counts for metrics of one, and both for metrics of ears."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        target, other, rest = (0.1 * rng.standard_normal((2, 4000)).astype(np.float32) for _ in range(3))
        write(tmp_path / "ref" / f"{name}.wav", target, RATE_HZ)
        write(tmp_path / "mix" / f"{name}.wav", target + other, RATE_HZ)
        write(tmp_path / "est" / f"{name}.wav", target + np.array([[0.1], [0.2]], dtype=np.float32) * rest, RATE_HZ)
    scores = score_folders(
        estimates=tmp_path / "est",
        references=tmp_path / "ref",
        mixtures=tmp_path / "mix",
        options=ScoreOptions(
            out=tmp_path / "out",
            metrics=("snr", "binaural_snr_left", "binaural_snr_right", "binaural_snri", "ild_error"),
            channel=channel,
            cache=tmp_path / "cache",
        ),
    )
    values = {(row.trial_id, row.metric): row.value for row in scores.rows}
    for name in ("a", "b"):
        assert values[name, "binaural_snr_left"] == pytest.approx(20.0, abs=0.5)
        assert values[name, "binaural_snr_right"] == pytest.approx(14.0, abs=0.5)
        assert values[name, "binaural_snri"] == pytest.approx(17.0, abs=0.7)
        assert values[name, "snr"] == values[name, "binaural_snr_right" if channel else "binaural_snr_left"]
    assert scores.failed_trials == 0
