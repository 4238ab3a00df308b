"""Random generators that depend on names alone, never on the order of work or of a listing."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def digest(*parts: str | int) -> str:
    """SHA-256 (hex) of a sequence of names; ("a", "bc") and ("ab", "c") differ."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def generator(*parts: str | int) -> np.random.Generator:
    """A PCG64 generator seeded by SHA-256 of the parts."""
    return np.random.Generator(np.random.PCG64(int(digest(*parts), 16)))


def sample_seed(fingerprint: str, trial_id: str, sample: int) -> int:
    """Seed of one sample of a stochastic system's answer, 0 ≤ seed < 2⁶³.

    It depends on the data set, the trial and the number of the sample alone: not on the batch, the order of the work or
    the system, so that systems are compared with common random numbers.

    Args:
        fingerprint: of the data set.
        sample: number of the sample, from 0.
    """
    return int(digest("sample", fingerprint, trial_id, sample), 16) >> 193
