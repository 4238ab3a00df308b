"""Properties of trials that reports slice by, and that follow from the recipe.

They are stored in score rows and not in the manifest: a tag of a trial counts in the fingerprint of its set, and a
property that follows from the recipe must not make another set of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.errors import AudioError
from ...datasets.dataset import Dataset
from ...datasets.types import Clip, EnrollmentClip, Mixture, Source, Tag, Trial

VERSION = "traits:1"
"""Rows of another version have other tags."""


class TrialTags:
    """Tags of the rows of a dataset: those of its trials, and those that follow from the recipe.

    - `class`: labels of the target, joined by `+`, in sets of sound classes; where the target is
      absent, the classes of the clue.
    - `n_sources`: foreground sources of the mixture, unless speakers are counted.
    - `enrollment_s`: length of all enrollments together.
    - `overlap`: share (0..1) of the target's time in which another foreground source is active;
      mixtures with a single source have no such tag.
    - `duration_s`: length of the mixture.

    A tag of the trial itself overrides one of these. A tag whose recordings cannot be read is left out.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._rates_hz: dict[tuple[str, str], int | None] = {}

    def tags(self, trial: Trial) -> Mapping[str, Tag]:
        """All tags of a trial."""
        return {**dict(self._derived(trial, self._dataset.mixtures[trial.mixture_id])), **trial.tags}

    def _derived(self, trial: Trial, mixture: Mixture) -> Iterator[tuple[str, Tag]]:
        foreground = [source for source in mixture.sources if source.role == "foreground"]
        yield "duration_s", round(mixture.num_samples / mixture.sample_rate_hz, 3)
        if "n_speakers" not in trial.tags:
            yield "n_sources", len(foreground)
        if self._dataset.card.vocabulary:
            labels = sorted({s.label for s in mixture.sources if s.id in trial.target_ids})
            if classes := labels or trial.clue.classes:
                yield "class", "+".join(classes)
        lengths_s = [self._enrollment_s(clip) for clip in trial.clue.enrollments]
        if lengths_s and None not in lengths_s:
            yield "enrollment_s", round(sum(filter(None, lengths_s)), 3)
        if "overlap" not in trial.tags and trial.clue.video is None:
            overlap = self._overlap(trial, mixture, foreground)
            if overlap is not None:
                yield "overlap", round(overlap, 3)

    def _enrollment_s(self, clip: EnrollmentClip) -> float | None:
        if isinstance(clip, Clip):
            return self._seconds(clip)
        mixture = self._dataset.mixtures[clip.mixture_id]
        return mixture.num_samples / mixture.sample_rate_hz

    def _overlap(self, trial: Trial, mixture: Mixture, foreground: list[Source]) -> float | None:
        """Share of the target's time that is covered by others, from onsets and lengths."""
        spans = {source.id: self._span(source, mixture) for source in foreground}
        targets = [spans[name] for name in trial.target_ids if name in spans]
        others = [span for name, span in spans.items() if name not in trial.target_ids]
        if not (targets and others) or None in (*targets, *others):
            return None
        own = _union([span for span in targets if span is not None])
        rest = _union([span for span in others if span is not None])
        shared = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in own for b in rest)
        total = sum(end - start for start, end in own)
        return shared / total if total > 0 else None

    def _span(self, source: Source, mixture: Mixture) -> tuple[float, float] | None:
        """Start and end of a source in the mixture, in s."""
        length_s = self._seconds(source.clip)
        if length_s is None:
            return None
        start_s = source.onset / mixture.sample_rate_hz
        return start_s, min(start_s + length_s, mixture.num_samples / mixture.sample_rate_hz)

    def _seconds(self, clip: Clip) -> float | None:
        """Length by the rate in the first frame of the recording; None if it cannot be read."""
        key = (clip.corpus, clip.path)
        if key not in self._rates_hz:
            try:
                self._rates_hz[key] = self._dataset.corpora[clip.corpus].read(clip.path, 0, 1)[1]
            except AudioError:
                self._rates_hz[key] = None
        rate_hz = self._rates_hz[key]
        return None if rate_hz is None else clip.frames / rate_hz


def _union(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same stretches of time without any overlap of their own."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined
