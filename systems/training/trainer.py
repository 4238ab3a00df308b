"""Lightning's trainer on one device, with batches and files of our own, and without its messages."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytorch_lightning as lightning
import torch

from ...core.provenance import resolve_device
from .data import EpochBatches
from .lightning_module import ExtractionModule

# Starts of the warnings that Lightning gives for intended settings.
_ADVICE = (
    # Lightning calls torch in a way that newer versions of torch deprecate.
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    # `device="cpu"` on a machine with a GPU.
    r"GPU available but not used",
    # Batches come from threads of our own.
    r"The '\w+' does not have many workers",
    # The log is written after each epoch, not by Lightning.
    r"The number of training batches",
)


def fit(
    module: ExtractionModule,
    batches: tuple[EpochBatches, EpochBatches],
    *,
    callbacks: Sequence[lightning.Callback],
    device: str,
) -> None:
    """Train until the limit of epochs, time or patience is reached, on batches of training and of validation.

    Raises:
        ConfigError: the device is not available.
        KeyboardInterrupt: the user stopped it.
    """
    config = module.config
    kind, _, number = resolve_device(device).partition(":")
    on_gpu = kind == "cuda"
    precision = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[config.precision]
    with _quiet(), using_threads(config.threads):
        trainer = lightning.Trainer(
            accelerator="gpu" if on_gpu else "cpu",
            devices=[int(number or 0)] if on_gpu else 1,
            max_epochs=config.optimiser.epochs - module.progress.epochs,
            precision=precision,  # type: ignore[arg-type]
            gradient_clip_val=config.optimiser.gradient_clip,
            callbacks=list(callbacks),
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
    """Silence Lightning's log and advice; restore Ctrl+C, which it replaces."""
    log = logging.getLogger("pytorch_lightning")
    level = log.level
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if in_main_thread else None
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in _ADVICE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        log.setLevel(level)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
