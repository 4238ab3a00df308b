"""Topics of the configs of a run, a training and an adaptation, and of the networks that can be trained."""

from __future__ import annotations

from ...bench.config import RunConfig
from ...systems.checkpoints.adaptation_card import AdaptOptions
from ...systems.trainable import TASKS
from ...systems.training.config import TrainConfig
from ..topic import Kind, Topic, topic_of, words_of
from .shipped import examples


def _run() -> Topic:
    return topic_of("run", RunConfig, place="a run config, `tsebench run CONFIG`")


def _train() -> Topic:
    return topic_of("train", TrainConfig, place="a training config, `tsebench train CONFIG`")


def _adapt() -> Topic:
    return topic_of("adapt", AdaptOptions, place="`adapt` of a system of a run config; options of `tsebench adapt`")


def _net(name: str) -> Topic:
    task = TASKS.get(name)
    facts = [("Loss", words_of(type(task)).summary), *examples("train", "system", name)]
    return topic_of(
        f"train {name}", task.net_config, place=f"`net` of a training config with `system: {name}`", facts=facts
    )


RUN = Kind(name="run", about="keys of a run config", general=_run)
ADAPT = Kind(name="adapt", about="keys of an adaptation to new classes", general=_adapt)
TRAIN = Kind(
    name="train",
    about="keys of a training config, and with NAME those of a network",
    names=TASKS.names,
    named=_net,
    general=_train,
)
