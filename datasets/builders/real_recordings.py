"""Real recordings: trials that a corpus lists, without references."""

from __future__ import annotations

from ...core.errors import AudioError, ConfigError, DatasetError
from ..missing import MissingRecordingsError
from ..protocols.builder import BUILDERS, BuildContext, Drawn
from ..protocols.corpus import ChannelCorpus, Listed
from ..protocols.recordings import RecordedTrial, RecordingCorpus, Stretch
from ..renderers.recorded import RECORDED
from ..signals.audio import resampled_length
from ..types import Clip, ClueSpec, Condition, Mixture, Source, Trial
from .shared.options import AllChannels, Limit, MixtureRate
from .shared.written_mixtures import reference_channel

NOTE = (
    "real recordings without clean references: metrics that compare with a reference do not apply (SDR, SI-SDR, PESQ, "
    "STOI, ...)"
)


@BUILDERS.register("real_recordings")
class RealRecordings:
    """Mixtures, enrollments, transcripts and speech activity of real recordings, as a corpus lists them.

    The corpus is of kind `real_t`, or `real_folder` for any folder with a table. A mixture is the recording itself; all
    trials on it are of one cluster. A target that is said to be absent gives a FUQ trial.

    Args:
        corpus: name of the corpus in `corpora`.
        languages: only trials in these languages, codes such as "en" and "zh"; null: all.
        sources: only trials whose tag `corpus` is one of these, such as "AMI"; null: all.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        corpus: str,
        sample_rate_hz: MixtureRate = 16000,
        languages: tuple[str, ...] | None = None,
        sources: tuple[str, ...] | None = None,
        limit: Limit | None = None,
        all_channels: AllChannels = False,
    ) -> None:
        opened = context.corpus(corpus)
        if not (isinstance(opened, RecordingCorpus) and isinstance(opened, Listed)):
            raise ConfigError(f"corpus {corpus!r} lists no trials on real recordings; use kind real_t or real_folder")
        self.sample_rate_hz, self._name, self._corpus = sample_rate_hz, corpus, opened
        every = opened.recorded_trials(context.split)
        chosen = [
            trial
            for trial in every
            if (languages is None or _language(trial) in languages)
            and (sources is None or trial.tags.get("corpus") in sources)
        ]
        if not chosen:
            kinds = sorted({f"{_language(t) or '?'} of {t.tags.get('corpus', '?')}" for t in every})
            raise DatasetError(
                f"corpus {corpus!r}: none of the {len(every)} trials of split {context.split!r} is left (languages = "
                f"{languages}, sources = {sources}; there are {', '.join(kinds[:8]) or 'none'}); correct the config"
            )
        grouped: dict[str, list[RecordedTrial]] = {}
        for trial in chosen:
            grouped.setdefault(trial.mixture_id, []).append(trial)
        self._reference = reference_channel(opened) if all_channels else None
        self._mixtures = list(grouped.items())[:limit]
        self.count = len(self._mixtures)
        self.notes = (NOTE,)

    def draw(self, index: int) -> Drawn:
        """Recording `index` with its trials, from the first again after the last."""
        name, listed = self._mixtures[index % self.count]
        clip, rate_hz = self._clip(listed[0].mixture)
        source = Source(id="mix", label="recording", role="auxiliary", clip=clip, gain=1.0)
        channels = self._channels(clip)
        mixture = Mixture(
            id=name,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=resampled_length(clip.frames, from_hz=rate_hz, to_hz=self.sample_rate_hz),
            sources=(source,),
            renderer=RECORDED,
            channels=channels,
            reference_channel=(self._reference or 0) if channels > 1 else 0,
        )
        return Drawn(mixture=mixture, trials=tuple(self._trial(trial) for trial in listed))

    def _channels(self, clip: Clip) -> int:
        if self._reference is None or not isinstance(self._corpus, ChannelCorpus):
            return 1
        return self._corpus.channels_of(clip.path)

    def _trial(self, listed: RecordedTrial) -> Trial:
        return Trial(
            id=listed.id,
            mixture_id=listed.mixture_id,
            clue=ClueSpec(enrollments=tuple(self._enrollment(stretch) for stretch in listed.enrollments)),
            target_ids=(),
            condition=Condition(n_active=int(listed.target is not None), n_inactive=int(listed.target is None)),
            cluster=listed.mixture_id,
            tags=listed.tags,
            recorded=listed.target,
        )

    def _enrollment(self, stretch: Stretch) -> Clip:
        """The clip; of a file that cannot be read one frame, so that it counts as missing."""
        try:
            return self._clip(stretch)[0]
        except AudioError:
            return Clip(corpus=self._name, path=stretch.path, start=0, frames=1)

    def _clip(self, stretch: Stretch) -> tuple[Clip, int]:
        """The clip of a stretch, and the rate of its file."""
        recording = self._corpus.recording(stretch.path)
        rate_hz = recording.sample_rate_hz
        start = round(stretch.start_s * rate_hz)
        stop = recording.frames if stretch.end_s is None else min(recording.frames, round(stretch.end_s * rate_hz))
        if start >= stop:
            end = "its end" if stretch.end_s is None else f"{stretch.end_s:g} s"
            reason = (
                f"recording {stretch.path!r} of corpus {self._name!r} is {recording.frames / rate_hz:.2f} s long, and "
                f"{stretch.start_s:g} s to {end} are asked for"
            )
            raise MissingRecordingsError({(self._name, stretch.path): reason})
        return Clip(corpus=self._name, path=stretch.path, start=start, frames=stop - start), rate_hz


def _language(trial: RecordedTrial) -> str:
    return trial.target.language if trial.target is not None else str(trial.tags.get("language", ""))
