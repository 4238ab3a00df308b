"""Protocol of renderers, which turn a recipe into its signals, and their optional companions.

Companions are registered under the renderer's name: official file names, other files, one source alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.registry import Registry
from ..types import Mixture
from .corpus import Corpora, Samples

if TYPE_CHECKING:
    from ..manifest import DatasetCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A mixture's signals: `sources` [S, T] in the recipe's order, and their sum `mixture` [T].

    Auxiliary sources are among `sources`, cut or padded to T, and not in the sum; `auxiliary` holds them with their own
    length, by source id, if the renderer has it. Of a recipe with several channels these are the reference channel,
    `all_sources` [S, C, T] and `all_channels` [C, T] the whole.
    """

    sources: Samples
    mixture: Samples
    auxiliary: Mapping[str, Samples] = field(default_factory=dict)
    all_sources: Samples | None = None
    all_channels: Samples | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the signals."""
        if self.all_sources is None or self.all_channels is None:
            return self.sources.nbytes + self.mixture.nbytes
        return self.all_sources.nbytes + self.all_channels.nbytes


def of_channels(recipe: Mixture, sources: Samples, mixture: Samples, auxiliary: Mapping[str, Samples]) -> Rendered:
    """The signals of a recipe with several channels, from `sources` [S, C, T] and `mixture` [C, T]."""
    return Rendered(
        sources=sources[:, recipe.reference_channel],
        mixture=mixture[recipe.reference_channel],
        auxiliary=auxiliary,
        all_sources=sources,
        all_channels=mixture,
    )


Renderer = Callable[[Mixture, Corpora], Rendered]
"""Renders a recipe; the same recipe gives the same samples, on any machine and in any order."""

RENDERERS: Registry[Renderer] = Registry("renderer", package="tsebench.datasets.renderers", group="tsebench.renderers")

Tree = Callable[["DatasetCard", Mixture, str], str]
"""Relative path of a signal ("mixture", or a source id) in the tree of the set's official script."""

SourceRenderer = Callable[[Mixture, str, Corpora], Samples]
"""Renders one source [T] of a recipe, by its id, with the same samples as in the whole mixture."""

Sidecars = Callable[[Mixture, Corpora], Mapping[str, bytes]]
"""Further files that the official script writes for a mixture: contents by relative path."""

TREES: Registry[Tree] = Registry("tree", package="tsebench.datasets.renderers", group="tsebench.trees")
SOURCE_RENDERERS: Registry[SourceRenderer] = Registry(
    "source renderer", package="tsebench.datasets.renderers", group="tsebench.source_renderers"
)
SIDECARS: Registry[Sidecars] = Registry("sidecar", package="tsebench.datasets.renderers", group="tsebench.sidecars")


def signal_path(card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """Relative path of a signal: in the official tree, or else `<signal>/<mixture>.wav`."""
    if mixture.renderer in TREES:
        return TREES.get(mixture.renderer)(card, mixture, signal)
    return f"{signal}/{mixture.id}.wav"


def in_mixture(mixture: Mixture) -> NDArray[np.bool_]:
    """Mask [S] of the sources that are in the mixture, that is all but auxiliary ones."""
    return np.array([source.role != "auxiliary" for source in mixture.sources])
