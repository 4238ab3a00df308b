"""A degradation: packets of a call are lost, and silence stands for them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from tsebench.datasets.degradations.shared.signals import SignalDegradation
from tsebench.datasets.protocols.corpus import Samples
from tsebench.datasets.protocols.degradation import DEGRADATIONS, Rendering, To


@DEGRADATIONS.register("example_dropouts")
class ExampleDropouts(SignalDegradation):
    """Packets of 20 ms are lost at random; those that are lost at a low level are lost at a higher one, too.

    Args:
        level: share of the packets that are lost, in percent.
    """

    title = "lost packets"
    unit = "%"
    examples = (5, 20)

    def __init__(self, *, level: Annotated[float, Field(ge=0, le=100)], to: To = "mixture") -> None:
        super().__init__(to)
        self._share = level / 100.0

    def degrade(self, samples: Samples, sample_rate_hz: int, of: Rendering, place: int) -> Samples:
        """The signal [T] with gaps."""
        length = max(1, sample_rate_hz // 50)
        draws = of.generator("dropouts", place).random(-(-len(samples) // length))
        kept = np.repeat(draws >= self._share, length)[: len(samples)]
        return samples * kept.astype(np.float32)
