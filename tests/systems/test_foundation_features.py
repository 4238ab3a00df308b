"""SoundBeam with features of a foundation model: what they are, where they come in, and which files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.feature_models import DIM, SIZE, feature_model, matrix
from helpers.queries import batch, noise
from helpers.small_nets import CLASSES, RATE_HZ, save_net
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.core.progress import quiet
from tsebench.datasets.types import Clues
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.foundation import LEVEL, Foundation
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet
from tsebench.systems.registry import load_system
from tsebench.systems.soundbeam import SoundBeamTask
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.losses import LossConfig, build_loss

NET = SoundBeamConfig(
    variant="mixed", num_filters=12, filter_length=16, bottleneck=8, hidden=10, blocks=2, stacks=2, embedding_dim=8,
    features_rate_hz=RATE_HZ, features_dim=DIM, features_heads=2,
)  # fmt: skip


def network(model: str, **changes: Any) -> SoundBeamNet:
    torch.manual_seed(1)
    config = SoundBeamConfig.model_validate(NET.model_dump() | {"features": model} | changes)
    return SoundBeamNet(config, classes=CLASSES).eval()


def saved(folder: Path, net: SoundBeamNet) -> str:
    return save_net(folder, "soundbeam", net, net.config)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return feature_model(tmp_path / "tiny.onnx")


def test_features_are_those_of_the_levelled_signal_alone(model: str) -> None:
    foundation = Foundation(SoundBeamConfig.model_validate(NET.model_dump() | {"features": model}))
    signals = torch.zeros(2, 10_000)
    signals[0], signals[1, :8_200] = noise(1, 10_000), 30 * noise(2, 8_200)
    found = foundation(signals, torch.tensor([10_000, 8_200]))
    for row, length, features in zip(signals, (10_000, 8_200), found, strict=True):
        one = row[:length] * (LEVEL / row[:length].square().mean().sqrt())
        frames = one[: length // SIZE * SIZE].reshape(-1, SIZE).numpy()
        np.testing.assert_allclose(features.numpy(), np.abs(frames @ matrix()), atol=1e-4)
    (short,) = foundation(signals[:1, :100], torch.tensor([100]))
    assert short.shape == (RATE_HZ // SIZE, DIM)  # padded to a second
    assert not short[3:].any()


@pytest.mark.parametrize("features_for", ["clue", "mixture", "both"])
def test_contract_and_what_the_features_change(tmp_path: Path, model: str, features_for: str) -> None:
    checkpoint = saved(tmp_path / "net", network(model, features_for=features_for))
    system = load_system("soundbeam", checkpoint=checkpoint)
    results = check_system(system, sample_rate_hz=16000, lengths_s=(0.3, 1.0))
    assert [result for result in results if not result.passed] == []
    by_class, by_clip = Clues(classes=("bell",)), Clues(enrollments=(noise(4, 8000),))
    first = system.extract(batch(by_class, by_clip)).estimate
    other = load_system("soundbeam", checkpoint=checkpoint, features=feature_model(tmp_path / "other.onnx", seed=5))
    second = other.extract(batch(by_class, by_clip)).estimate
    changed = [bool((a - b).abs().max() > 1e-6) for a, b in zip(first, second, strict=True)]
    assert changed == [features_for != "clue", True]


def test_without_features_weights_and_answers_are_as_before() -> None:
    net = network("", features_for="both")
    assert net.foundation is None
    assert not [name for name in net.state_dict() if "foundation" in name or "features" in name]


def test_the_hash_of_the_model_travels_with_the_weights(tmp_path: Path, model: str) -> None:
    net = network(model)
    first_items = [TrainBatch(queries=batch(Clues()), target=noise(1, 1, 900), present=torch.ones(1).bool())]
    line = SoundBeamTask().prepare(net, lambda _: first_items, seed=0, progress=quiet)
    assert line.startswith(f"features of {model} (sha256 ")
    checkpoint = saved(tmp_path / "net", net)
    moved = tmp_path / "elsewhere.onnx"
    moved.write_bytes(Path(model).read_bytes())
    Path(model).unlink()
    answer = load_system("soundbeam", checkpoint=checkpoint, features=str(moved)).extract(
        batch(Clues(classes=("rain",)))
    )
    assert answer.failures == {}
    with pytest.raises(ConfigError, match=r"tiny\.onnx"):
        load_system("soundbeam", checkpoint=checkpoint)
    other = feature_model(tmp_path / "other.onnx", seed=5)
    with pytest.raises(ConfigError, match="is not the model that this network was trained with") as caught:
        load_system("soundbeam", checkpoint=checkpoint, features=other)
    assert len(str(caught.value)) < 500


def test_a_loss_trains_what_is_behind_the_features(model: str) -> None:
    net = network(model).train()
    clues = (Clues(classes=("bell",), enrollments=(noise(4, 8000),)),) * 2
    given = TrainBatch(queries=batch(*clues), target=noise(5, 2, 900), present=torch.ones(2).bool())
    SoundBeamTask().loss(net, given, build_loss(LossConfig())).sum().backward()
    for name in ("extractor.features.weight", "enrollment.attention.weight", "enrollment.output.weight"):
        grad = net.get_parameter(name).grad
        assert grad is not None
        assert float(grad.abs().sum()) > 0


def test_pooling_is_a_weighted_mean_over_frames(model: str) -> None:
    net = network(model)
    clip = noise(4, 1, 8000)
    with torch.no_grad():
        net.enrollment.attention.weight.zero_()
        net.enrollment.attention.bias.zero_()
        (features,) = net.foundation(clip, torch.tensor([8000]))
        mean = F.layer_norm(features, (DIM,)).mean(dim=0).repeat(2)
        expected = net.enrollment.output(mean)
        torch.testing.assert_close(net.enrollment(clip, torch.tensor([8000]))[0], expected)


def test_what_cannot_be_used_is_refused(tmp_path: Path, model: str) -> None:
    wide = feature_model(tmp_path / "wide.onnx", width=5)
    with pytest.raises(ConfigError, match=r"no whole number of frames of net\.features_dim = 6"):
        network(wide).foundation.open()
    with pytest.raises(ConfigError, match=r"is not an \.onnx file; other formats .* can run code"):
        network(str(tmp_path / "script.pt")).foundation.open()
    with pytest.raises(ConfigError, match="soundbeam_mini_1hot' takes none"):
        load_system("soundbeam", checkpoint="soundbeam_mini_1hot", features=model)
    with pytest.raises(ValueError, match="features of the mixture come from a model that hears all of it"):
        network(model, causal=True, norm="cumulative")
    slower = network(model, features_signal_hz=16000)
    first_items = [TrainBatch(queries=batch(Clues()), target=noise(1, 1, 900), present=torch.ones(1).bool())]
    with pytest.raises(ConfigError, match=r"net\.features_signal_hz = 16000, but the training data are at 8000 Hz"):
        SoundBeamTask().prepare(slower, lambda _: first_items, seed=0, progress=quiet)
