"""Network of query refinement: Conv-TasNet for sound classes, with a classifier on the shared features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from .class_head import ClassHead
from .conditioning import Multiplication
from .conv_tasnet import Positive, TasNetConfig
from .filterbank import Decoder, Encoder, rms
from .label_embedding import LabelEmbedding
from .tcn import Tcn, apply_mask, frame_mask

Share = Annotated[float, Field(ge=0, lt=1)]


class QueryRefinementConfig(TasNetConfig):
    """Hyper-parameters; those of the paper (section 4.1) unless set.

    The paper's D is `num_filters`; its B, `bottleneck`, is also the number of entries of an embedding.

    Attributes:
        filter_length: L, length of encoder and decoder filters, in samples; 80 is 5 ms at 16 kHz.
        skip: Sc, channels of the skip paths; 0 has none.
        shared_stacks: R of the shared feature extractor.
        mask_stacks: R of the mask estimator.
        mask: non-linearity of the mask, "relu" or "sigmoid"; the paper does not give it.
        classifier: whether there is a classifier; the baselines have none.
        classifier_units: units of the classifier's GRU in each direction; the paper's 256 fit its number of parameters
            as the two directions together.
        classifier_layers: layers of the classifier's GRU.
        classifier_pool: frames averaged to one before the classifier.
        class_weight: λ, weight of the classifier in the training loss (eq. 8).
        inactive_share: share of the training mixtures that are queried for a class they do not contain (0.1 is the
            paper's baseline 2).
    """

    filter_length: Positive = 80
    skip: Annotated[int, Field(ge=0)] = 256
    shared_stacks: Annotated[int, Field(gt=0, le=64)] = 1
    mask_stacks: Annotated[int, Field(gt=0, le=64)] = 3
    mask: Literal["relu", "sigmoid"] = "relu"
    classifier: bool = True
    classifier_units: Positive = 128
    classifier_layers: Positive = 2
    classifier_pool: Positive = 1
    class_weight: Annotated[float, Field(ge=0)] = 1.0
    inactive_share: Share = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFeatures:
    """Mixtures after the shared part of the network, before any query."""

    level: Tensor  # [B, 1], root mean square of the mixtures
    encoded: Tensor  # X [B, D, K]
    shared: Tensor  # Z [B, B, K] (eq. 2)
    counts: Tensor  # [B], true frames
    mask: Tensor | None  # of the true frames, see `tcn`
    num_samples: int  # T


class QueryRefinementNet(nn.Module):
    """Encoder and shared features, then a mask for a query and a classifier independent of it.

    The mixture is normalised to unit RMS inside and the estimate scaled back. The vocabulary has V labels.
    """

    def __init__(self, config: QueryRefinementConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.classes = classes
        self.config = c = config
        self.encoder = Encoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.decoder = Decoder(num_filters=c.num_filters, filter_length=c.filter_length, stride=c.hop)
        self.shared = Tcn(
            c.block, channels_in=c.num_filters, channels_out=c.bottleneck, blocks=c.blocks, stacks=c.shared_stacks
        )
        self.embedding = LabelEmbedding(num_classes=len(classes), dim=c.bottleneck)
        self.conditioning = Multiplication(num_channels=c.bottleneck, embedding_dim=c.bottleneck)
        self.estimator = Tcn(
            c.block, channels_in=c.bottleneck, channels_out=c.num_filters, blocks=c.blocks, stacks=c.mask_stacks
        )
        self.activation = F.relu if c.mask == "relu" else torch.sigmoid
        self.classifier: ClassHead | None = None
        if c.classifier:
            self.classifier = ClassHead(
                channels=c.bottleneck,
                units=c.classifier_units,
                layers=c.classifier_layers,
                num_classes=len(classes),
                pool=c.classifier_pool,
            )

    def encode(self, mixture: Tensor, lengths: Tensor) -> SharedFeatures:
        """Compute what does not depend on the query (eq. 1 and 2) from mixtures [B, T] and lengths [B]."""
        level = rms(mixture, lengths)
        encoded = self.encoder(mixture / level)
        counts = self.encoder.frame_counts(lengths)
        mask = frame_mask(counts, num_frames=encoded.shape[-1])
        return SharedFeatures(
            level=level,
            encoded=encoded,
            shared=self.shared(encoded, mask),
            counts=counts,
            mask=mask,
            num_samples=mixture.shape[-1],
        )

    def probabilities(self, features: SharedFeatures) -> Tensor | None:
        """p̂ [B, V] that a class is in the mixture (eq. 6); None without a classifier."""
        if self.classifier is None:
            return None
        probabilities: Tensor = self.classifier(features.shared, features.counts)
        return probabilities

    def extract(self, features: SharedFeatures, query: Tensor) -> Tensor:
        """Estimates [B, T] for multi-hot queries [B, V] (eq. 3 to 5)."""
        conditioned = self.conditioning(features.shared, self.embedding(query))
        gain = self.activation(self.estimator(conditioned, features.mask))
        masked = apply_mask(features.encoded * gain, features.mask)
        estimate: Tensor = self.decoder(masked, num_samples=features.num_samples)
        return estimate * features.level

    def forward(self, mixture: Tensor, lengths: Tensor, query: Tensor) -> Tensor:
        """Estimates [B, T] of mixtures [B, T] for queries [B, V] without refinement."""
        return self.extract(self.encode(mixture, lengths), query)
