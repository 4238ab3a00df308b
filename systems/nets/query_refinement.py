"""Conv-TasNet for sound classes, with a classifier on the features that both tasks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.validation import StrictModel
from .class_head import ClassHead
from .conditioning import Multiplication
from .conv_tasnet import Positive, rms
from .filterbank import Decoder, Encoder
from .label_embedding import LabelEmbedding
from .tcn import TcnPart, apply_mask, frame_mask

Share = Annotated[float, Field(ge=0, lt=1)]


class QueryRefinementConfig(StrictModel):
    """Hyper-parameters; those of the paper (section 4.1) unless set.

    Attributes:
        num_filters: D.
        filter_length: in samples; 5 ms at 16 kHz.
        stride: in samples; half of the filter unless set.
        bottleneck: B, channels of the shared features and of the embeddings too.
        hidden: H.
        kernel: P.
        skip: Sc; 0 has no skip paths.
        blocks: X, in a stack.
        shared_stacks: R of the shared feature extractor.
        mask_stacks: R of the mask estimator.
        mask: non-linearity of the mask; not told by the paper.
        classifier: whether there is one; the baselines have none.
        classifier_units: of its GRU in each direction; the paper's 256 fit its number of
            parameters as the two directions together.
        classifier_layers: of its GRU.
        classifier_pool: frames averaged to one before it.
        class_weight: λ of the training loss (eq. 8).
        inactive_share: of the training mixtures that are asked for a class they do not hold
            (0.1 is the paper's baseline 2).
    """

    num_filters: Positive = 256
    filter_length: Positive = 80
    stride: Positive | None = None
    bottleneck: Positive = 256
    hidden: Positive = 512
    kernel: Annotated[int, Field(gt=1)] = 3
    skip: Annotated[int, Field(ge=0)] = 256
    blocks: Annotated[int, Field(gt=0, le=14)] = 8
    shared_stacks: Annotated[int, Field(gt=0, le=64)] = 1
    mask_stacks: Annotated[int, Field(gt=0, le=64)] = 3
    mask: Literal["relu", "sigmoid"] = "relu"
    classifier: bool = True
    classifier_units: Positive = 128
    classifier_layers: Positive = 2
    classifier_pool: Positive = 1
    class_weight: Annotated[float, Field(ge=0)] = 1.0
    inactive_share: Share = 0.0

    @model_validator(mode="after")
    def _check(self) -> QueryRefinementConfig:
        if self.hop > self.filter_length:
            raise ValueError(
                f"stride {self.hop} is longer than filter_length {self.filter_length}; "
                "samples between the frames would be lost"
            )
        return self

    @property
    def hop(self) -> int:
        """Stride in samples."""
        return self.stride or max(1, self.filter_length // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A mixture after the shared part, before any query.

    Attributes:
        level: [B, 1], its root mean square.
        encoded: X [B, D, K].
        shared: Z [B, B, K] (eq. 2).
        counts: [B], true frames.
        mask: of the true frames, see `tcn`.
        num_samples: T.
    """

    level: Tensor
    encoded: Tensor
    shared: Tensor
    counts: Tensor
    mask: Tensor | None
    num_samples: int


class QueryRefinementNet(nn.Module):
    """Encoder, shared features, then a mask for a query and a classifier that knows none.

    The mixture is brought to unit RMS inside and the estimate back to its level.

    Args:
        config: hyper-parameters.
        classes: vocabulary, V labels.
    """

    def __init__(self, config: QueryRefinementConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        c = config
        self.classes = classes
        self.config = config
        self.encoder = Encoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.decoder = Decoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.shared = self._part(c.num_filters, c.bottleneck, c.shared_stacks)
        self.embedding = LabelEmbedding(num_classes=len(classes), dim=c.bottleneck)
        self.conditioning = Multiplication(num_channels=c.bottleneck, embedding_dim=c.bottleneck)
        self.estimator = self._part(c.bottleneck, c.num_filters, c.mask_stacks)
        self.activation = F.relu if c.mask == "relu" else torch.sigmoid
        self.classifier = self._head() if c.classifier else None

    def _part(self, channels_in: int, channels_out: int, stacks: int) -> TcnPart:
        c = self.config
        return TcnPart(
            channels_in=channels_in,
            channels_out=channels_out,
            bottleneck=c.bottleneck,
            hidden=c.hidden,
            kernel=c.kernel,
            blocks=c.blocks,
            stacks=stacks,
            skip=c.skip,
        )

    def _head(self) -> ClassHead:
        c = self.config
        return ClassHead(
            channels=c.bottleneck,
            units=c.classifier_units,
            layers=c.classifier_layers,
            num_classes=len(self.classes),
            pool=c.classifier_pool,
        )

    def listen(self, mixture: Tensor, lengths: Tensor) -> Heard:
        """The part that needs no query (eq. 1 and 2).

        Args:
            mixture: [B, T], zeros past each length.
            lengths: [B].
        """
        level = rms(mixture, lengths)
        encoded = self.encoder(mixture / level)
        counts = self.encoder.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=encoded.shape[-1])
        return Heard(
            level=level,
            encoded=encoded,
            shared=self.shared(encoded, mask),
            counts=counts,
            mask=mask,
            num_samples=mixture.shape[-1],
        )

    def probabilities(self, heard: Heard) -> Tensor | None:
        """p̂ [B, V] that a class is in the mixture (eq. 6); None without a classifier."""
        if self.classifier is None:
            return None
        probabilities: Tensor = self.classifier(heard.shared, heard.counts)
        return probabilities

    def extract(self, heard: Heard, query: Tensor) -> Tensor:
        """The estimate [B, T] for multi-hot queries [B, V] (eq. 3 to 5)."""
        conditioned = self.conditioning(heard.shared, self.embedding(query))
        gain = self.activation(self.estimator(conditioned, heard.mask))
        masked = apply_mask(heard.encoded * gain, heard.mask)
        estimate: Tensor = self.decoder(masked, num_samples=heard.num_samples)
        return estimate * heard.level

    def forward(self, mixture: Tensor, lengths: Tensor, query: Tensor) -> Tensor:
        """The estimate [B, T] of mixtures [B, T] for queries [B, V] as they are."""
        return self.extract(self.listen(mixture, lengths), query)
