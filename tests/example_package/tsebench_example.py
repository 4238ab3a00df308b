"""A whole system: a card that says what it is, and an answer to a batch of queries."""

from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard


class ExampleGain:
    """The mixture times a gain; put a network in its place.

    Args:
        gain: an option of the system, checked by its type and written to the card.
        device: where the batches are; every system takes it.
    """

    def __init__(self, *, gain: float = 0.5, device: str = "cpu") -> None:
        self.gain, self.device = gain, device
        self.card = SystemCard(
            name="example_gain",
            family="external",
            description=f"the mixture times {gain:g}",
            options={"gain": gain},
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Mixtures [B, C, T] to estimates [B, T]; what lies past a length does not count."""
        return Extraction(estimate=self.gain * batch.mixture[:, 0].to(self.device))
