"""Protocol of renderers, which turn a recipe into its signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.registry import Registry
from ..types import Mixture
from .corpus import Corpora, Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A mixture's signals: `sources` [S, T] in the recipe's order, and their sum `mixture` [T].

    Auxiliary sources are among `sources`, cut or padded to T, and not in the sum; `auxiliary` holds them
    with their own length, by source id, if the renderer has it.
    """

    sources: Samples
    mixture: Samples
    auxiliary: Mapping[str, Samples] = field(default_factory=dict)


Renderer = Callable[[Mixture, Corpora], Rendered]
"""Renders a recipe; the same recipe gives the same samples, on any machine and in any order."""

RENDERERS: Registry[Renderer] = Registry(
    "renderer", package="tsebench.datasets.renderers", group="tsebench.renderers"
)


def in_mixture(mixture: Mixture) -> NDArray[np.bool_]:
    """Mask [S] of the sources that are in the mixture, that is all but auxiliary ones."""
    return np.array([source.role != "auxiliary" for source in mixture.sources])
