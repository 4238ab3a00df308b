"""Network of the cascade for sounds: a separator, and a classifier of each of its outputs."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from .class_head import ClassHead
from .conv_tasnet import Positive
from .filterbank import Encoder, rms
from .separator import Separator, SeparatorConfig
from .tcn import BlockSizes, Tcn, frame_mask


class UssSecConfig(SeparatorConfig):
    """Hyper-parameters of the separator and of the classifier.

    Attributes:
        event_filters: N of the classifier's own filterbank.
        event_filter_length: L of that filterbank, in samples; its stride is L/2.
        event_bottleneck: B of the classifier's stack.
        event_hidden: H of the classifier's stack.
        event_blocks: X of the classifier's stack.
        event_units: units of the classifier's GRU, in each direction.
        event_pool: frames averaged to one before the GRU.
        class_weight: weight of the classifier's loss in training, without gradient to the separator.
    """

    event_filters: Positive = 128
    event_filter_length: Positive = 128
    event_bottleneck: Positive = 128
    event_hidden: Positive = 256
    event_blocks: Annotated[int, Field(gt=0, le=14)] = 6
    event_units: Positive = 64
    event_pool: Positive = 4
    class_weight: Annotated[float, Field(ge=0)] = 1.0


class EventClassifier(nn.Module):
    """Classifier of the sounds in a signal, independent of its level."""

    def __init__(self, config: UssSecConfig, *, num_classes: int) -> None:
        super().__init__()
        c = config
        self.encoder = Encoder(
            num_filters=c.event_filters, filter_length=c.event_filter_length, stride=max(1, c.event_filter_length // 2)
        )
        self.body = Tcn(
            BlockSizes(bottleneck=c.event_bottleneck, hidden=c.event_hidden, kernel=c.kernel),
            channels_in=c.event_filters,
            channels_out=c.event_bottleneck,
            blocks=c.event_blocks,
            stacks=1,
        )
        self.head = ClassHead(
            channels=c.event_bottleneck, units=c.event_units, layers=1, num_classes=num_classes, pool=c.event_pool
        )

    def forward(self, signal: Tensor, lengths: Tensor) -> Tensor:
        """Signals [B, T] with zeros past `lengths` [B] to probabilities [B, V]."""
        encoded = self.encoder(signal / rms(signal, lengths))
        counts = self.encoder.frame_counts(lengths)
        features = self.body(encoded, frame_mask(counts, num_frames=encoded.shape[-1]))
        probabilities: Tensor = self.head(features, counts)
        return probabilities


class Separated(NamedTuple):
    """Outputs [B, N, T] of the separator, and probabilities [B, N, V] of the classes in each."""

    outputs: Tensor
    probabilities: Tensor


class UssSecNet(nn.Module):
    """Separator and classifier for a vocabulary of V labels."""

    def __init__(self, config: UssSecConfig, *, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.classes, self.config = classes, config
        self.separator = Separator(config)
        self.events = EventClassifier(config, num_classes=len(classes))

    def forward(self, mixture: Tensor, lengths: Tensor) -> Separated:
        """Separate and classify mixtures [B, T], zeros past the lengths [B]."""
        outputs = self.separator(mixture, lengths)
        count = outputs.shape[1]
        # The parts of a cascade are independent: no gradient from the classifier to the separator.
        separated = outputs.detach().flatten(0, 1)
        probabilities = self.events(separated, lengths.repeat_interleave(count))
        return Separated(outputs, probabilities.view(-1, count, len(self.classes)))
