"""SpeakerBeam by the posterior of the training speakers: 1-hot in training, probabilities elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.queries import noise
from helpers.small_nets import save_net

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.speakerbeam import SpeakerBeamConfig, SpeakerBeamNet
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import load_system
from tsebench.systems.speakerbeam import SpeakerBeamTask
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.losses import LossConfig, build_loss

NET = SpeakerBeamConfig(
    window=32, stride=8, lstm_hidden=5, hidden=6, aux_hidden=7, embedding_dim=4, mfcc_rate_hz=8000,
    conditioning="multiplication", representation="posterior", speakers=3, posterior_hidden=8, posterior_layers=1,
)  # fmt: skip


def network(**changes: Any) -> SpeakerBeamNet:
    torch.manual_seed(1)
    return SpeakerBeamNet(SpeakerBeamConfig.model_validate(NET.model_dump() | changes)).eval()


def voice(pitch: int) -> torch.Tensor:
    """A tone of its own frequency stands for a voice."""
    return torch.sin(2 * torch.pi * pitch * torch.arange(1600) / 32) + 0.1 * noise(pitch, 1600)


def batch(*speakers: int) -> TrainBatch:
    queries = QueryBatch(
        ids=tuple(f"q{n}" for n in range(len(speakers))),
        mixture=noise(3, len(speakers), 1, 900),
        lengths=torch.full((len(speakers),), 900),
        sample_rate_hz=8000,
        clues=tuple(Clues(enrollments=(voice(1 + 3 * each),)) for each in speakers),
    )
    labels = tuple((f"speaker{each}",) for each in speakers)
    return TrainBatch(
        queries=queries, target=noise(5, len(speakers), 900), present=torch.ones(len(speakers)).bool(),
        target_labels=labels,
    )  # fmt: skip


def test_contract(tmp_path: Path) -> None:
    net = network()
    checkpoint = save_net(tmp_path, "speakerbeam", net, net.config, classes=())
    results = check_system(
        load_system("speakerbeam", checkpoint=checkpoint), sample_rate_hz=16000, lengths_s=(0.3, 1.0)
    )
    assert [result for result in results if not result.passed] == []


def test_training_learns_whose_enrollment_it_is() -> None:
    net, task = network().train(), SpeakerBeamTask()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    criterion, given = build_loss(LossConfig(name="neg_snr")), batch(0, 1, 2)
    for _ in range(60):
        optimiser.zero_grad()
        task.loss(net, given, criterion).sum().backward()
        optimiser.step()
    assert net.posterior is not None
    net.eval()
    with torch.no_grad():
        enrolled = torch.stack([voice(1 + 3 * n) for n in (2, 0, 1)])
        found = net.posterior(enrolled, torch.full((3,), 1600))
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(3))
    assert found.argmax(dim=-1).tolist() == [2, 0, 1]
    assert float(found.max(dim=-1).values.min()) > 0.8


def test_training_takes_1_hot_vectors_and_validation_posteriors() -> None:
    net, task, given = network(speaker_loss=0.0), SpeakerBeamTask(), batch(1, 0)
    criterion = build_loss(LossConfig(name="neg_snr"))
    posterior = net.posterior
    assert posterior is not None
    one_hot = posterior.one_hot(["speaker1", "speaker0"])
    assert one_hot.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    lengths = given.queries.lengths
    with torch.no_grad():
        enrolled = torch.stack([clues.enrollments[0] for clues in given.queries.clues])
        probable = posterior(enrolled, torch.full((2,), 1600))
        for training, vectors in ((True, one_hot), (False, probable)):
            net.train(training)
            estimate = net.extract(given.mixture, lengths, net.embed_vector(vectors))
            expected = criterion(
                estimate=estimate, reference=given.target, mixture=given.mixture, present=given.present
            )
            torch.testing.assert_close(task.loss(net, given, criterion), expected)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="posteriors need the number of training speakers"):
        network(speakers=0)
    with pytest.raises(ValueError, match="speakers = 3 with representation jointly_learned"):
        network(representation="jointly_learned")
    with pytest.raises(ValueError, match="representation posterior has none"):
        network(conditioning="attention")
    with pytest.raises(ConfigError, match=r"one more than net\.speakers = 3"):
        SpeakerBeamTask().loss(network().train(), batch(0, 1, 2, 4), build_loss(LossConfig()))
