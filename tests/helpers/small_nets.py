"""Checkpoints with random weights of every trainable system, in the sizes of its small configs."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import nn

import tsebench
from tsebench.core.validation import parse
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, Initial, save_checkpoint, shipped_checkpoints
from tsebench.systems.registry import SYSTEMS
from tsebench.systems.trainable import TASKS, InitialTask
from tsebench.systems.training.config import load_train_config

CONFIGS = Path(tsebench.__file__).parent / "configs/train"
CLASSES = ("bell", "dog_bark", "rain")
RATE_HZ = 8000


def architecture_of(system: str) -> str | None:
    """The trainable network that a system opens as a checkpoint, by the start of its name."""
    if "checkpoint" not in inspect.signature(SYSTEMS.get(system)).parameters:
        return None
    fitting = [name for name in TASKS.names() if system == name or system.startswith(f"{name}_")]
    return max(fitting, key=len, default=None)


@cache
def small_configs(architecture: str) -> tuple[str, ...]:
    """Names of the configs `<architecture>_mini*.yaml` that train it."""
    names = [path.stem for path in sorted(CONFIGS.glob(f"{architecture}_mini*.yaml"))]
    return tuple(name for name in names if load_train_config(name).system == architecture)


def shallow(net_config: BaseModel) -> BaseModel:
    """The same network with at most two of each kind of repeated layers, steps and samples: one, and one after it."""
    repeated = ("blocks", "stacks", "layers")
    depths = {
        name: 2
        for name, value in net_config.model_dump().items()
        if (name.endswith(repeated) or name in {"steps", "draws"}) and isinstance(value, int) and value > 2
    }
    return net_config.model_copy(update=depths)


def with_whisper(net: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Hyper-parameters whose frozen Whisper is there: one with random weights if it is named but not shipped."""
    if net.get("whisper_checkpoint", "") in ("", *shipped_checkpoints()):
        return net
    return {**net, "whisper_checkpoint": random_checkpoint(net["whisper_checkpoint"], folder)}


def save_net(
    folder: Path,
    architecture: str,
    net: nn.Module,
    config: BaseModel,
    *,
    classes: tuple[str, ...] = CLASSES,
    initial: Initial | None = None,
) -> str:
    """A checkpoint of a network with these hyper-parameters."""
    card = CheckpointCard(
        architecture=architecture,
        net=config.model_dump(mode="json"),
        classes=classes,
        sample_rate_hz=RATE_HZ,
        sha256="",
        initial=initial,
    )
    save_checkpoint(folder, state=net.state_dict(), card=card)
    return str(folder)


def random_checkpoint(config_name: str, folder: Path, *, deep: bool = True) -> str:
    """A checkpoint of the network of a training config (or a `shallow` one), with weights drawn from seed 1."""
    config = load_train_config(config_name)
    task = TASKS.get(config.system)
    net_config = parse(task.net_config, with_whisper(config.net, folder / "whisper"), where=config_name)
    if not deep:
        net_config = shallow(net_config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = task.build(net_config, classes=CLASSES)
    attached = task.attach(net, sample_rate_hz=RATE_HZ) if isinstance(task, InitialTask) else None
    return save_net(folder, config.system, net, net_config, initial=attached[0] if attached else None)
