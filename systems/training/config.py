"""The config of `tsebench train`."""

from __future__ import annotations

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
        render_processes: processes that render ahead, instead of threads, to keep a GPU busy. The items are the same.
        segment_s: longest mixture and longest enrollment; longer ones are cut at a random place.
        speed: slowest and fastest factor of the playback speed in training, one at random for each source; the
            enrollments are played like the target. Makes new voices of the existing ones.
    """

    dataset: str  # path or shipped name of a dataset config
    train_split: str = "train"
    valid_split: str = "valid"
    overrides: dict[str, Any] = Field(default_factory=dict)  # builder parameters that differ from it
    per_epoch: Positive  # number of mixtures of an epoch
    valid: Positive  # number of validation mixtures, the same in every epoch
    render_threads: Annotated[int, Field(ge=0, le=64)] = 1  # threads that render ahead; 0 renders between the steps
    render_processes: Annotated[int, Field(ge=0, le=256)] = 0
    segment_s: Annotated[float, Field(gt=0)] | None = None
    speed: Span | None = None


class OptimiserConfig(StrictModel):
    """AdamW, its schedule, and the limits of training.

    Attributes:
        schedule: after the warm-up, "cosine" falls to 0 at the last epoch or minute, whichever is nearer, from the
            first step on; "warmup_cosine" does so from the end of the warm-up on; "plateau" multiplies by
            `plateau_factor` after `plateau_patience` epochs without a better validation loss. A training with a cosine
            schedule is resumed only with the same `epochs` and `max_minutes`, on which its rates depend.
    """

    lr: Annotated[float, Field(gt=0)] = 1e-3  # highest learning rate
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] | None = 5.0  # largest norm of the gradient; null does not clip
    batch_size: Positive = 8
    epochs: Positive = 200
    max_minutes: Annotated[float, Field(gt=0)] | None = None  # limit of the training time, over all resumed parts
    patience: Positive | None = None  # epochs without a better validation loss before training stops
    schedule: Literal["constant", "cosine", "warmup_cosine", "plateau"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0  # steps of linear increase from 0
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    plateau_patience: Positive = 3


class TrainConfig(StrictModel):
    """One training run."""

    name: str
    description: str = ""
    system: str  # name of a trainable system
    net: dict[str, Any] = Field(default_factory=dict)  # its hyper-parameters
    data: DataConfig
    optimiser: OptimiserConfig = OptimiserConfig()
    loss: LossConfig = LossConfig()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["32", "bf16", "16"] = "32"  # "32", or mixed precision "bf16" or "16"
    threads: Positive | None = None  # CPU threads of torch; its default if null


def load_train_config(reference: str, settings: Sequence[str] = ()) -> TrainConfig:
    """Read a training config by its path or shipped name; KEY=VALUE `settings` override it.

    Raises:
        ConfigError: it is missing, not YAML, or wrong; the message names the key.
    """
    path = find_config(reference, folder="train")
    data = with_settings(read_yaml(path), settings, where=path.name)
    return parse(TrainConfig, data, where=str(path))
