"""Run every network on a device that only pretends: `python pretended_device.py OUT.json`.

On fake tensors each operation is checked for one device, and nothing is computed: a tensor that was
made on the CPU is noticed without a GPU. What a fake tensor cannot know, such as whether a batch
has padding, is tried both ways. The networks have two of each kind of repeated layers: more are
copies of these. The device stays with its process, so this is one of its own.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from helpers.small_nets import (
    CLASSES,
    RATE_HZ,
    architecture_of,
    random_checkpoint,
    shallow,
    small_configs,
    with_whisper,
)
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from tsebench.core.validation import parse
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.nets import class_head, recurrent_embedder, speakerbeam, spelled_words, spex_plus, text_encoder
from tsebench.systems.protocol import PrivilegedSystem
from tsebench.systems.registry import SYSTEMS, load_system
from tsebench.systems.trainable import TASKS, InitialTask
from tsebench.systems.training import data, pit
from tsebench.systems.training.config import load_train_config
from tsebench.systems.training.losses import LossConfig, build_loss

DEVICE_NAME = "pretended:0"


def cases() -> dict[str, tuple[str, str, bool]]:
    """Cases by name: a system or "loss", a training config, and whether the batch is padded.

    All networks with padding; without, which takes a shorter way, the loss of one of each system.
    """
    tried = {("loss", task): different_nets(task) for task in TASKS.names()}
    for system in SYSTEMS.names():
        tried["system", system] = different_nets(architecture_of(system) or "")
    return {
        f"{kind}-{name}-{config}-{'padded' if padded else 'full'}": (
            "loss" if kind == "loss" else name, config, padded
        )
        for (kind, name), configs in tried.items()
        for place, config in enumerate(configs)
        for padded in ((True, False) if place == 0 and kind == "loss" else (True,))
    }  # fmt: skip


@cache
def different_nets(architecture: str) -> list[str]:
    """Small configs whose networks differ in more than their training and their counts of layers."""
    found: dict[str, str] = {}
    for name in small_configs(architecture):
        config = parse(TASKS.get(architecture).net_config, load_train_config(name).net, where=name)
        found.setdefault(shallow(config).model_dump_json(), name)
    return [*found.values()]


class FakeValues(FakeTensorMode):
    """Fake tensors whose truth value is `answer`, and whose numbers are zero."""

    def __init__(self, *, answer: bool) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.answer = answer

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            return self.answer if args[0].dtype == torch.bool else 0
        # A fake tensor that remembers its value would be computed with, on a device that cannot.
        for given in args:
            for fake in given if isinstance(given, (list, tuple)) else (given,):
                if isinstance(fake, FakeTensor):
                    fake.constant = None
        return super().__torch_dispatch__(func, types, args, kwargs)


def items() -> list[tuple[Query, Truth]]:
    """Two trials of different lengths, with clues of every kind that a network may want."""
    made: list[tuple[Query, Truth]] = []
    for row, frames in enumerate((2000, 1600)):
        sources = torch.rand(2, frames)
        video = torch.rand(6 - row, 24, 24)
        clues = Clues(
            enrollments=(torch.rand(900 + 100 * row),), classes=(CLASSES[row],), video=video, video_fps=25.0,
            text=("bell", "some rain")[row], negative_text=CLASSES[2], activity=((0.0, 0.1 + 0.05 * row),),
        )  # fmt: skip
        query = Query(id=f"q{row}", mixture=sources.sum(0, keepdim=True), sample_rate_hz=RATE_HZ, clues=clues)
        truth = Truth(
            target=sources[:1], interferers=sources[1:], active_classes=CLASSES[:2],
            transcript=None, target_labels=(CLASSES[row],), parts={"off": sources[0]},
        )  # fmt: skip
        made.append((query, truth))
    return made


def try_loss(config_name: str, folder: Path, *, padded: bool) -> None:
    config = load_train_config(config_name)
    task = TASKS.get(config.system)
    net_config = parse(task.net_config, with_whisper(config.net, folder), where=config_name)
    with FakeValues(answer=True):
        net = task.build(shallow(net_config), classes=CLASSES).to(DEVICE_NAME)
        if isinstance(task, InitialTask):
            task.attach(net, sample_rate_hz=RATE_HZ)
    with FakeValues(answer=not padded):
        needs_sources = bool(getattr(task, "needs_sources", False))
        batch = data.collate(items(), sources=needs_sources).to(DEVICE_NAME)
        losses = task.loss(net.train(), batch, build_loss(LossConfig(name="thresholded_snr")))
        expect("the losses", losses)
        losses.mean().backward()


def try_system(name: str, checkpoint: str, *, padded: bool) -> None:
    few = {"steps": 2} if "steps" in inspect.signature(SYSTEMS.get(name)).parameters else {}
    with FakeValues(answer=True):
        system = load_system(name, checkpoint=checkpoint, device=DEVICE_NAME, **few)
    with FakeValues(answer=not padded):
        asked = items()
        batch = collate([query for query, _ in asked], device=DEVICE_NAME)
        if isinstance(system, PrivilegedSystem):
            answer = system.extract_with_truth(batch, [truth for _, truth in asked])
        else:
            answer = system.extract(batch)
    if answer.failures:
        raise ValueError(f"refused: {answer.failures}")
    expect("the estimate", answer.estimate)
    if answer.class_probabilities is not None:
        expect("the probabilities", answer.class_probabilities)


def expect(what: str, tensor: Tensor) -> None:
    if str(tensor.device) != DEVICE_NAME:
        raise ValueError(f"{what}: on {tensor.device} instead of {DEVICE_NAME}")


def moved(net: nn.Module, device: torch.device | str) -> nn.Module:
    """`net.to(device)`: the memory of a tensor on the CPU cannot become that of a fake one."""
    for module in net.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(torch.empty_like(parameter, device=device)))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty_like(buffer, device=device))
    return net


def recurrent(net: nn.RNNBase, sequence: Tensor) -> tuple[Tensor, None]:
    """Something of the shape that a recurrent layer gives, which meets all of its weights."""
    weights = sum(weight.sum() for weight in net.parameters())
    frames = sequence.sum(dim=-1, keepdim=True) + weights
    return frames.expand(*sequence.shape[:-1], 2 * net.hidden_size), None


def without_values() -> None:
    """Replace what needs the values of tensors by what has the same shapes and devices."""
    nn.Module.to = moved
    nn.GRU.forward = nn.LSTM.forward = recurrent
    # Which frames are picked by a mask depends on values.
    spex_plus.MaskedBatchNorm.masked = lambda net, features, _: net(features)
    torch.autocast = lambda *_, **__: nullcontext()
    tensor = torch.tensor

    def made_there(values: object, *, device: object = None, **options: object) -> Tensor:
        made = tensor(values, **options)
        return made if device is None else torch.empty(made.shape, dtype=made.dtype, device=device)

    def indexed(key: object, device: torch.device) -> object:
        if isinstance(key, tuple):
            return tuple(indexed(each, device) for each in key)
        return made_there(key, device=device) if isinstance(key, list) else key

    get, put = Tensor.__getitem__, Tensor.__setitem__
    torch.tensor = made_there
    # Torch itself makes a list of indices a tensor on the device, which holds nothing.
    Tensor.__getitem__ = lambda signal, key: get(signal, indexed(key, signal.device))
    Tensor.__setitem__ = lambda signal, key, value: put(signal, indexed(key, signal.device), value)
    # Words are read from the weights, which hold nothing.
    spelled_words.SpelledWords.words = property(lambda _: CLASSES)
    for module in (class_head, recurrent_embedder, speakerbeam, text_encoder):
        without_packing(module)

    def first_order(losses: Tensor) -> Tensor:
        rows = torch.arange(losses.shape[1], device=losses.device)
        return rows.expand(len(losses), -1)

    pit.best_assignment = first_order


def without_packing(module: ModuleType) -> None:
    """Padded instead of packed sequences: how long packed ones are depends on values."""

    def pack(sequence: Tensor, lengths: Tensor, **_: object) -> Tensor:
        if lengths.device.type != "cpu":  # as torch asks for it
            raise ValueError("lengths of packed sequences belong on the CPU")
        return sequence

    module.pack_padded_sequence = pack
    module.pad_packed_sequence = lambda out, **_: (out, None)


def problem(attempt: Callable[[], None]) -> str | None:
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - every kind of failure is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        places = [
            f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "site-packages" not in frame.filename
        ]
        return f"{type(error).__name__}: {str(error)[:300]} ({' > '.join(places)})"
    return None


def a_stray_tensor() -> None:
    with FakeValues(answer=True):
        torch.rand(2).to(DEVICE_NAME) + torch.rand(2)


def main(out: str) -> None:
    _setup_privateuseone_for_python_backend("pretended")
    without_values()
    found = {"stray": problem(a_stray_tensor)}
    with tempfile.TemporaryDirectory() as folder:

        @cache
        def checkpoint(config: str) -> str:
            return random_checkpoint(config, Path(folder, config), deep=False)

        for case, (system, config, padded) in cases().items():
            if system == "loss":
                found[case] = problem(lambda c=config, p=padded: try_loss(c, Path(folder, "whisper"), padded=p))
            else:
                found[case] = problem(lambda s=system, c=config, p=padded: try_system(s, checkpoint(c), padded=p))
    Path(out).write_text(json.dumps(found))
    # The made-up device cannot be taken down, which ends in an abort otherwise.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
