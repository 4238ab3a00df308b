"""Grey pictures of talking mouths, drawn from their shapes; edges are anti-aliased.

A face is a plane with lips, teeth, tongue, the shadows of nose and chin, and a skin of its own. The frame is the square
−1..1 in both directions, y down, and the mouth is in its middle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...protocols.corpus import Pictures
from .mouth_shapes import Track

Plane = NDArray[np.float64]
Grain = NDArray[np.int8]

_WAVES = 3
_DARK, _TONGUE = 0.1, 0.36
_GRAIN = 2  # grey levels of noise, of 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Face of one speaker; lengths in half sides of the frame, greys in 0..1.

    Attributes:
        width: half the width of the mouth at rest.
        jaw: height of the widest opening.
        lips: thickness of upper and lower lip.
        light: slope of the skin's grey across the frame, along x and y.
        waves: [3, 4] amplitude, wave numbers along x and y, and phase of the skin's texture.
    """

    width: float
    jaw: float
    lips: tuple[float, float]
    skin: float
    lip_grey: float
    tooth_grey: float
    light: tuple[float, float]
    waves: Plane
    chin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Motion of the head: shift in x and y, angle in rad and scale, [F] each."""

    x: Plane
    y: Plane
    angle: Plane
    scale: Plane

    def stretch(self, start: int, stop: int) -> Motion:
        """The motion in pictures `start` to `stop`."""
        x, y, angle, scale = (whole[start:stop] for whole in (self.x, self.y, self.angle, self.scale))
        return Motion(x=x, y=y, angle=angle, scale=scale)


def draw_face(rng: Generator) -> Face:
    """A random face."""
    waves = np.column_stack(
        [rng.uniform(0.015, 0.035, _WAVES), rng.uniform(-9.0, 9.0, (_WAVES, 2)), rng.uniform(0.0, 2 * np.pi, _WAVES)]
    )
    skin = rng.uniform(0.45, 0.75)
    return Face(
        width=rng.uniform(0.5, 0.66),
        jaw=rng.uniform(0.5, 0.64),
        lips=(rng.uniform(0.11, 0.17), rng.uniform(0.15, 0.24)),
        skin=skin,
        lip_grey=skin * rng.uniform(0.6, 0.78),
        tooth_grey=rng.uniform(0.8, 0.92),
        light=(rng.uniform(-0.08, 0.08), rng.uniform(-0.08, 0.04)),
        waves=waves,
        chin=rng.uniform(0.05, 0.1),
    )


def draw_motion(rng: Generator, frames: int, fps: float) -> Motion:
    """Random motion of a head: three slow sines for each of its four degrees of freedom."""
    times_s = np.arange(frames) / fps

    def sway(size: float) -> Plane:
        rates_hz = rng.uniform(0.15, 1.0, 3)
        phases = rng.uniform(0.0, 2 * np.pi, 3)
        waves = np.sin(2 * np.pi * rates_hz[:, None] * times_s + phases[:, None])
        return np.asarray(size * waves.mean(axis=0))

    return Motion(x=sway(0.06), y=sway(0.06), angle=sway(0.06), scale=1.0 + sway(0.03))


def draw_grain(generators: Iterable[Generator], *, size: int) -> Grain:
    """Noise of a camera in grey levels [F, size, size], from one generator for each picture."""
    span = np.arange(-_GRAIN, _GRAIN + 1, dtype=np.int8)
    return np.stack([span[rng.integers(len(span), size=(size, size))] for rng in generators])


def draw_pictures(face: Face, shapes: Track, motion: Motion, grain: Grain) -> Pictures:
    """Pictures [F, H, H] of a mouth, from its shapes [F, 4] and the noise of the camera [F, H, H]."""
    size = grain.shape[-1]
    x, y = _coordinates(motion, size)
    pixel = 2.0 / size
    opening, wide, rounding, teeth = (column[:, None, None] for column in shapes.T)
    half_width = face.width * (0.8 + 0.4 * wide - 0.4 * rounding)
    gap = opening * face.jaw
    upper, lower = (thickness * (1.0 + 0.3 * rounding) for thickness in face.lips)

    outer, inner = _arch(x / half_width), _arch(x / (0.86 * half_width))
    bow = 1.0 - 0.22 * np.exp(-((x / (0.2 * half_width)) ** 2))
    # The jaw drops: the lower lip does three quarters of the opening.
    top, bottom = -0.25 * gap * inner, 0.75 * gap * inner
    lip_top = np.minimum(-(0.25 * gap + upper * bow) * outer, top)
    lip_bottom = np.maximum((0.75 * gap + lower) * outer, bottom)

    picture = _skin(face, x, y, chin=0.75 * gap + lower + 0.06)
    lips = _between(y, lip_top, lip_bottom, pixel)
    shine = np.exp(-(((y - bottom - 0.45 * lower) / (0.3 * lower)) ** 2)) * inner
    picture += lips * (face.lip_grey * (1.0 + 0.18 * shine) - picture)
    # Closed lips leave a dark line: the mouth is never thinner than a pixel or so.
    thin = 0.4 * pixel * (np.abs(x) < 0.86 * half_width)
    mouth = _between(y, top - thin, bottom + thin, pixel)
    inside = np.full_like(picture, _DARK)
    tongue = _between(y, bottom - 0.3 * gap * inner, bottom, pixel)
    inside += tongue * (_TONGUE * face.skin / 0.6 - inside)
    seen = _between(y, top, np.minimum(top + 0.16 * teeth + 0.02, bottom), pixel)
    inside += seen * np.minimum(1.0, 2.0 * teeth) * (face.tooth_grey - inside)
    picture += mouth * (inside - picture)
    return np.clip(np.rint(255.0 * picture) + grain, 0, 255).astype(np.uint8)


def _coordinates(motion: Motion, size: int) -> tuple[Plane, Plane]:
    """Coordinates x and y on the face of each pixel's middle [F, size, size]."""
    axis = (np.arange(size) + 0.5) * 2.0 / size - 1.0
    x = axis[None, None, :] - motion.x[:, None, None]
    y = axis[None, :, None] - motion.y[:, None, None]
    cos, sin = ((turn(motion.angle) / motion.scale)[:, None, None] for turn in (np.cos, np.sin))
    return cos * x + sin * y, cos * y - sin * x


def _arch(p: Plane) -> Plane:
    """Outline of a lip over its width: (1 − p²)^0.75 within −1..1, else 0."""
    root = np.sqrt(np.clip(1.0 - p * p, 0.0, None))
    return np.asarray(root * np.sqrt(root))


def _between(y: Plane, top: Plane, bottom: Plane, pixel: float) -> Plane:
    """Share of each pixel between two curves, 0..1."""
    above, below = (np.clip(edge / pixel + 0.5, 0.0, 1.0) for edge in (y - top, bottom - y))
    return np.asarray(np.clip(above + below - 1.0, 0.0, 1.0))


def _skin(face: Face, x: Plane, y: Plane, *, chin: Plane) -> Plane:
    """Skin with its texture, the shadows of the nostrils, and of the lower lip at height `chin`."""
    grey = face.skin + face.light[0] * x + face.light[1] * y
    for amplitude, along_x, along_y, phase in face.waves:
        grey += amplitude * np.sin(along_x * x + along_y * y + phase)
    for side in (-0.16, 0.16):
        grey -= 0.3 * face.skin * np.exp(-(((x - side) / 0.1) ** 2) - ((y + 0.88) / 0.08) ** 2)
    shadow = np.exp(-(((y - chin) / face.chin) ** 2) - (x / 0.35) ** 2)
    return np.asarray(grey - 0.3 * face.skin * shadow)
