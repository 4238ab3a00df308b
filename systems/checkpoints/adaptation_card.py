"""Few-shot adaptation as configs ask for it, and as the card of a checkpoint tells of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...core.validation import StrictModel

Init = Literal["avg", "rnd"]
Positive = Annotated[int, Field(ge=1)]


class AdaptOptions(StrictModel):
    """How embeddings of new classes are found; the defaults are the paper's.

    Delcroix et al., "Few-shot learning of new sound classes for target sound extraction",
    Interspeech 2021, section 5.2.

    Attributes:
        init: start from the average embedding of the enrollments ("avg") or at random ("rnd").
        epochs: over the same mixtures; 0 keeps the embeddings as they start.
        lr: learning rate of Adam.
        mixtures: to adapt with.
        batch_size: not told by the paper.
        seed: of random embeddings.
    """

    init: Init = "avg"
    epochs: Annotated[int, Field(ge=0)] = 10
    lr: Annotated[float, Field(gt=0)] = 1e-3
    mixtures: Positive = 1000
    batch_size: Positive = 8
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Adaptation(AdaptOptions):
    """How new classes came into a checkpoint.

    Attributes:
        parent_sha256: hash of the weights that were adapted; all of them are still there.
        classes: the new ones, in the order of their embeddings.
        clips: the recordings that are known of each, as CORPUS/PATH; empty where they have no path.
        dataset: config of the mixtures.
        data_fingerprint: of the mixtures and of the enrollments.
        shots: recordings that each embedding was averaged over; 0 if it started at random.
        losses: mean training loss of each epoch, in dB.
    """

    parent_sha256: str
    classes: tuple[str, ...]
    clips: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    dataset: str
    data_fingerprint: str
    shots: dict[str, int] = Field(default_factory=dict)
    losses: tuple[float, ...] = ()

    def same_recipe(self, other: Adaptation) -> bool:
        """Whether both lead to the same weights, on one machine."""
        results: dict[str, object] = {"shots": {}, "losses": ()}
        return self.model_copy(update=results) == other.model_copy(update=results)
