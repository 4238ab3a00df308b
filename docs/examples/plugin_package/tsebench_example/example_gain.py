"""A complete system: a card that describes it, and estimates for a batch of queries."""

from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import register_system


@register_system("example_gain")
class ExampleGain:
    """The mixture times a gain; put a network in its place.

    Args:
        gain: an option of the system, checked by its type and written to the card.
        device: of the batches; every system takes it.
    """

    def __init__(self, *, gain: float = 0.5, device: str = "cpu") -> None:
        self.gain, self.device = gain, device
        self.card = SystemCard(
            name="example_gain", family="external", description=f"the mixture times {gain:g}", options={"gain": gain}
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Mixtures [B, C, T] to estimates [B, T]; samples beyond a query's length are ignored."""
        return Extraction(estimate=self.gain * batch.mixture[:, 0].to(self.device))
