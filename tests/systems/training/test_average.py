"""The average of the weights: its recursion, and trainings that validate, export and resume it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tsebench.core.errors import ConfigError
from tsebench.core.validation import StrictModel, parse
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.checkpoints.checkpoint import from_bytes, load_checkpoint, read_weights, to_bytes
from tsebench.systems.trainable import TASKS, ExtractionLoss, LossFacts, TrainBatch
from tsebench.systems.training.average import WeightAverage
from tsebench.systems.training.config import TrainConfig
from tsebench.systems.training.state import run_identity
from tsebench.systems.training.train import TrainResult, train


class Halves:
    """Mixtures of two noises; the target is one of them."""

    classes: tuple[str, ...] = ()
    sample_rate_hz = 8000

    def __init__(self, seed: int, *, breaks_at: int = -1) -> None:
        self.fingerprint, self._seed, self._breaks_at = f"halves-{seed}", seed, breaks_at

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        if index == self._breaks_at:
            raise KeyboardInterrupt
        sources = torch.randn(2, 60, generator=torch.Generator().manual_seed(10**6 * self._seed + index))
        query = Query(id=f"m{index}", mixture=sources.sum(0)[None], sample_rate_hz=8000, clues=Clues(classes=("a",)))
        return query, Truth(target=sources[:1], interferers=sources[1:], active_classes=(), transcript=None)


class Level(nn.Module):
    """A learned gain next to a frozen one, and a count of calls in training."""

    calls: Tensor

    def __init__(self, start: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(start))
        self.frozen = nn.Parameter(torch.tensor(0.1), requires_grad=False)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))


class LevelConfig(StrictModel):
    """The first gain, and the standard deviation of what the loss adds to the mixture at random."""

    start: float = 2.0
    noise: float = 0.3


class LevelTask:
    """Mean squared error of gain·(mixture + noise)."""

    net_config = LevelConfig
    own_loss = LossFacts(name="level_mse")

    def __init__(self) -> None:
        self.noise = 0.0
        self.drawn: list[float] = []

    def build(self, config: LevelConfig, *, classes: tuple[str, ...]) -> Level:
        del classes
        self.noise = config.noise
        return Level(config.start)

    def loss(self, net: Level, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        del criterion
        noise = torch.randn(batch.mixture.shape)
        if net.training:
            net.calls += 1
            self.drawn.append(float(noise[0, 0]))
        estimate = net.gain * (batch.mixture + self.noise * noise)
        return (estimate - batch.target).square().mean(dim=1)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> LevelTask:
    monkeypatch.setattr(TASKS, "_entries", {**TASKS._entries})
    made = LevelTask()
    TASKS.register("level")(made)
    return made


def settings(**optimiser: object) -> TrainConfig:
    data = {
        "name": "test",
        "system": "level",
        "data": {"dataset": "halves", "per_epoch": 8, "valid": 8},
        "optimiser": {"lr": 0.05, "batch_size": 2, "epochs": 3, "ema": 0.9, **optimiser},
    }
    return parse(TrainConfig, data, where="config")


def fit(config: TrainConfig, out: Path, *, breaks_at: int = -1) -> TrainResult:
    streams = Halves(1, breaks_at=breaks_at), Halves(2)
    return train(config, streams=streams, out=out, device="cpu")


def state_of(out: Path) -> dict[str, dict[str, Tensor]]:
    return from_bytes(read_weights(out / "last.ckpt"), path=out)


def test_the_recursion() -> None:
    """With the warm-up (1 + n)/(10 + n) until that is above the decay; buffers are copied, frozen weights stay."""
    net, weights = Level(2.0), [1.5, 1.0, -1.0, 4.0]
    average, expected = WeightAverage(net, 0.4), 2.0
    for step, weight in enumerate(weights, start=1):
        net.gain.data.fill_(weight)
        net.calls += 1
        average.update(step)
        decay = min(0.4, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert (1 + 4) / (10 + 4) < 0.4 < (1 + 6) / (10 + 6)
    assert float(average.state()["gain"]) == pytest.approx(expected)
    assert int(average.state()["calls"]) == 4
    assert torch.equal(average.state()["frozen"], torch.tensor(0.1))


def test_swapping_twice_changes_nothing() -> None:
    net = Level(2.0)
    average = WeightAverage(net, 0.5)
    net.gain.data.fill_(7.0)
    average.swap()
    assert (net.gain.item(), average.state()["gain"].item()) == (2.0, 7.0)
    average.swap()
    assert (net.gain.item(), average.state()["gain"].item()) == (7.0, 2.0)


def test_the_average_is_what_is_validated_and_exported(tmp_path: Path, task: LevelTask) -> None:
    """The loss of the exported gain on the validation data, by its definition, is the one that was logged."""
    config = settings()
    config.net["noise"] = 0.0
    result = fit(config, tmp_path)
    exported = load_checkpoint(tmp_path, architecture="level").state
    state = state_of(tmp_path)
    gain = float(exported["gain"])
    items = [Halves(2)[index] for index in range(8)]
    losses = [(gain * query.mixture - truth.target).square().mean() for query, truth in items]
    assert result.best_loss == pytest.approx(float(torch.stack(losses).mean()), rel=1e-5)
    assert result.epochs == 1 + result.best.epoch
    assert torch.equal(exported["gain"], state["average"]["gain"])
    assert abs(float(state["net"]["gain"]) - gain) > 0.05
    assert (float(exported["frozen"]), int(state["net"]["calls"])) == (pytest.approx(0.1), 12)
    assert task.drawn


def test_a_resumed_training_ends_with_the_same_average(tmp_path: Path, task: LevelTask) -> None:
    """Stopped after an epoch, and killed within one; the loss draws random numbers, the same in both."""
    whole = fit(settings(), tmp_path / "whole")
    drawn = list(task.drawn)
    task.drawn.clear()
    fit(settings(epochs=1), tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        fit(settings(), tmp_path / "parts", breaks_at=21)
    parts = fit(settings(), tmp_path / "parts")
    assert parts.best_loss == whole.best_loss
    assert (tmp_path / "whole/model.pt").read_bytes() == (tmp_path / "parts/model.pt").read_bytes()
    first, second = (state_of(tmp_path / name) for name in ("whole", "parts"))
    for table in ("net", "average", "best"):
        assert {name: float(value) for name, value in first[table].items()} == {
            name: float(value) for name, value in second[table].items()
        }
    assert sorted(set(drawn)) == sorted(set(task.drawn))
    assert len(set(drawn)) == 12


def test_validation_draws_the_same_in_every_epoch(tmp_path: Path, task: LevelTask) -> None:
    """With a learning rate that changes no weight the validation loss stays, and the training loss does not."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    fit(settings(lr=1e-30), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    history = state_of(tmp_path)["progress"]["history"]
    assert len({line["valid_loss"] for line in history}) == 1
    assert len({line["train_loss"] for line in history}) == 3
    assert task.noise == 0.3


def test_a_training_without_an_average_is_as_before(tmp_path: Path, task: LevelTask) -> None:
    """A state of an older version goes on, and has the same identity."""
    config = settings(ema=None)
    assert '"ema"' not in run_identity(config, fingerprints=("a", "b"))
    assert '"ema":0.9' in run_identity(settings(), fingerprints=("a", "b"))
    fit(settings(ema=None, epochs=1), tmp_path)
    content = state_of(tmp_path)
    assert content.pop("average") == {}
    for line in content["progress"]["history"]:
        assert line.pop("unit") == ""
    (tmp_path / "last.ckpt").write_bytes(to_bytes(content))
    assert fit(config, tmp_path).epochs == 3
    state, exported = state_of(tmp_path), load_checkpoint(tmp_path, architecture="level").state
    assert torch.equal(exported["gain"], state["best"]["gain"])
    assert task.drawn


def test_a_loss_of_its_own_has_its_name_and_no_db(
    tmp_path: Path, task: LevelTask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="tsebench.train"):
        result = fit(settings(epochs=1), tmp_path)
    line = caplog.records[0].message
    assert line.startswith("epoch 0: loss level_mse (lower is better) train ")
    assert "dB" not in line
    assert result.loss == task.own_loss
    assert load_checkpoint(tmp_path, architecture="level").card.loss == "level_mse"
    assert LossFacts(name="x", unit="dB").text(-3.14159) == "-3.14 dB"
    assert LossFacts(name="x").text(0.00123456) == "0.001235"


def test_a_loss_of_estimates_for_a_system_that_has_none_is_refused(tmp_path: Path, task: LevelTask) -> None:
    config = settings()
    data = {**config.model_dump(exclude={"loss", "tracking"}), "loss": {"name": "neg_snr"}}
    with pytest.raises(ConfigError, match=r"loss\.name = 'neg_snr' has no effect.*'level_mse'; leave `loss` out"):
        fit(parse(TrainConfig, data, where="config"), tmp_path)
    assert not list(tmp_path.iterdir())
    assert not task.drawn


@pytest.mark.parametrize("decay", [0.0, 1.0, math.nan])
def test_wrong_decays_are_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match=r"optimiser\.ema"):
        settings(ema=decay)
