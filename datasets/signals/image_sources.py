"""Impulse responses from a source to microphones: free field, or the image sources of a room.

A wall acts like a mirror image of the source behind it whose sound pressure is multiplied by the wall's reflection
(J. B. Allen and D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 65(4), 1979). An
image at distance r arrives r / c later and 1 / r as loud. All responses of a source are relative to the direct path to
the reference microphone, which is the unit impulse at delay 0: the level of a source is its level there, and in the
open the reference channel is the recording itself. Delays between samples are kept, by sinc kernels with a Hann window
of 65 samples; up to 0.9 of the Nyquist frequency their error is below -50 dB.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..microphones import Microphones, Position
from .mixing import Samples

SPEED_OF_SOUND_M_S = 343.0
_HALF = 32  # samples of a kernel on either side of its middle


def at_microphones(samples: Samples, responses: NDArray[np.float64], centre: int) -> Samples:
    """A signal [T] at every microphone, [C, T]; what sounds after T is cut."""
    from scipy.signal import fftconvolve  # noqa: PLC0415 - slow to import, and few sets have microphones

    whole = fftconvolve(samples[None].astype(np.float64), responses, axes=-1)
    return np.asarray(whole[:, centre : centre + len(samples)], dtype=np.float32)


@lru_cache(maxsize=64)
def impulse_responses(
    microphones: Microphones, position_m: Position, *, reference: int, sample_rate_hz: int
) -> tuple[NDArray[np.float64], int]:
    """Responses [C, L] from a position to all microphones, and the sample of delay 0 in them."""
    places, gains = _images(microphones, np.array(position_m))
    distances = np.linalg.norm(places[None] - np.array(microphones.positions_m)[:, None], axis=-1)  # [C, images]
    direct_m = float(np.linalg.norm(np.array(position_m) - np.array(microphones.positions_m[reference])))
    delays = (distances - direct_m) * (sample_rate_hz / SPEED_OF_SOUND_M_S)
    centre = _HALF + int(np.ceil(max(0.0, -float(delays.min()))))
    length = centre + int(np.ceil(float(delays.max()))) + _HALF + 1
    amplitudes = gains[None] * (direct_m / distances)
    return np.stack([_impulses(d + centre, a, length) for d, a in zip(delays, amplitudes, strict=True)]), centre


def _images(microphones: Microphones, source: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places [images, 3] of a source and its images, and the product of reflections of each."""
    order = microphones.order
    if microphones.room_m is None or order == 0:
        return source[None], np.ones(1)
    # Along an axis of length L, image n of the source lies at n L + (L − s) if n is odd, else at n L + s, behind |n|
    # walls.
    axis = np.arange(-order, order + 1)
    per_axis = [
        axis * length + np.where(axis % 2, length - place, place)
        for place, length in zip(source, microphones.room_m, strict=True)
    ]
    chosen = np.array([n for n in product(range(len(axis)), repeat=3) if sum(abs(axis[i]) for i in n) <= order])
    places = np.stack([values[chosen[:, i]] for i, values in enumerate(per_axis)], axis=-1)
    return places, microphones.reflection ** np.abs(axis[chosen]).sum(axis=-1)


def _impulses(delays: NDArray[np.float64], amplitudes: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Sum [length] of impulses at delays in samples, between samples too."""
    whole = np.floor(delays).astype(np.int64)
    taps = np.arange(-_HALF, _HALF + 1)
    distance = taps[None] - (delays - whole)[:, None]
    kernels = np.sinc(distance) * np.cos(0.5 * np.pi * distance / (_HALF + 1)) ** 2
    places = np.minimum(whole[:, None] + taps[None], length - 1)
    weights = (amplitudes[:, None] * kernels).ravel()
    return np.bincount(places.ravel(), weights=weights, minlength=length).astype(np.float64)
