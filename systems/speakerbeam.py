"""SpeakerBeam in the frequency domain: a BLSTM mask network told who to extract.

Žmolíková et al., "Speaker-aware neural network based beamformer for speaker extraction in speech
mixtures", Interspeech 2017, and "SpeakerBeam", IEEE JSTSP 13(4), 2019, of which this is the network
for one microphone. The auxiliary network hears the enrollment, and learns its embedding with the
rest, or is given an i-vector. (The papers' speaker posteriors are not here.) Sizes that the papers
leave open are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch import Tensor, nn

from ..core.progress import ProgressFactory
from ..core.validation import StrictModel
from .nets.i_vector.fit import fit_extractor
from .nets.speakerbeam import SpeakerBeamConfig, SpeakerBeamNet, _check_rate
from .registry import register_system
from .shared.enrolled import EnrolledSystem, enrollments_of
from .trainable import TASKS, ExtractionLoss, FirstItems, TrainBatch

NAME = "speakerbeam"


class SpeakerBeamTask:
    """How the engine trains it."""

    net_config: type[StrictModel] = SpeakerBeamConfig

    def build(self, net: StrictModel, *, classes: tuple[str, ...]) -> nn.Module:
        """A network with fresh weights; sound classes do not matter to it."""
        del classes
        return SpeakerBeamNet(cast(SpeakerBeamConfig, net))

    def prepare(
        self, net: nn.Module, first_items: FirstItems, *, seed: int, progress: ProgressFactory
    ) -> str:
        """Fit the extractor of i-vectors to the enrollments of the first trials.

        Raises:
            ConfigError: a trial has no enrollment, or another sample rate.
        """
        extractor = cast(SpeakerBeamNet, net).i_vectors
        if extractor is None:
            return ""
        config = extractor.config

        def recordings() -> Iterator[tuple[Tensor, Tensor]]:
            for batch in first_items(config.i_vector_recordings):
                _check_rate(batch, config)
                yield enrollments_of(batch)

        report = fit_extractor(extractor, recordings, seed=seed, progress=progress)
        return (
            "i-vector extractor, fitted to the enrollments of the first "
            f"{report.recordings} trials of training ({report.seconds:.0f} s of speech)"
        )

    def loss(self, net: nn.Module, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B] of the estimates.

        Raises:
            ConfigError: a trial has no enrollment.
        """
        mixture = batch.queries.mixture[:, 0]
        estimate = net(mixture, batch.queries.lengths, *enrollments_of(batch))
        return criterion(estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present)


@register_system(NAME)
class SpeakerBeam(EnrolledSystem):
    """Frequency-domain SpeakerBeam; see `EnrolledSystem` for the options."""

    name = NAME
    description = "BLSTM spectral mask told who to extract (Žmolíková et al., 2019)"
    task = SpeakerBeamTask()


TASKS.register(NAME)(SpeakerBeam.task)
