"""Checks of a manifest against its files: counts, recordings, corpora, conditions, materialised audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, runtime_checkable

from ...core.errors import AudioError, CorpusError
from ...core.progress import ProgressFactory
from ..dataset import Dataset
from ..manifest import FileHash
from ..materialise import AUDIO, other_build, wav_files
from ..missing import missing_summary as missing_recordings
from ..types import Trial
from .finding import Finding, judged, spread

_AGAIN = "`tsebench build CONFIG --materialise` writes what is missing"


@runtime_checkable
class _VerifiableCorpus(Protocol):
    """A corpus that knows its published release."""

    def problems(self) -> tuple[str, ...]:
        """Differences between the copy and the release, one line each."""
        ...


def check_counts(dataset: Dataset) -> Finding:
    """Check the counts of the card; missing recordings are a remark."""
    counted, stated = _counts(dataset), dataset.card.counts
    names = {*counted, *(name for name in stated if name.startswith("trials_"))}
    problems = [
        f"the card says {name} = {stated.get(name, 0)}, but there are {counted.get(name, 0)}"
        for name in sorted(names)
        if stated.get(name, 0) != counted.get(name, 0)
    ]
    missing = missing_recordings(dataset.card)
    return judged("counts", looked_at=len(names), problems=problems, remarks=[missing] if missing else ())


def check_corpora(dataset: Dataset) -> Finding:
    """Compare the corpora with their releases; a difference is a remark: the set may not need it."""
    lines: list[str] = []
    checked = [corpus for corpus in dataset.corpora.values() if isinstance(corpus, _VerifiableCorpus)]
    for corpus in checked:
        try:
            lines += corpus.problems()
        except (AudioError, CorpusError) as error:
            lines.append(str(error))
    return judged("corpora", looked_at=len(checked), of=len(dataset.corpora), remarks=lines)


def check_recordings(dataset: Dataset, *, jobs: int, sample: int | None, progress: ProgressFactory) -> Finding:
    """Check that every recording exists and has the SHA-256 that the manifest states."""
    files = dataset.manifest.files
    chosen = spread(files, sample)
    problems: list[str] = []
    with (
        ThreadPoolExecutor(max_workers=max(1, jobs)) as pool,
        progress(f"hash {dataset.card.name}", len(chosen)) as advance,
    ):
        for problem in pool.map(lambda file: _changed(dataset, file), chosen):
            problems += [problem] if problem else []
            advance(1)
    return judged("recordings", looked_at=len(chosen), of=len(files), problems=problems)


def check_conditions(dataset: Dataset) -> Finding:
    """Check queried classes against the condition, the vocabulary, and the sources of the mixture."""
    problems = [line for trial in dataset.trials for line in _wrong_condition(dataset, trial)]
    return judged("query conditions", looked_at=len(dataset), problems=problems)


def _counts(dataset: Dataset) -> Counter[str]:
    asked = len({trial.mixture_id for trial in dataset.trials})
    counts = Counter(f"trials_{t.condition.kind}_{t.condition}" for t in dataset.trials)
    counts.update(mixtures=asked, mixtures_enrollment_only=len(dataset.mixtures) - asked)
    counts.update(trials=len(dataset), files=len(dataset.manifest.files))
    return counts


def _changed(dataset: Dataset, file: FileHash) -> str:
    try:
        digest = dataset.corpora[file.corpus].digest(file.path)
    except (AudioError, CorpusError, OSError) as error:
        return str(error)
    if digest != file.sha256:
        return f"recording {file.path!r} of corpus {file.corpus!r} has other content"
    return ""


def _wrong_condition(dataset: Dataset, trial: Trial) -> Iterator[str]:
    named = f"trial {trial.id!r}: condition {trial.condition}"
    if trial.present != bool(trial.condition.n_active or not trial.condition.kind):
        yield f"{named} has the targets {list(trial.target_ids)}"
    classes = trial.clue.classes
    if classes and not _holds(dataset, trial):
        yield f"{named} does not fit its classes {list(classes)}"
    for label in sorted(set(classes) - set(dataset.card.vocabulary)):
        yield f"trial {trial.id!r} asks for {label!r}, which is not in the vocabulary"


def _holds(dataset: Dataset, trial: Trial) -> bool:
    mixture = dataset.mixtures[trial.mixture_id]
    present = {source.label for source in mixture.sources}
    wanted = {source.label for source in mixture.sources if source.id in trial.target_ids}
    active = present & set(trial.clue.classes)
    inactive = set(trial.clue.classes) - present
    return active == wanted and len(active) == trial.condition.n_active and len(inactive) == trial.condition.n_inactive


def check_files(dataset: Dataset, folder: Path) -> Iterator[Finding]:
    """Check that all files of a materialised set exist and none is cut; no finding for another set."""
    if not (folder / AUDIO).is_dir():
        return
    files = wav_files(dataset, folder)
    lacking = sorted(file.path.relative_to(folder).as_posix() for file in files if not file.whole)
    problems = []
    if lacking:
        problems.append(
            f"{len(lacking)} of the {len(files)} files of {AUDIO}/ are missing or cut, the first "
            f"is {lacking[0]!r}; {_AGAIN}"
        )
    elif found := other_build(dataset, folder):
        problems.append(
            f"{AUDIO}/ holds files of another build (fingerprint {found[:12]}, not "
            f"{dataset.card.fingerprint[:12]}); remove it, and {_AGAIN}"
        )
    yield judged("files", looked_at=len(files), problems=problems)
