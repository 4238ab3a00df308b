"""The config of `tsebench train`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ...core.config_files import find_config, read_yaml, with_settings
from ...core.validation import StrictModel, parse
from .losses import LossConfig

Positive = Annotated[int, Field(gt=0)]
_Factor = Annotated[float, Field(ge=0.5, le=2.0)]


def _rising(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"{list(span)} falls; write the lowest first")
    return span


Span = Annotated[tuple[_Factor, _Factor], AfterValidator(_rising)]


class DataConfig(StrictModel):
    """Source of the mixtures, drawn on the fly; none is used twice in training.

    Attributes:
        dataset: dataset config whose builder draws the mixtures, by path or shipped name; its number of mixtures does
            not matter.
        train_split: split of the corpora for training, instead of the config's.
        valid_split: split of the corpora for validation.
        overrides: parameters of the builder that differ from the config's, by key.
        absent_share: share of the items, of training and of validation, whose query names a speaker or class that the
            mixture does not hold, so that the wanted answer is silence: for a dataset that draws such queries
            (`absent_speakers`, or `conditions` with "0:1", in `overrides`) and a loss that has a value for them
            (thresholded_snr). null: the first query of each mixture.
        per_epoch: training mixtures of an epoch, one trial of each; every epoch has new ones.
        valid: validation mixtures, one trial of each, the same in every epoch.
        render_threads: threads that render mixtures ahead; 0 renders between the steps.
        render_processes: processes that render ahead, instead of threads, to keep a GPU busy; 0 has none. The items are
            the same.
        segment_s: longest mixture and longest enrollment; longer ones are cut at a random place where the target is not
            silent. null: whole.
        speed: slowest and fastest factor of the playback speed in training, one at random for each source, which
            changes its pitch; the enrollments are played like the target. Makes new voices of the existing ones. null:
            as recorded.
    """

    dataset: str
    train_split: str = "train"
    valid_split: str = "valid"
    overrides: dict[str, Any] = Field(default_factory=dict)
    absent_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    per_epoch: Positive
    valid: Positive
    render_threads: Annotated[int, Field(ge=0, le=64)] = 1
    render_processes: Annotated[int, Field(ge=0, le=256)] = 0
    segment_s: Annotated[float, Field(gt=0)] | None = None
    speed: Span | None = None


class OptimiserConfig(StrictModel):
    """AdamW, its schedule, and the limits of training.

    Attributes:
        lr: highest learning rate; the optimiser is AdamW.
        weight_decay: share of each weight that a step takes off, times the learning rate (AdamW).
        gradient_clip: largest norm of the gradient of all weights, which is scaled down to it; null does not clip.
        batch_size: mixtures of a step.
        epochs: most epochs; the schedule ends at the last.
        max_minutes: limit of the training time, over all resumed parts; null: none.
        ema: decay of the exponential moving average of the weights, at step n at most (1 + n)/(10 + n); the averaged
            weights are those that are validated and exported. null: the weights themselves.
        patience: epochs without a better validation loss before training stops; null: it does not.
        schedule: of the learning rate after the warm-up: "constant"; "cosine" falls to 0 at the last epoch or minute,
            whichever is nearer, from the first step on; "warmup_cosine" does so from the end of the warm-up on;
            "plateau" multiplies by `plateau_factor` after `plateau_patience` epochs without a better validation loss. A
            training with a cosine schedule is resumed only with the same `epochs` and `max_minutes`, on which its rates
            depend.
        warmup_steps: steps (batches) in which the learning rate rises linearly from 0.
        plateau_factor: factor of the learning rate at a plateau, with `schedule: plateau`.
        plateau_patience: epochs without a better validation loss that make a plateau, with `schedule: plateau`.
    """

    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] | None = 5.0
    batch_size: Positive = 8
    epochs: Positive = 200
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    patience: Positive | None = None
    schedule: Literal["constant", "cosine", "warmup_cosine", "plateau"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    plateau_patience: Positive = 3


def _model_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,199}", name):
        raise ValueError(f"{name!r} is no name of a model; use letters, digits, spaces and any of _ - .")
    return name


class TrackingConfig(StrictModel):
    """The training in MLflow; where it is tracked is set by `--tracking-uri`.

    Attributes:
        register: name of the model of which the checkpoint becomes a version in MLflow's registry.
    """

    register_as: Annotated[str, AfterValidator(_model_name)] | None = Field(default=None, alias="register")


class StartConfig(StrictModel):
    """Weights that the network starts with, instead of fresh ones.

    Attributes:
        checkpoint: checkpoint of an earlier training (folder or shipped name), or a file with a state_dict. Weights of
            the network with the same name take its values; the others stay fresh.
        prefix: put before the file's names, for example "visual.front_end." for the weights of a lip network.
        only: beginnings of names of the network's weights that the file gives; empty: all that it has.
        then: weights of another file, which take precedence over those of this one.
    """

    checkpoint: str
    prefix: str = ""
    only: tuple[str, ...] = ()
    then: StartConfig | None = None

    def files(self) -> tuple[StartConfig, ...]:
        """This file and those that `then` names, in their order."""
        return (self, *(self.then.files() if self.then else ()))


class TeacherConfig(StrictModel):
    """Trained network whose estimates are learned in addition to the targets: knowledge distillation.

    Attributes:
        checkpoint: of the teacher (folder or shipped name), which answers the same queries at the same rate; for a
            causal student say one that looks ahead, in whole (`causal: false`) or in part (`noncausal_stacks`).
        weight: of the loss on the teacher's estimates, which is added to that on the targets. Validation uses the
            targets alone.
    """

    checkpoint: str
    weight: Annotated[float, Field(gt=0)] = 1.0


class TrainConfig(StrictModel):
    """One training run.

    Attributes:
        name: name of the training and of its folder below `runs/train/`.
        description: text for the reader of the config; it changes nothing.
        system: trainable system, see `tsebench explain train`.
        net: hyper-parameters of its network, see `tsebench explain train SYSTEM`.
        start_from: weights of an earlier stage, or of a part that others trained; null: fresh ones.
        teacher: network whose estimates are learned, too; null: targets alone. For a system whose loss is `loss`.
        data: source of the mixtures.
        optimiser: optimiser, schedule and limits.
        loss: loss of the estimates; not for a system with a loss of its own.
        seed: of the first weights and, in place of the dataset's, of all draws of mixtures.
        precision: "32" (single precision), or mixed precision "bf16" or "16", in quotes.
        threads: CPU threads of torch; null: torch's own choice.
        tracking: what MLflow does with the result.
    """

    name: str
    description: str = ""
    system: str
    net: dict[str, Any] = Field(default_factory=dict)
    start_from: StartConfig | None = None
    teacher: TeacherConfig | None = None
    data: DataConfig
    optimiser: OptimiserConfig = OptimiserConfig()
    loss: LossConfig = LossConfig()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["32", "bf16", "16"] = "32"
    threads: Positive | None = None
    tracking: TrackingConfig = TrackingConfig()


def load_train_config(reference: str, settings: Sequence[str] = ()) -> TrainConfig:
    """Read a training config by its path or shipped name; KEY=VALUE `settings` override it.

    Raises:
        ConfigError: it is missing, not YAML, or wrong; the message names the key.
    """
    path = find_config(reference, folder="train")
    data = with_settings(read_yaml(path), settings, where=path.name)
    return parse(TrainConfig, data, where=str(path), topic="train")
