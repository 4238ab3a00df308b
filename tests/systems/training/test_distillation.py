"""Distillation: the loss on a teacher's estimates is added, the card names the teacher, and the rest is as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.voices import Voices, checkpoint, fit, train_config

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.core.validation import parse
from tsebench.systems.checkpoints.checkpoint import read_checkpoint_card
from tsebench.systems.nets.conv_tasnet import Extractor, ExtractorConfig
from tsebench.systems.registry import load_system
from tsebench.systems.trainable import TASKS
from tsebench.systems.training.config import TeacherConfig, TrainConfig
from tsebench.systems.training.data import collate
from tsebench.systems.training.distillation import DistillationLoss, Teacher
from tsebench.systems.training.lightning_module import ExtractionModule
from tsebench.systems.training.losses import LossConfig, build_loss
from tsebench.systems.training.state import Progress, run_identity

NAME = "td_speakerbeam"
TINY = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 2, "stacks": 2}
TINY |= {"embedding_dim": 8, "skip": 0}
STUDENT = TINY | {"norm": "cumulative", "causal": True}
TEACHER = STUDENT | {"noncausal_stacks": 1}
BATCH = collate([Voices(3)[index] for index in range(4)])


def taught(folder: Path, *, weight: float = 0.5, system: str = NAME) -> TrainConfig:
    where = checkpoint(NAME, TEACHER, folder / "teacher")
    return train_config(system, STUDENT).model_copy(update={"teacher": TeacherConfig(checkpoint=where, weight=weight)})


def module(config: TrainConfig, teacher: Teacher | None) -> ExtractionModule:
    task = TASKS.get(NAME)
    torch.manual_seed(4)
    net = task.build(parse(task.net_config, config.net, where="net"), classes=())
    return ExtractionModule(net, task, config, progress=Progress(), optimiser_state=None, teacher=teacher)


def test_loss_is_that_of_the_target_and_weighted_that_of_the_teacher(tmp_path: Path) -> None:
    config = taught(tmp_path)
    assert config.teacher is not None
    student = module(config, Teacher(config.teacher, sample_rate_hz=8000, device="cpu"))
    loss = student.training_step(BATCH)
    estimate = student.net(BATCH.mixture, BATCH.queries.lengths, *_enrolled())
    teacher = load_system(NAME, checkpoint=config.teacher.checkpoint).extract(BATCH.queries).estimate.clone()
    snr = build_loss(LossConfig())
    own, other = (
        snr(estimate=estimate, reference=reference, mixture=BATCH.mixture, present=BATCH.present).mean()
        for reference in (BATCH.target, teacher)
    )
    assert abs(own - other) > 0.1
    torch.testing.assert_close(loss, own + 0.5 * other)
    loss.backward()
    assert sum(float(weight.grad.abs().sum()) for weight in student.net.parameters() if weight.grad is not None) > 0
    # Validation tells how near the targets it is.
    student.validation_step(BATCH, 0)
    assert student.valid_loss.value == pytest.approx(own.item(), rel=1e-5)


def _enrolled() -> tuple[torch.Tensor, torch.Tensor]:
    from tsebench.systems.shared.enrolled import enrollments_of

    return enrollments_of(BATCH)


def test_branches_of_one_batch_have_one_teacher() -> None:
    generator = torch.Generator().manual_seed(1)
    target, mine, estimate = (torch.randn(2, 50, generator=generator) for _ in range(3))
    present = torch.ones(2, dtype=torch.bool)
    loss = DistillationLoss(build_loss(LossConfig()), target=target, taught=mine, weight=2.0)
    signals = {"mixture": target, "present": present}
    once = loss(estimate=estimate, reference=target, **signals)
    twice = loss(
        estimate=estimate.repeat(2, 1),
        reference=target.repeat(2, 1),
        mixture=target.repeat(2, 1),
        present=present.repeat(2),
    )
    torch.testing.assert_close(twice, once.repeat(2))
    for wrong in (mine, target[:1]):
        with pytest.raises(ConfigError, match="leave `teacher` out"):
            loss(estimate=estimate[: len(wrong)], reference=wrong, mixture=wrong, present=present[: len(wrong)])


def test_training_with_a_teacher_is_on_its_card(tmp_path: Path) -> None:
    config = taught(tmp_path)
    result = fit(config, tmp_path / "taught")
    fit(config.model_copy(update={"teacher": None}), tmp_path / "plain")
    card, plain = (read_checkpoint_card(tmp_path / name) for name in ("taught", "plain"))
    assert card.sha256 != plain.sha256
    assert card.teacher is not None
    assert card.teacher.sha256 == read_checkpoint_card(tmp_path / "teacher").sha256
    assert (card.training_data, plain.training_data) == (("voices:train", "voices/train"), ("voices:train",))
    system = load_system(NAME, checkpoint=str(result.checkpoint))
    assert system.card.chunk_samples == 8


def test_a_training_without_teacher_is_resumed_as_before(tmp_path: Path) -> None:
    config = taught(tmp_path)
    texts = [
        run_identity(each, fingerprints=("a", "b")) for each in (config, config.model_copy(update={"teacher": None}))
    ]
    assert ['"teacher"' in text for text in texts] == [True, False]


def test_teacher_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    config = taught(tmp_path)
    assert config.teacher is not None
    with pytest.raises(ConfigError, match="works at 8000 Hz, and the training data are at 16000 Hz"):
        Teacher(config.teacher, sample_rate_hz=16_000, device="cpu")
    with pytest.raises(CheckpointError, match="no checkpoint at 'nowhere'"):
        Teacher(TeacherConfig(checkpoint="nowhere"), sample_rate_hz=8000, device="cpu")
    teacher = Teacher(config.teacher, sample_rate_hz=8000, device="cpu")
    alone = collate([Voices(3, enrolled=False)[index] for index in range(2)])
    with pytest.raises(ConfigError, match="cannot answer trial 'm0' of the training data: the query has no enrollment"):
        teacher.estimates(alone)


def test_partially_non_causal_network_sees_as_far_ahead_as_its_last_stacks() -> None:
    config = parse(ExtractorConfig, TEACHER | {"stacks": 3, "blocks": 2}, where="net")
    assert (config.streams, config.lookahead_samples) == (False, 0)
    torch.manual_seed(0)
    net = Extractor(config).eval()
    first = torch.randn(1, 800)
    second = first.clone()
    second[:, 600:] *= 2.0
    with torch.no_grad():
        one, other = (net(x, torch.tensor([800]), torch.ones(1, 8)) for x in (first, second))
    # One stack of dilations 1 and 2 sees 1 + 2 frames of 8 samples ahead, and a frame covers 16.
    changed = (one - other).abs()[0].nonzero()[0]
    assert 600 - 3 * 8 - 16 < int(changed) <= 600 - 16
    for bad in ({"noncausal_stacks": 3}, {"causal": False}):
        with pytest.raises(ConfigError, match=r"noncausal_stacks = \d must be at most stacks"):
            parse(ExtractorConfig, TEACHER | bad, where="net")
