"""Estimates in audio files of other programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import NO_SPACE, AudioError, ExtractionError
from ...datasets.signals import audio, audio_kinds
from ...datasets.signals.audio import Samples
from ..protocol import Extraction, far_too_long


def extract_each(ids: Sequence[str], read: Callable[[str], Samples], *, device: str) -> Extraction:
    """Answer queries one by one with `read` (id to [T_b] or [C, T_b]); an ExtractionError fails only its own query."""
    estimates: list[Tensor] = []
    failures: dict[str, str] = {}
    for query_id in ids:
        try:
            estimates.append(torch.from_numpy(read(query_id)).to(device))
        except ExtractionError as error:
            estimates.append(torch.zeros(0, device=device))
            failures[query_id] = str(error)
    return Extraction(estimate=estimates, failures=failures)


def read_estimate(
    path: Path, *, sample_rate_hz: int, length: int, resample: bool = False, channels: int = 1
) -> Samples:
    """Read the estimate of one query, at the query's rate and otherwise unchanged.

    Args:
        path: any file that libsndfile reads.
        length: samples of the query; a file that is far longer is not decoded.
        resample: convert a file of another rate instead of refusing it.
        channels: of the mixture; a file has as many, or one.

    Returns:
        float32 [T], or [C, T] of a file with several channels, of any length; it may hold NaN or inf.

    Raises:
        ExtractionError: the file is missing, corrupt, empty, of another rate or number of channels, or far too long;
            the message starts with `missing:`, `audio:`, `channels:`, `sample_rate:` or `length:`.
    """
    if not path.is_file():
        raise ExtractionError(
            f"missing: no file {str(path)!r}{audio_kinds.why_missing(path)}; write the estimate there"
        )
    try:
        header = audio.info(path)
        if header.channels not in (1, channels):
            wanted_channels = "one" if channels == 1 else f"one, or the {channels} of its mixture"
            raise ExtractionError(
                f"channels: {str(path)!r} has {header.channels} channels; an estimate has {wanted_channels}"
            )
        if header.sample_rate_hz != sample_rate_hz and not resample:
            raise ExtractionError(
                f"sample_rate: {str(path)!r} is at {header.sample_rate_hz} Hz and the query at "
                f"{sample_rate_hz} Hz; write the estimate at the query's rate"
            )
        wanted = -(-length * header.sample_rate_hz // sample_rate_hz)
        if far_too_long(header.frames, wanted, header.sample_rate_hz):
            raise ExtractionError(
                f"length: {str(path)!r} has {header.frames} samples at {header.sample_rate_hz} Hz and the query "
                f"{length} at {sample_rate_hz} Hz; write an estimate as long as the query"
            )
        samples, rate = audio.read(path, finite=False)
        samples = samples if len(samples) > 1 else samples[0]
    except AudioError as error:
        raise ExtractionError(f"audio: {error}") from None
    return audio.resample(samples, from_hz=rate, to_hz=sample_rate_hz)


@contextmanager
def without_folder(folder: Path) -> Iterator[None]:
    """Remove the path of a folder from errors, so that reasons are the same on every machine."""
    try:
        yield
    except ExtractionError as error:
        raise ExtractionError(str(error).replace(f"{folder}{os.sep}", "")) from None


@contextmanager
def naming_full_disk(folder: Path, *, needed_bytes: int) -> Iterator[None]:
    """Give a failure inside the reason `no_space` where the folder's disk has less room than the files need.

    Args:
        folder: of the files that are written inside.
        needed_bytes: size of the largest of them.

    Raises:
        ExtractionError: something failed, and there is no room; the message starts with `no_space:`. With enough room
            the failure stays as it is.
    """
    try:
        yield
    except (AudioError, ExtractionError, OSError) as error:
        free = shutil.disk_usage(folder).free
        if free >= needed_bytes:
            raise
        raise ExtractionError(
            f"{NO_SPACE}: {str(folder.parent)!r} has {free} bytes left, and {needed_bytes} are needed; make room, or "
            f"set TMPDIR to another folder ({error})"
        ) from None
