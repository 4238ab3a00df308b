"""Lightning's trainer: on one device, with our own batches and files, and without its chatter."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as lightning
import torch

from ...core.errors import ConfigError
from .data import EpochBatches
from .epoch_end import Keeper
from .lightning_module import ExtractionModule

# Starts of the warnings that Lightning gives for things that are meant as they are.
_ADVICE = (
    # Lightning asks torch in a way that newer versions of torch deprecate.
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    # `device="cpu"` on a machine with a GPU.
    r"GPU available but not used",
    # Batches come from threads of our own.
    r"The '\w+' does not have many workers",
    # The log is written after each epoch, not by Lightning.
    r"The number of training batches",
)


def fit(
    module: ExtractionModule, keeper: Keeper, batches: tuple[EpochBatches, EpochBatches], *, device: str
) -> None:
    """Train until the epochs, the time or the patience are over.

    Args:
        module: what to train.
        keeper: writes the results down after each epoch.
        batches: of training and of validation.
        device: "auto", "cpu", "cuda" or "cuda:1".

    Raises:
        ConfigError: the device is not there.
        KeyboardInterrupt: the user stopped it.
    """
    config = module.config
    accelerator, devices = _devices(device)
    precision = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[config.precision]
    with _quiet(), using_threads(config.threads):
        trainer = lightning.Trainer(
            accelerator=accelerator,
            devices=devices,
            max_epochs=config.optimiser.epochs - module.progress.epochs,
            precision=precision,  # type: ignore[arg-type]
            gradient_clip_val=config.optimiser.gradient_clip,
            callbacks=[keeper],
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        try:
            trainer.fit(module, train_dataloaders=batches[0], val_dataloaders=batches[1])
        except SystemExit as error:
            # Lightning leaves by sys.exit when it is interrupted, with Ctrl+C switched off.
            raise KeyboardInterrupt from error


def _devices(device: str) -> tuple[str, int | list[int]]:
    """Lightning's words for a torch device.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return "cpu", 1
    index = int(number) if number.isdigit() else 0
    if kind != "cuda" or index >= torch.cuda.device_count():
        raise ConfigError(
            f"device {device!r} is not available (allowed: auto, cpu, and cuda with "
            f"{torch.cuda.device_count()} devices here)"
        )
    return "gpu", [index]


@contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Torch's arithmetic on `count` CPU threads; its own choice if None."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advertisements and its advice on things that are meant as they are."""
    chatter = logging.getLogger("pytorch_lightning")
    level = chatter.level
    handler = signal.getsignal(signal.SIGINT) if _in_main_thread() else None
    chatter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in _ADVICE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        chatter.setLevel(level)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
