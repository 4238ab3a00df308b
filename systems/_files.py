"""Estimates that were made elsewhere: reading, checking and hashing the files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..datasets import audio
from ..datasets.audio import Samples
from ..errors import AudioError, ExtractionError

_LOG = logging.getLogger(__name__)
_MS_TRIMMED = 10


def read_estimate(
    path: Path, *, length: int, sample_rate_hz: int, resample: bool = False
) -> Samples:
    """The mono estimate of one query, at the query's rate and length.

    Args:
        path: any file that libsndfile knows.
        length: samples of the query's mixture.
        sample_rate_hz: rate of the query.
        resample: convert a file of another rate instead of refusing it.

    Returns:
        float32 [length].

    Raises:
        ExtractionError: the file is missing, corrupt, not mono, not finite, or of another rate or
            length; the message starts with `missing:`, `audio:`, `channels:`, `sample_rate:` or
            `length:`.
    """
    if not path.is_file():
        raise ExtractionError(f"missing: no file {str(path)!r}; write the estimate there")
    try:
        header = audio.info(path)
        if header.channels != 1:
            raise ExtractionError(
                f"channels: {str(path)!r} has {header.channels} channels; an estimate has one"
            )
        if header.sample_rate_hz != sample_rate_hz and not resample:
            raise ExtractionError(
                f"sample_rate: {str(path)!r} is at {header.sample_rate_hz} Hz and the query at "
                f"{sample_rate_hz} Hz; write the estimate at the query's rate"
            )
        samples, rate = audio.read_mono(path)
    except AudioError as error:
        raise ExtractionError(f"audio: {error}") from None
    samples = audio.resample(samples, from_hz=rate, to_hz=sample_rate_hz)
    return fit_length(samples, length=length, sample_rate_hz=sample_rate_hz)


def fit_length(samples: Samples, *, length: int, sample_rate_hz: int) -> Samples:
    """Trim or pad with zeros an estimate [T] that is off by less than 10 ms.

    Returns:
        float32 [length].

    Raises:
        ExtractionError: it is off by 10 ms or more; the message starts with `length:`.
    """
    excess = len(samples) - length
    if abs(excess) * 1000 >= _MS_TRIMMED * sample_rate_hz:
        raise ExtractionError(
            f"length: the estimate has {len(samples)} samples and the query {length} "
            f"({1000 * excess / sample_rate_hz:+.1f} ms); less than {_MS_TRIMMED} ms is allowed"
        )
    if excess:
        _LOG.info("an estimate is off by %+d samples and was trimmed or padded", excess)
    return np.pad(samples[:length], (0, max(0, -excess)))


def sha256_of(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) of the contents of files, in the order given; names do not count.

    Raises:
        OSError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
