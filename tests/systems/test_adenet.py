"""ADEnet: what the times of speech do, and what is answered without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.queries import batch, noise
from helpers.small_nets import RATE_HZ, save_net

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.doctor.system_checks import check_system
from tsebench.systems.adenet import AdenetTask
from tsebench.systems.nets.adenet import AdenetConfig, AdenetNet, active_frames
from tsebench.systems.nets.filterbank import Encoder
from tsebench.systems.registry import load_system
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.losses import LossConfig, build_loss

NET = AdenetConfig(
    num_filters=12, filter_length=16, bottleneck=8, hidden=10, skip=6, blocks=2, stacks=2, embedding_dim=8,
)  # fmt: skip
WAYS = ("auxiliary", "input", "both")


def network(activity: str, **changes: Any) -> AdenetNet:
    torch.manual_seed(1)
    config = AdenetConfig.model_validate(NET.model_dump() | {"activity": activity} | changes)
    return AdenetNet(config).eval()


def saved(folder: Path, activity: str) -> str:
    net = network(activity)
    return save_net(folder, "adenet", net, net.config, classes=())


@pytest.mark.parametrize("activity", WAYS)
def test_contract(tmp_path: Path, activity: str) -> None:
    system = load_system("adenet", checkpoint=saved(tmp_path, activity))
    assert system.card.clues == {"activity"}
    results = check_system(system, sample_rate_hz=16000, lengths_s=(0.3, 1.0))
    assert [result for result in results if not result.passed] == []


def test_frames_whose_middle_is_in_the_times_are_active() -> None:
    encoder = Encoder(num_filters=2, filter_length=16, stride=8)
    times = ((), ((0.0, 0.01), (0.05, 0.06)), ((0.0, 1.0),))
    frames = active_frames(times, torch.zeros(3, 800), encoder, sample_rate_hz=RATE_HZ)
    middles = encoder.frame_middles(800) / RATE_HZ
    assert frames.shape == (3, 1, encoder.num_frames(800))
    assert float(frames[0].sum()) == 0.0
    expected = ((middles >= 0) & (middles < 0.01)) | ((middles >= 0.05) & (middles < 0.06))
    assert torch.equal(frames[1, 0].bool(), expected)
    assert float(frames[2, 0].sum()) == float((middles >= 0).sum())


def test_the_embedding_is_the_mean_over_the_times_of_speech() -> None:
    net, mixture, lengths = network("auxiliary"), noise(3, 1, 1600), torch.tensor([1600])
    assert net.auxiliary is not None
    with torch.no_grad():
        features, _ = net.auxiliary.frames(mixture, lengths)
        middles = net.auxiliary.encoder.frame_middles(1600) / RATE_HZ
        inside = (middles >= 0.05) & (middles < 0.15)
        expected = features[..., inside].mean(dim=-1)
        found = net._embedding(mixture, lengths, [((0.05, 0.15),)], RATE_HZ)
        everywhere = net._embedding(mixture, lengths, [((-1.0, 1.0),)], RATE_HZ)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(everywhere, features.mean(dim=-1))


@pytest.mark.parametrize("activity", WAYS)
def test_other_times_give_other_answers_and_none_gives_silence(tmp_path: Path, activity: str) -> None:
    system = load_system("adenet", checkpoint=saved(tmp_path, activity))
    first, second, never = Clues(activity=((0.0, 0.1),)), Clues(activity=((0.1, 0.25),)), Clues(activity=())
    answer = system.extract(batch(first, second, never, Clues(), num_samples=2000))
    early, late, silent = answer.estimate[:3]
    assert (early - late).abs().max() > 1e-5
    assert not silent.any()
    assert list(answer.failures) == ["q3"]
    assert "no activity of the target" in answer.failures["q3"]
    torch.testing.assert_close(system.extract(batch(second, num_samples=2000)).estimate[0], late)


def test_a_loss_reaches_both_parts_and_needs_the_times() -> None:
    net = network("both").train()
    queries = batch(Clues(activity=((0.0, 0.1),)), Clues(activity=()), num_samples=2000)
    given = TrainBatch(queries=queries, target=noise(5, 2, 2000), present=torch.ones(2).bool())
    criterion = build_loss(LossConfig())
    AdenetTask().loss(net, given, criterion).sum().backward()
    for weight in (net.extractor.active.weight, net.auxiliary.output.weight):
        assert weight.grad is not None
        assert float(weight.grad.abs().sum()) > 0
    without = TrainBatch(queries=batch(Clues()), target=noise(5, 1, 900), present=torch.ones(1).bool())
    with pytest.raises(ConfigError, match=r"trial 'q0' of the training data has no activity.*clues: \[activity\]"):
        AdenetTask().loss(net, without, criterion)


def test_a_causal_network_is_refused() -> None:
    with pytest.raises(ValueError, match="its embedding is a mean over the mixture"):
        network("both", causal=True, norm="cumulative")
