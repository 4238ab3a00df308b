"""One signal through one system, as a run does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ...core.errors import ConfigError, ExtractionError, listed
from ...core.provenance import resolve_device
from ...datasets.activity import joined
from ...datasets.signals.arrays import Signal, samples_of
from ...datasets.types import Clues, Query, Truth
from ...systems.protocol import LENGTH_TOLERANCE_S, AnySystem, PrivilegedSystem
from ...systems.registry import load_system
from ..given import system_of
from .ask import Inference, is_signal
from .batching import Item


def extract(
    system: str | AnySystem | Any,
    mixture: Signal | Query,
    sample_rate_hz: int | None = None,
    *,
    enrollment: Signal | Sequence[Signal] | None = None,
    classes: str | Iterable[str] = (),
    text: str | None = None,
    negative_text: str | None = None,
    video: ArrayLike | None = None,
    video_fps: float | None = None,
    activity: Iterable[tuple[float, float]] | None = None,
    reference_channel: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> NDArray[np.float32]:
    """Extract one signal from a mixture; it is resampled to the system's rate and back, as in a run.

    Args:
        system: a loaded system, an object with `extract(batch)`, or a registered name.
        mixture: samples [T] or [C, T] (C channels) with full scale ±1, or an audio file; or a query of a dataset, with
            its clues and rate.
        sample_rate_hz: of all arrays; files have their own.
        enrollment: a recording of the wanted speaker or sound, or several; mono, an array or a file.
        classes: names of the wanted sound classes, or one name.
        text: description of the wanted sound.
        negative_text: description of sounds that are not wanted, in addition to `text`, for systems that use it.
        video: [F, H, W] in 0..1, grey: lips of the wanted speaker.
        video_fps: pictures per second of the video.
        activity: when the wanted speaker speaks, (start, end) in s from the beginning of the mixture.
        reference_channel: of a mixture with several channels the one that the estimate is of, from 0.
        seed: of a system that draws its answers at random; a query of a dataset has its own.
        device: of the system: "cpu", "cuda", "auto", ...

    Returns:
        Estimate [T] at the mixture's rate, float32.

    Raises:
        ConfigError: something is no system or no signal, or the clue that the system uses is missing.
        AudioError: a file cannot be read.
        ExtractionError: the system cannot answer, or gave no signal of the mixture's length.
    """
    return extract_all(
        system,
        mixture,
        sample_rate_hz,
        enrollment=enrollment,
        classes=classes,
        text=text,
        negative_text=negative_text,
        video=video,
        video_fps=video_fps,
        activity=activity,
        reference_channel=reference_channel,
        seed=seed,
        device=device,
    ).estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedSignal:
    """All that a system answers to one mixture.

    Attributes:
        estimate: [T] float32 at the mixture's rate.
        channels: [C, T] the same at all channels of the mixture, of systems that give them.
        outputs: label and samples [T] of each sound, of systems that give labelled outputs; () if there is none.
        transcript: recognised words, of systems that recognise speech.
        activity: [K] probability that the enrolled speaker speaks in each 10 ms, of systems that find it.
        class_probabilities: by class, of systems that classify.
    """

    estimate: NDArray[np.float32]
    channels: NDArray[np.float32] | None = None
    outputs: tuple[tuple[str, NDArray[np.float32]], ...] = ()
    transcript: str | None = None
    activity: NDArray[np.float32] | None = None
    class_probabilities: Mapping[str, float] | None = None


def extract_all(
    system: str | AnySystem | Any,
    mixture: Signal | Query,
    sample_rate_hz: int | None = None,
    *,
    enrollment: Signal | Sequence[Signal] | None = None,
    classes: str | Iterable[str] = (),
    text: str | None = None,
    negative_text: str | None = None,
    video: ArrayLike | None = None,
    video_fps: float | None = None,
    activity: Iterable[tuple[float, float]] | None = None,
    reference_channel: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> ExtractedSignal:
    """Extract one signal from a mixture, with all else that the system answers to it.

    Arguments are those of `extract`, which gives the estimate alone.

    Returns:
        The estimate, labelled outputs, words, activity, classes and channels, as far as the system gives them.

    Raises:
        ConfigError: something is no system or no signal, or the clue that the system uses is missing.
        AudioError: a file cannot be read.
        ExtractionError: the system cannot answer, or gave no signal of the mixture's length.
    """
    device = resolve_device(device)
    opened = opened_system(system, device)
    if isinstance(mixture, Query):
        _check_clues(mixture.clues, opened)
        return _answer(opened, mixture, device)
    samples, rate = samples_of(mixture, "mixture", sample_rate_hz)
    clues = Clues(
        enrollments=tuple(_enrollment(each, sample_rate_hz, rate) for each in _several(enrollment)),
        classes=(classes,) if isinstance(classes, str) else tuple(classes),
        text=text,
        negative_text=negative_text,
        video=None if video is None else torch.as_tensor(np.asarray(video), dtype=torch.float32),
        video_fps=video_fps,
        activity=None if activity is None else joined(activity),
    )
    _check_clues(clues, opened)
    if not 0 <= reference_channel < len(samples):
        raise ConfigError(f"reference_channel = {reference_channel}; the mixture has channels 0 to {len(samples) - 1}")
    query = Query(
        id="query",
        mixture=torch.from_numpy(samples),
        sample_rate_hz=rate,
        clues=clues,
        seed=seed,
        reference_channel=reference_channel,
    )
    return _answer(opened, query, device)


def opened_system(system: str | AnySystem | Any, device: str) -> AnySystem:
    """The system, built if a name is given.

    Raises:
        ConfigError: it is no system, or an oracle.
    """
    opened = load_system(system, device=device) if isinstance(system, str) else system_of(system)
    if isinstance(opened, PrivilegedSystem):
        raise ConfigError(
            f"system {opened.card.name!r} reads the truth, and a mixture alone has none; evaluate it on a dataset"
        )
    return opened


def _answer(system: AnySystem, query: Query, device: str) -> ExtractedSignal:
    no_truth = Truth(
        target=None, interferers=torch.zeros(0, query.mixture.shape[-1]), active_classes=(), transcript=None
    )
    item = Item(index=0, query=query, truth=no_truth)
    answer = Inference(system, device=device, batch_size=1).begin([item]).finish()[0]
    name, estimate = system.card.name, answer.estimate
    if estimate is None:
        raise ExtractionError(f"system {name!r} gives no estimate: {answer.failure}")
    if not is_signal(estimate):
        raise ExtractionError(
            f"system {name!r} gives an estimate that is no finite signal, of shape {[*estimate.shape]}"
        )
    length = item.length
    if abs(len(estimate) - length) >= LENGTH_TOLERANCE_S * query.sample_rate_hz:
        raise ExtractionError(f"system {name!r} gives {len(estimate)} samples for a mixture of {length}")
    classes = dict(zip(system.card.classes or (), _numbers(answer.class_probabilities), strict=False))
    return ExtractedSignal(
        estimate=_fitted(estimate, length),
        channels=None if answer.channels is None else _fitted(answer.channels, length),
        outputs=tuple((each.label, _fitted(each.signal, length)) for each in answer.outputs or ()),
        transcript=answer.transcript,
        activity=None if answer.activity is None else answer.activity.float().numpy(),
        class_probabilities=classes or None,
    )


def _numbers(values: torch.Tensor | None) -> list[float]:
    return [] if values is None else [float(value) for value in values]


def _fitted(signal: torch.Tensor, length: int) -> NDArray[np.float32]:
    """A signal [..., T] cut or padded with zeros to a length."""
    fitted = np.zeros((*signal.shape[:-1], length), dtype=np.float32)
    fitted[..., : signal.shape[-1]] = signal[..., :length].numpy()
    return fitted


def _check_clues(clues: Clues, system: AnySystem) -> None:
    """Check that there is a clue that the system uses, and that it knows the classes."""
    card = system.card
    if card.clues and not card.clues & clues.kinds():
        wanted = " or ".join(f"{kind}=" for kind in sorted(card.clues))
        raise ConfigError(f"system {card.name!r} needs a clue: add {wanted}")
    unknown = sorted(set(clues.classes) - set(card.classes)) if card.classes is not None else []
    if unknown and "classes" in card.clues:
        raise ConfigError(
            f"system {card.name!r} does not know class {unknown[0]!r} (known: {listed(card.classes or ())})"
        )


def _enrollment(signal: Signal, sample_rate_hz: int | None, at_hz: int) -> torch.Tensor:
    """A mono recording [T] at the mixture's rate."""
    own = None if isinstance(signal, str) or hasattr(signal, "open") else sample_rate_hz or at_hz
    samples, _ = samples_of(signal, "enrollment", own, at_hz=at_hz)
    if len(samples) > 1:
        raise ConfigError(f"the enrollment has {len(samples)} channels where mono is needed; give one of them")
    return torch.from_numpy(samples[0])


def _several(enrollment: Signal | Sequence[Signal] | None) -> Sequence[Signal]:
    """One recording or several, as several."""
    if enrollment is None:
        return ()
    if isinstance(enrollment, list | tuple) and enrollment and not isinstance(enrollment[0], int | float):
        return enrollment
    return (enrollment,)  # type: ignore[return-value]
