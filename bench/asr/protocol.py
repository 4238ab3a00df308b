"""Protocol of speech recognisers, opened by a spec such as `whisper:base.en`.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.entry_checks import call_problem
from ...core.errors import ConfigError
from ...core.registry import Registry

SAMPLE_RATE_HZ = 16000  # of all recognisers here; other rates are resampled to it


class Recogniser(Protocol):
    """Speech to text, of a fixed model with fixed settings.

    Instances pickle cheaply: they hold no model, which every process loads when it first transcribes, and keeps.
    """

    @property
    def batched(self) -> bool:
        """Whether it runs in the calling process on a device, many signals at once; else singly in worker processes."""

    def signature(self) -> str:
        """The model, its version and every setting that changes a transcript, joined by `|`."""

    def transcribe(self, signals: Sequence[NDArray[np.float32]], sample_rate_hz: int) -> list[str]:
        """Text of each signal, as the model writes it; "" where it finds no words.

        A text depends on its own signal only: not on the others, nor on earlier signals.

        Args:
            signals: mono [T_k], finite, full scale ±1, of any lengths; they are resampled with `audio.resample`.
        """


class RecogniserFactory(Protocol):
    """Makes a recogniser from what follows the scheme in a spec."""

    def __call__(self, argument: str, *, device: str, grammar: str | None, batch_size: int) -> Recogniser:
        """A recogniser that is known to work: files and packages are there and are sound.

        Args:
            argument: what follows the first colon of the spec; "" without a colon.
            device: "cpu", "cuda" or "cuda:N", for batched recognisers.
            grammar: JSGF text of all possible sentences, or None; not every recogniser uses it.
            batch_size: most windows that go through a batched model at once.

        Raises:
            ConfigError: the argument or the grammar is wrong, or a package is missing.
            CheckpointError: a model file is damaged or unsafe to load.
        """


def _problem(_: str, factory: RecogniserFactory) -> str:
    """Why a class or function makes no recogniser."""
    return call_problem(factory, positional=["argument"], keywords=["device", "grammar", "batch_size"])


RECOGNISERS: Registry[RecogniserFactory] = Registry(
    "recogniser", package="tsebench.bench.asr", group="tsebench.recognisers", check=_problem
)


def open_recogniser(
    spec: str, *, device: str, grammar: str | None = None, batch_size: int = 16, language: str = "en"
) -> Recogniser:
    """The recogniser that a spec names.

    Args:
        spec: "whisper:<size or path of a checkpoint>" or "pocketsphinx", or the scheme of a plug-in; see
            `RecogniserFactory` for the others.
        language: of the speech, a code such as "en", or "auto"; given to factories that have a parameter of that name.

    Raises:
        ConfigError: unknown scheme; and as `RecogniserFactory`.
    """
    if batch_size < 1:
        raise ConfigError(f"recogniser {spec!r}: batch_size = {batch_size}; set it to 1 or more")
    scheme, _, argument = spec.partition(":")
    factory = RECOGNISERS.get(scheme)
    more = {"language": language} if "language" in signature(factory).parameters else {}
    return factory(argument, device=device, grammar=grammar, batch_size=batch_size, **more)


def import_package(module: str, *, distribution: str) -> ModuleType:
    """Import a module of the extra `asr`; only where it is used, because it may take seconds.

    Args:
        distribution: the package it must come from; other packages use some of the names.

    Raises:
        ConfigError: it is not installed or does not import; the message names the extra.
    """
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow to import

    try:
        version(distribution)
        return import_module(module)
    except PackageNotFoundError:
        reason = "is not installed"
    except ImportError as error:
        reason = f"cannot be imported ({error})"
    raise ConfigError(f"package {distribution!r} {reason}, and word error rates need it: pip install 'tsebench[asr]'")
