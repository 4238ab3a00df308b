"""Loudness of many clips, fast: what pyloudnorm measures (ITU-R BS.1770-4), in one pass.

pyloudnorm runs one filter after the other and each gating block by itself, and switches warnings off, which only one
thread may do at a time; of the time that a mixture takes this was the half.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyloudnorm import IIRfilter
from scipy.signal import sosfilt

from ...signals.mixing import LUFS_FLOOR

Samples = NDArray[np.float32]

_SHORTEST_S = 0.5
_BLOCK_S = 0.4
_STEP = 0.25
_OFFSET = -0.691
_GATE_LU = -10.0


def loudness(samples: Samples, sample_rate_hz: int) -> float:
    """Integrated loudness of [T] in LUFS, at least −70.

    A signal under 0.5 s is repeated whole until it is that long, as Scaper does.
    """
    copies = int(np.ceil(_SHORTEST_S * sample_rate_hz / len(samples)))
    tiled = np.tile(samples, copies) if copies > 1 else samples
    powers = _block_powers(tiled, sample_rate_hz)
    # Equations 4 to 7: blocks above −70 LUFS set the relative gate, and those above both count.
    loud = powers[powers >= _power(LUFS_FLOOR)]
    if not loud.size:
        return LUFS_FLOOR
    gate = max(float(loud.mean()) * 10.0 ** (_GATE_LU / 10.0), _power(LUFS_FLOOR))
    gated = powers[powers > gate]
    if not gated.size:
        return LUFS_FLOOR
    return max(_OFFSET + 10.0 * float(np.log10(gated.mean())), LUFS_FLOOR)


def _block_powers(samples: Samples, sample_rate_hz: int) -> NDArray[np.float64]:
    """Mean squares of the weighted signal in blocks of 400 ms, a quarter of a block apart."""
    weighted = sosfilt(_weighting(sample_rate_hz), samples)  # in float64, as the sections are
    np.square(weighted, out=weighted)
    edges, places = _edges(len(samples), sample_rate_hz)
    energy = np.zeros(len(edges) + 1)
    np.cumsum(np.add.reduceat(weighted, edges), out=energy[1:])
    starts, stops = energy[places]
    powers: NDArray[np.float64] = (stops - starts) / (_BLOCK_S * sample_rate_hz)
    return powers


@lru_cache(maxsize=512)
def _edges(length: int, sample_rate_hz: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and stops of gating blocks.

    Returns:
        Edges between which energy is summed up once, though blocks overlap; and numbers of the edges where the blocks
        [2, N] start and stop.
    """
    seconds = length / sample_rate_hz
    blocks = np.arange(int(np.round((seconds - _BLOCK_S) / (_BLOCK_S * _STEP)) + 1))
    starts = (_BLOCK_S * (blocks * _STEP) * sample_rate_hz).astype(int)
    stops = (_BLOCK_S * (blocks * _STEP + 1) * sample_rate_hz).astype(int)
    edges, places = np.unique(np.minimum([starts, stops], length), return_inverse=True)
    return edges[edges < length], places.reshape(2, -1)


@lru_cache(maxsize=8)
def _weighting(sample_rate_hz: int) -> NDArray[np.float64]:
    """K-weighting as pyloudnorm has it: a shelf and a high-pass, as second-order sections."""
    stages = (
        IIRfilter(4.0, 2.0**-0.5, 1500.0, sample_rate_hz, "high_shelf"),
        IIRfilter(0.0, 0.5, 38.0, sample_rate_hz, "high_pass"),
    )
    return np.array([[*stage.b, *stage.a] for stage in stages])


def _power(lufs: float) -> float:
    return float(10.0 ** ((lufs - _OFFSET) / 10.0))
