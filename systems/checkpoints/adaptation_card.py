"""Options of few-shot adaptation, and their record on the card of a checkpoint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...core.validation import StrictModel

Init = Literal["avg", "rnd"]
Positive = Annotated[int, Field(ge=1)]


class AdaptOptions(StrictModel):
    """Options of the adaptation to new classes; the defaults are the paper's.

    Delcroix et al., "Few-shot learning of new sound classes for target sound extraction", Interspeech 2021, section
    5.2.

    Attributes:
        init: initial embeddings of the new classes: the average of the enrollments ("avg") or random ("rnd").
        epochs: passes over the same mixtures; 0 keeps the initial embeddings.
        lr: learning rate of Adam.
        mixtures: number of mixtures to adapt with.
        batch_size: mixtures of one step; not given in the paper.
        seed: of random embeddings.
    """

    init: Init = "avg"
    epochs: Annotated[int, Field(ge=0)] = 10
    lr: Annotated[float, Field(gt=0)] = 1e-3
    mixtures: Positive = 1000
    batch_size: Positive = 8
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Adaptation(AdaptOptions):
    """Record of the adaptation of a checkpoint.

    Attributes:
        clips: known recordings of each class, as CORPUS/PATH; empty if they have no path.
        shots: recordings that each initial embedding averages; 0 for a random one.
    """

    parent_sha256: str  # hash of the adapted weights, which are all unchanged
    classes: tuple[str, ...]  # the new ones, in the order of their embeddings
    clips: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    dataset: str  # config of the mixtures
    data_fingerprint: str  # of the mixtures and of the enrollments
    shots: dict[str, int] = Field(default_factory=dict)
    losses: tuple[float, ...] = ()  # mean training loss of each epoch, in dB

    def same_recipe(self, other: Adaptation) -> bool:
        """Whether both give the same weights, on one machine."""
        results: dict[str, object] = {"shots": {}, "losses": ()}
        return self.model_copy(update=results) == other.model_copy(update=results)
