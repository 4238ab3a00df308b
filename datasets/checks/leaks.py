"""Checks of leaks: between enrollment and mixture, and between two sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.errors import AudioError, CorpusError
from ..contents import contents_of, title_of
from ..dataset import Dataset
from ..manifest import FileKey, clips_of
from ..protocols.corpus import entries_of
from ..types import Clip, EnrollmentClip, Trial
from .finding import Finding, judged

_DECLARED = ("same_utterance", "same_file")
"""Values of the tag `enrollment` that declare a leak of the protocol."""


def check_leaks(dataset: Dataset) -> Finding:
    """Check that no enrollment is a recording of its own mixture, or of the same group as one.

    A leak that a trial's tag declares is part of the protocol: a remark counts it.
    """
    groups, unknown = _groups(dataset)
    problems: list[str] = []
    declared: dict[str, str] = {}
    for trial in dataset.trials:
        kind = str(trial.tags.get("enrollment", ""))
        for clip in trial.clue.enrollments:
            key = _key(dataset, clip)
            if kind in _DECLARED and key in _used(dataset, trial, target=True):
                declared[trial.id] = kind
            else:
                problems += _leaks(dataset, trial, key, groups)
    remarks = [f"groups of corpus {name!r} unknown: {why}" for name, why in unknown.items()]
    if declared:
        files = list(declared.values()).count("same_file")
        remarks.insert(
            0,
            f"known to the protocol: in {len(declared)} of {len(dataset)} trials the enrollment is "
            f"the target's own utterance{f', in {files} its very file' if files else ''}",
        )
    return judged("enrollment leak", looked_at=len(dataset), problems=problems, remarks=remarks)


def check_apart(dataset: Dataset, other: Dataset) -> Finding:
    """Check that two sets share no recording, no group of recordings, and no speaker.

    Sets of the same split, such as one test set in min and in max mode, share them by design: a remark.
    """
    ours, theirs = (
        {file.sha256: f"{file.corpus}:{file.path}" for file in each.manifest.files} for each in (dataset, other)
    )
    recordings = sorted(ours[content] for content in ours.keys() & theirs.keys())
    shared = {
        "recordings": recordings,
        "groups": sorted(_group_names(dataset) & _group_names(other)),
        "speakers": sorted(set(contents_of(dataset).speakers) & set(contents_of(other).speakers)),
    }
    lines = [f"{what} in both: {len(names)} (the first is {names[0]!r})" for what, names in shared.items() if names]
    same = _same_split(dataset, other)
    why = f"both are of {', '.join(same)}, split {dataset.card.split!r}: " if same else ""
    found = [f"{why}{'; '.join(lines)}"] if lines else []
    return judged(
        f"apart from {other.card.name}",
        looked_at=len(ours),
        problems=[] if same else found,
        remarks=found if same else [],
        measured=f"{len(ours)} and {len(theirs)} recordings",
    )


def _same_split(dataset: Dataset, other: Dataset) -> list[str]:
    """Parts of corpora that both sets draw from, if these and the split's name agree (a name may be absent)."""
    if dataset.card.split != other.card.split:
        return []
    ours, theirs = (set(contents_of(each).parts) for each in (dataset, other))
    both = {part.rpartition(":")[0] for part in ours} & {part.rpartition(":")[0] for part in theirs}
    mine, others = ({part for part in parts if part.rpartition(":")[0] in both} for parts in (ours, theirs))
    return sorted(mine) if mine == others else []


def _key(dataset: Dataset, enrolled: EnrollmentClip) -> FileKey:
    """The recording of an enrollment."""
    if isinstance(enrolled, Clip):
        return enrolled.corpus, enrolled.path
    sources = dataset.mixtures[enrolled.mixture_id].sources
    clip = next(source.clip for source in sources if source.id == enrolled.source_id)
    return clip.corpus, clip.path


def _used(dataset: Dataset, trial: Trial, *, target: bool = False) -> list[FileKey]:
    """Recordings that sound in the mixture of a trial, or in its target alone."""
    return [
        (source.clip.corpus, source.clip.path)
        for source in dataset.mixtures[trial.mixture_id].sources
        if source.role != "auxiliary" and (not target or source.id in trial.target_ids)
    ]


def _leaks(dataset: Dataset, trial: Trial, key: FileKey, groups: Mapping[FileKey, str]) -> Iterator[str]:
    used = _used(dataset, trial)
    if key in used:
        part = "target" if key in _used(dataset, trial, target=True) else "other sources"
        yield f"trial {trial.id!r}: enrollment {key[1]!r} is in its own mixture, in the {part}"
    elif key in groups:
        kin = [k for k in used if k[0] == key[0] and groups.get(k) == groups[key]]
        if kin:
            yield (
                f"trial {trial.id!r}: enrollment {key[1]!r} is of the same group "
                f"({groups[key]!r}) as {kin[0][1]!r} in its mixture"
            )


def _groups(dataset: Dataset) -> tuple[Mapping[FileKey, str], Mapping[str, str]]:
    """Groups of the recordings that have one, and the reasons why those of a corpus are unknown."""
    wanted = {(clip.corpus, clip.path) for clip in clips_of(dataset.manifest.mixtures, dataset.trials)}
    known: dict[FileKey, str] = {}
    unknown: dict[str, str] = {}
    for name in sorted({name for name, _ in wanted}):
        try:
            entries = entries_of(dataset.corpora[name])
        except (AudioError, CorpusError) as error:
            unknown[name] = str(error)
            continue
        for entry in entries:
            if (name, entry.path) in wanted and entry.group != entry.path:
                known[name, entry.path] = entry.group
    return known, unknown


def _group_names(dataset: Dataset) -> set[str]:
    corpora = dataset.card.corpora
    return {f"{title_of(n, corpora[n])}:{group}" for (n, _), group in _groups(dataset)[0].items()}
