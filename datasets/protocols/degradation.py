"""Protocol of degradations, which make a harder set of a plain one, and their registry.

A degradation has one level, the place of a set in a sweep. It changes the clue of a trial when the set is made
(`clue`), or the signals of a query when they are rendered (`apply`), and never the reference.

A class takes `level` and its options as keyword arguments. A smaller degradation with the same seed is part of a larger
one wherever that has a meaning: noise is the same but for its gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...core.entry_checks import call_problem
from ...core.errors import DatasetError
from ...core.registry import Registry
from ...core.validation import call_with
from ..seeding import generator
from ..types import Clip, Mixture, Query, Trial, Truth
from .corpus import Samples
from .renderer import Rendered

if TYPE_CHECKING:
    from ..dataset import Dataset

To = Annotated[
    Literal["mixture", "enrollment"],
    Field(
        description='signal that is degraded: the "mixture", and not its reference nor the clue, or every "enrollment" '
        "of a query, and not its mixture"
    ),
]


class UnfitTrialError(DatasetError):
    """A trial has no such level, for a reason in a few words: "no video". It is left out of the level, and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A trial as it is rendered.

    Attributes:
        signals: of the plain mixture.
        clips: signals [T_k] at the rate of the mixture of the recordings that were drawn.
        seed: of all draws.
    """

    mixture: Mixture
    signals: Rendered
    clips: tuple[Samples, ...]
    seed: int

    def generator(self, *names: str | int) -> np.random.Generator:
        """A generator of draws, another for other names."""
        return generator("degraded", self.seed, *names)


class Degradation:
    """Changes queries by one level; a subclass overrides what it changes."""

    title: ClassVar[str]
    """Quantity of the level, for example "MP3 bit rate"."""

    unit: ClassVar[str] = ""
    """Unit of the level; "" without one."""

    examples: ClassVar[tuple[float | str, ...]] = ()
    """Levels that fit any set, from the mildest on."""

    to: To = "mixture"
    """Signal that is changed; draws of a mixture are common to all its trials."""

    version: ClassVar[str] = "1"
    """Raised when the same settings give other samples: another version makes sets with another fingerprint."""

    renders: ClassVar[bool] = True
    """Whether `apply` does anything."""

    def clue(self, trial: Trial, of: Dataset, seed: int) -> Trial:
        """The trial with another clue or other tags.

        Args:
            trial: of the plain set.
            of: the plain set.
            seed: of all draws.

        Raises:
            UnfitTrialError: the trial has no such level.
        """
        del of, seed
        return trial

    def clips(self, trial: Trial, of: Dataset, seed: int) -> tuple[Clip, ...]:
        """Recordings that `apply` needs; arguments and errors are those of `clue`."""
        del trial, of, seed
        return ()

    def apply(self, query: Query, truth: Truth, of: Rendering) -> tuple[Query, Truth]:
        """The degraded query, and the truth with the same target."""
        del of
        return query, truth


DegradationFactory = Callable[..., Degradation]


def _problem(_: str, factory: DegradationFactory) -> str:
    """Why a class or function cannot be a degradation."""
    return call_problem(factory, keywords=["level"])


DEGRADATIONS: Registry[DegradationFactory] = Registry(
    "degradation", package="tsebench.datasets.degradations", group="tsebench.degradations", check=_problem
)


def make_degradation(name: str, settings: Mapping[str, Any], *, where: str) -> Degradation:
    """The degradation of that name with its settings, which are checked."""
    return call_with(
        DEGRADATIONS.get(name), settings, where=f"{where}: degradation {name!r}", topic=f"degradation {name}"
    )
