"""What a renderer may offer besides mixtures: official file names, other files, one source alone.

All go by the renderer's name; none is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.registry import Registry
from .protocols.corpus import Corpora
from .types import Mixture

if TYPE_CHECKING:
    from .manifest import DatasetCard

Samples = NDArray[np.float32]

Tree = Callable[["DatasetCard", Mixture, str], str]
"""Where the official script puts a signal ("mixture", or a source id): a relative path."""

SourceRenderer = Callable[[Mixture, str, Corpora], Samples]
"""One source [T] of a recipe, by its id, the same samples as in the whole mixture."""

Sidecars = Callable[[Mixture, Corpora], Mapping[str, bytes]]
"""What the official script writes beside the signals of a mixture: contents by relative path."""

TREES: Registry[Tree] = Registry("tree", package="tsebench.datasets.renderers", group="tsebench.trees")
SOURCE_RENDERERS: Registry[SourceRenderer] = Registry(
    "source renderer", package="tsebench.datasets.renderers", group="tsebench.source_renderers"
)
SIDECARS: Registry[Sidecars] = Registry(
    "sidecar", package="tsebench.datasets.renderers", group="tsebench.sidecars"
)


def sidecars_of(renderer: str) -> Sidecars:
    """What goes beside the signals of a renderer; nothing for most."""
    return SIDECARS.get(renderer) if renderer in SIDECARS else lambda _mixture, _corpora: {}


def tree_of(renderer: str) -> Tree:
    """The official tree of a renderer, or else a folder for each signal."""
    return TREES.get(renderer) if renderer in TREES else plain_tree


def plain_tree(_card: DatasetCard, mixture: Mixture, signal: str) -> str:
    """`mixture/<mixture>.wav` and `<source>/<mixture>.wav`."""
    return f"{signal}/{mixture.id}.wav"


def source_renderer_of(renderer: str) -> SourceRenderer | None:
    """What renders one source without the others, if the sources are independent."""
    return SOURCE_RENDERERS.get(renderer) if renderer in SOURCE_RENDERERS else None
