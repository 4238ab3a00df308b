"""The parts of an extraction for each query of its batch: checked, and on their way to the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...core.text import safe_text, type_name, visible
from ...systems.protocol import Extraction, QueryBatch, SystemCard, activity_frames, far_too_long, wrong_length
from .plain_tensors import to_cpu


def failure_reasons(extraction: Extraction, batch: QueryBatch) -> dict[str, str]:
    """Safe texts of an answer's failures by query id; None is no failure.

    Raises:
        TypeError: they are no mapping.
        ValueError: one names no query of the batch, so that the trial that failed would count as answered.
    """
    given: object = extraction.failures
    if not isinstance(given, Mapping):
        raise TypeError(f"failures is of type {type_name(given)}, not a mapping")
    if strays := [key for key in given if not (isinstance(key, str) and key in batch.ids)]:
        problem = f"failures names {len(strays)} unknown ids, first {safe_text(strays[0], 60)!r}"
        raise ValueError(f"{problem} of type {type_name(strays[0])}; its keys are ids of the batch's queries")
    return {str.__str__(key): safe_text(reason) for key, reason in given.items() if reason is not None}


def estimates_of(extraction: Extraction, batch: QueryBatch) -> Tensor | list[Tensor | str]:
    """Estimates on their way to the CPU; a text says why not.

    They are one [T_b] or [C, T_b] for each query, or all [B, T] or [B, C, T], padded, with the C channels of the
    mixture where it has several.
    """
    size, channels, length = batch.mixture.shape
    estimate = extraction.estimate
    if not isinstance(estimate, Tensor):
        if len(estimate) != size:
            raise ValueError(f"{len(estimate)} estimates for {size} queries")
        lengths, rate_hz = batch.lengths.tolist(), batch.sample_rate_hz
        return [_to_cpu_unless_long(row, length, rate_hz) for row, length in zip(estimate, lengths, strict=True)]
    of_all = channels > 1 and estimate.shape == (size, channels, length)
    if estimate.shape != (size, length) and not of_all:
        raise ValueError(f"estimate has shape {list(estimate.shape)}, not {[size, length]}")
    return to_cpu(estimate)


def _to_cpu_unless_long(estimate: object, length: int, sample_rate_hz: int) -> Tensor | str:
    if isinstance(estimate, Tensor) and far_too_long(estimate.numel(), length, sample_rate_hz):
        return wrong_length(estimate.numel(), length)
    return to_cpu(estimate)


def gpus_of(extraction: Extraction) -> set[torch.device]:
    """Devices from which copies to the CPU may be under way."""
    rows = extraction.estimate
    found = [*([rows] if isinstance(rows, Tensor) else rows), extraction.class_probabilities, extraction.activity]
    found += [each.signal for outputs in extraction.outputs or () for each in outputs]
    return {tensor.device for tensor in found if tensor is not None and tensor.is_cuda}


def probabilities_of(extraction: Extraction, size: int, card: SystemCard) -> Sequence[Tensor | None]:
    """Class probabilities [K] of each query, on the CPU, or None."""
    given = extraction.class_probabilities
    if given is None:
        return [None] * size
    wanted, shape = [size, len(card.classes or ())], list(given.shape)
    if shape != wanted:
        problem = f"class_probabilities have shape {shape}, not {wanted}"
        raise ValueError(f"{problem}: one for each query and class of the card")
    return list(to_cpu(given))


def activities_of(extraction: Extraction, batch: QueryBatch) -> Sequence[Tensor | None]:
    """Activity [K_b] of each query, on the CPU, or None."""
    given, rate_hz = extraction.activity, batch.sample_rate_hz
    size, _, length = batch.mixture.shape
    if given is None:
        return [None] * size
    wanted, shape = [size, activity_frames(length, rate_hz)], list(given.shape)
    if shape != wanted:
        raise ValueError(f"activity has shape {shape}, not {wanted}: one for each query and 10 ms of the mixture")
    counts = [activity_frames(own, rate_hz) for own in batch.lengths.tolist()]
    return [row[:count] for row, count in zip(to_cpu(given), counts, strict=True)]


def transcripts_of(extraction: Extraction, size: int) -> Sequence[str | None]:
    """Recognised words of each query, or None, with control characters made visible."""
    given: Sequence[object] | None = extraction.transcripts  # by third-party code
    if given is None:
        return [None] * size
    if len(given) != size:
        raise ValueError(f"{len(given)} transcripts for {size} queries: give one for each, or None")
    return [None if words is None else visible(_text(words)) for words in given]


def _text(words: object) -> str:
    if not isinstance(words, str):
        raise TypeError(f"a transcript is of type {type_name(words)}, not str")
    return words
