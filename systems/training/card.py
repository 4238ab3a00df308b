"""The card of a training's checkpoint: its data, its settings, and what it is built on."""

from __future__ import annotations

from importlib.metadata import version

from ...core.provenance import git_commit
from ...core.validation import StrictModel
from ...datasets.contents import Contents
from ...datasets.dynamic import TrialStream
from ..checkpoints.checkpoint import Checkpoint, CheckpointCard, Initial
from ..trainable import LossFacts
from .config import TrainConfig
from .data import TrainingStream
from .distillation import Teacher
from .first_weights import first_training_data


def card_of(
    config: TrainConfig,
    net: StrictModel,
    stream: TrainingStream,
    source: TrainingStream,
    prepared_as: str,
    *,
    loss: LossFacts,
) -> CheckpointCard:
    """The card of a training, before its first step.

    Args:
        net: hyper-parameters of the network.
        stream: of the training data, as prepared for it.
        source: the same before.
        prepared_as: what `PreparingTask.prepare` returned.
        loss: what is minimised.
    """
    title, contents = f"{config.data.dataset}:{config.data.train_split}", None
    if isinstance(source, TrialStream):
        title, contents = source.title, source.contents()
    return CheckpointCard(
        architecture=config.system,
        net=net.model_dump(mode="json"),
        classes=tuple(stream.classes),
        sample_rate_hz=stream.sample_rate_hz,
        sha256="",
        training_data=tuple(
            dict.fromkeys((title, *(contents.parts if contents else ()), *first_training_data(config.start_from)))
        ),
        trained_on=contents,
        data_fingerprint=stream.fingerprint,
        data_options={
            key: value
            for key, value in config.data.overrides.items()
            if value is None or isinstance(value, str | int | float)
        },
        loss=loss.name,
        prepared=prepared_as,
        seed=config.seed,
        git_commit=git_commit(),
        tsebench_version=version("tsebench"),
    )


def built_on(card: CheckpointCard, initial: tuple[Initial, Checkpoint] | None) -> CheckpointCard:
    """The card of a network with the record of its frozen one, and the union of their training data."""
    if initial is None:
        return card
    record, checkpoint = initial
    return _with_data_of(card, checkpoint.card).model_copy(update={"initial": record})


def taught_by(card: CheckpointCard, teacher: Teacher | None) -> CheckpointCard:
    """The card of a network with the record of its teacher, and the union of their training data."""
    if teacher is None:
        return card
    found = teacher.card
    record = Initial(checkpoint=teacher.config.checkpoint, architecture=found.architecture, sha256=found.sha256)
    return _with_data_of(card, found).model_copy(update={"teacher": record})


def _with_data_of(card: CheckpointCard, other: CheckpointCard) -> CheckpointCard:
    return card.model_copy(
        update={
            "training_data": tuple(dict.fromkeys((*card.training_data, *other.training_data))),
            "trained_on": _union(card.trained_on, other.trained_on),
        }
    )


def _union(first: Contents | None, second: Contents | None) -> Contents | None:
    """Everything that one of two contents has; None if one of them is unknown."""
    if first is None or second is None:
        return None

    def both(name: str) -> tuple[str, ...]:
        return tuple(sorted({*getattr(first, name), *getattr(second, name)}))

    return Contents(parts=both("parts"), recordings=both("recordings"), speakers=both("speakers"))
