"""SpeakerBeam in the frequency domain: a BLSTM mask network conditioned on an enrollment.

Žmolíková et al., "Speaker-aware neural network based beamformer for speaker extraction in speech mixtures", Interspeech
2017, and "SpeakerBeam", IEEE JSTSP 13(4), 2019, the network for one microphone. The auxiliary network learns an
embedding of the enrollment together with the mask network, or gets an i-vector, or the posterior of the training
speakers. Sizes that the papers leave open are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ..core.errors import ConfigError
from ..core.progress import ProgressFactory
from .nets.i_vector.fit import fit_extractor
from .nets.speakerbeam import SpeakerBeamConfig, SpeakerBeamNet
from .registry import register_system
from .shared.enrolled import EnrolledSystem, EnrolledTask, enrollments_of, speakers_of
from .trainable import TASKS, ExtractionLoss, FirstItems, TrainBatch

NAME = "speakerbeam"


class SpeakerBeamTask(EnrolledTask[SpeakerBeamConfig, SpeakerBeamNet]):
    """Loss of the estimates; i-vectors are fitted before training, and posteriors are learned with it."""

    net_config = SpeakerBeamConfig
    net_class = SpeakerBeamNet

    def loss(self, net: SpeakerBeamNet, batch: TrainBatch, criterion: ExtractionLoss) -> Tensor:
        """Losses [B]; with posteriors, the extraction is trained on the 1-hot vector of the speaker.

        The posterior of the enrollment is learned at the same time, and takes its place outside of training.
        """
        if net.posterior is None or not net.training:
            return super().loss(net, batch, criterion)
        speakers = speakers_of(batch)
        summaries = net.posterior.summaries(*enrollments_of(batch))
        embedding = net.embed_vector(net.posterior.one_hot(speakers).to(summaries))
        losses = self.estimate_losses(net, embedding, batch, criterion)
        return losses + net.config.speaker_loss * net.posterior.head.loss(summaries, speakers)

    def prepare(self, net: SpeakerBeamNet, first_items: FirstItems, *, seed: int, progress: ProgressFactory) -> str:
        """Fit the extractor of i-vectors to the enrollments of the first trials.

        Raises:
            ConfigError: a trial has no enrollment, or another sample rate.
        """
        extractor = net.i_vectors
        if extractor is None:
            return ""
        config = extractor.config

        def recordings() -> Iterator[tuple[Tensor, Tensor]]:
            for batch in first_items(config.i_vector_recordings):
                rate_hz = batch.queries.sample_rate_hz
                if rate_hz != config.mfcc_rate_hz:
                    raise ConfigError(
                        f"mfcc_rate_hz is {config.mfcc_rate_hz}, but the training data are at {rate_hz} Hz; "
                        f"set net.mfcc_rate_hz: {rate_hz}, with mfcc_window and mfcc_stride to go with it"
                    )
                yield enrollments_of(batch)

        report = fit_extractor(extractor, recordings, seed=seed, progress=progress)
        return (
            "i-vector extractor, fitted to the enrollments of the first "
            f"{report.recordings} trials of training ({report.seconds:.0f} s of speech)"
        )


@register_system(NAME)
class SpeakerBeam(EnrolledSystem):
    """Frequency-domain SpeakerBeam (Žmolíková et al., 2019): a BLSTM mask conditioned on an enrollment."""

    name = NAME
    description = "BLSTM spectral mask conditioned on an enrollment (Žmolíková et al., 2019)"
    task = SpeakerBeamTask()


TASKS.register(NAME)(SpeakerBeam.task)
