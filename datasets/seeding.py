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
