"""A video whose pictures show their own number."""

from __future__ import annotations

import numpy as np

from tsebench.reports.site.films import LipFilm

FPS, COUNT = 25.0, 50


def growing() -> LipFilm:
    """Pictures that grow brighter from one to the next."""
    shades = np.linspace(20, 235, COUNT).astype(np.uint8)
    return LipFilm(pictures=np.broadcast_to(shades[:, None, None], (COUNT, 64, 64)).copy(), fps=FPS)
