"""Parts of a dataset: some of its trials, as a dataset with a fingerprint of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..core.errors import DatasetError
from .manifest import Manifest, files_of, fingerprint
from .types import MixtureClip, Trial


def subset(manifest: Manifest, trials: Sequence[Trial]) -> Manifest:
    """The manifest of some trials, in the order given, with the mixtures and recordings that they need.

    Raises:
        DatasetError: there is no trial, or one is given twice.
    """
    card = manifest.card
    if not trials:
        raise DatasetError(f"dataset {card.name!r}: none of its {len(manifest.trials)} trials is chosen; choose some")
    if (named := Counter(trial.id for trial in trials).most_common(1)[0])[1] > 1:
        raise DatasetError(f"dataset {card.name!r}: trial {named[0]!r} is chosen {named[1]} times; choose it once")
    queried = {trial.mixture_id for trial in trials}
    enrolled = {clip.mixture_id for trial in trials for clip in trial.clue.enrollments if isinstance(clip, MixtureClip)}
    mixtures = [mixture for mixture in manifest.mixtures if mixture.id in queried | enrolled]
    used = files_of(mixtures, trials)
    files = [file for file in manifest.files if (file.corpus, file.path) in used]
    counts = Counter({"mixtures": len(queried), "trials": len(trials), "files": len(files)})
    if lone := len(enrolled - queried):
        counts["mixtures_enrollment_only"] = lone
    counts.update(Counter(sorted(f"trials_{t.condition.kind}_{t.condition}" for t in trials)))
    found = Manifest(card=replace(card, counts=dict(counts)), mixtures=mixtures, trials=list(trials), files=files)
    return replace(found, card=replace(found.card, fingerprint=fingerprint(found)))
