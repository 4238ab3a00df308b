"""What a renderer is: a function from a recipe to its signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.registry import Registry
from ..types import Mixture
from .corpus import Corpora

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A mixture's signals: `sources` [S, T] in the recipe's order, and their sum `mixture` [T].

    Auxiliary sources are among `sources`, whatever their length is, cut or padded to T.
    `auxiliary` holds them as they are, by source id, if the renderer keeps them whole.
    """

    sources: Samples
    mixture: Samples
    auxiliary: Mapping[str, Samples] = field(default_factory=dict)


Renderer = Callable[[Mixture, Corpora], Rendered]
"""Renders a recipe; the same recipe gives the same samples, on any machine and in any order."""

RENDERERS: Registry[Renderer] = Registry(
    "renderer", package="tsebench.datasets.renderers", group="tsebench.renderers"
)
