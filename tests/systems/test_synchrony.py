"""The pre-training of reentry's synchrony network: what it is shown, and what starts from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.small_nets import random_checkpoint
from helpers.voices import train_config

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.reentry import Reentry
from tsebench.systems.synchrony import NAME, SynchronyConfig, SynchronyTask, drawn_pairs
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.config import StartConfig, load_train_config
from tsebench.systems.training.data import collate
from tsebench.systems.training.first_weights import start_with
from tsebench.systems.training.losses import LossConfig, build_loss

PER_PICTURE, COUNT = 320, 20
TINY = {
    "front_end": "drawn_slsyn",
    "visual_features": 8,
    "visual_hidden": 8,
    "sample_rate_hz": 8000,
    "least_shift": 3,
    "most_shift": 6,
}


def config(**changed: object) -> SynchronyConfig:
    return SynchronyConfig.model_validate({**TINY, **changed})


def clips(items: int = 24, pictures: int = COUNT) -> TrainBatch:
    """Picture n of item i is 100 i + n, and so is each sample of the target during it; a mixture is its negative."""
    made = []
    for item in range(items):
        numbers = 100.0 * item + torch.arange(pictures)
        sound = numbers.repeat_interleave(PER_PICTURE)
        clues = Clues(video=numbers[:, None, None].expand(-1, 2, 2), video_fps=25.0)
        query = Query(id=f"q{item}", mixture=-sound[None], sample_rate_hz=8000, clues=clues)
        truth = Truth(target=sound[None], interferers=sound[None], active_classes=(), transcript=None)
        made.append((query, truth))
    return collate(made)


@pytest.mark.parametrize("foreign", [0.0, 1.0])
def test_labels_are_right(foreign: float) -> None:
    torch.manual_seed(0)
    audio, pictures, labels = drawn_pairs(clips(), config(foreign=foreign))
    heard, seen = audio.abs()[:, ::PER_PICTURE], pictures[:, :, 0, 0]
    assert heard.shape == seen.shape
    apart = seen - heard
    assert (apart == apart[:, :1]).all()
    assert ((apart[:, 0] == 0) == labels.bool()).all()
    assert 4 < labels.sum() < 20
    shifts = apart[~labels.bool(), 0].abs() % 100
    assert (shifts == 0).all() if foreign else len(shifts.unique()) == 1
    assert 3 <= COUNT - seen.shape[1] <= 6


def test_some_items_are_clean() -> None:
    torch.manual_seed(0)
    for share, wanted in ((0.0, {-1.0}), (1.0, {1.0}), (0.5, {-1.0, 1.0})):
        audio, _, _ = drawn_pairs(clips(), config(clean=share))
        assert set(audio[1:].sum(dim=1).sign().tolist()) == wanted


def test_a_short_video_is_shifted_by_half_and_one_picture_is_an_error() -> None:
    _, pictures, _ = drawn_pairs(clips(pictures=4), config())
    assert pictures.shape[1] == 2
    with pytest.raises(ConfigError, match="one picture"):
        drawn_pairs(clips(pictures=1), config())


def test_the_loss_is_that_of_a_guess_at_first_and_has_gradients() -> None:
    torch.manual_seed(0)
    task = SynchronyTask()
    net = task.build(config(), classes=())
    batch = clips(items=4)
    losses = task.loss(net, batch, build_loss(LossConfig()))
    losses.mean().backward()
    assert losses.shape == (4,)
    assert all(parameter.grad is not None for parameter in net.front_end.parameters())


def test_reentry_starts_from_its_checkpoint(tmp_path: Path) -> None:
    """Every weight of the synchrony network comes from the stage before; the classifier stays behind."""
    published = load_train_config("reentry")
    assert published.start_from == StartConfig(checkpoint="runs/train/synchrony", prefix="visual.")
    assert published.net["freeze_front_end"]
    stage = random_checkpoint("synchrony_mini", tmp_path)
    small = {**load_train_config("reentry_mini").net, "freeze_front_end": True}
    net = Reentry.task.build(parse(Reentry.task.net_config, small, where="net"), classes=())
    start_with(net, StartConfig(checkpoint=stage, prefix="visual."))
    found = torch.load(tmp_path / "model.pt", weights_only=True)
    state = found.get("state_dict", found)
    front = {name: value for name, value in state.items() if name.startswith("front_end.")}
    assert len(front) == len(net.visual.front_end.state_dict()) > 20
    assert all(torch.equal(net.state_dict()[f"visual.{name}"], value) for name, value in front.items())
    assert not any(parameter.requires_grad for parameter in net.visual.front_end.parameters())


def test_it_has_a_loss_of_its_own() -> None:
    assert train_config(NAME, dict(TINY)).loss == LossConfig()
    assert SynchronyTask.own_loss.name == "synchrony"
