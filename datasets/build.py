"""Building of dataset folders from configs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from .. import __version__
from ..core.errors import AudioError, DatasetError, TsebenchError
from ..core.folder_lock import folder_lock
from ..core.progress import ProgressFactory, quiet
from .config import DatasetConfig, OpenedBuilder, open_builder
from .contents import parts_of
from .dataset import Dataset, load_dataset
from .manifest import (
    DatasetCard,
    FileHash,
    FileKey,
    Manifest,
    check_manifest,
    files_of,
    fingerprint,
    read_card,
    write_manifest,
)
from .materialise import materialise
from .missing import (
    LOST,
    MISSING,
    MISSING_ENROLLMENT,
    NAMED,
    SHORT,
    IncompleteCorpusError,
    MissingRecordingsError,
    absent_from,
    count_by_corpus,
    leave_out,
    refusal,
    shortfalls_of,
)
from .protocols.builder import Drawn, TooFewRecordingsError
from .protocols.corpus import Corpora
from .types import Mixture, MixtureClip, Trial

__all__ = ["build", "materialise"]

_WAIT_S = 60.0  # for another process that writes into the folder


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """All draws of a builder.

    `lost` mixtures need a missing recording, `short` ones have too few to draw from, and `missing` has the reasons.
    """

    drawn: Sequence[Drawn]
    lost: int
    short: int
    hashes: Mapping[FileKey, str]
    missing: Mapping[FileKey, str]


def build(
    config: DatasetConfig,
    folder: Path,
    *,
    corpus_dirs: Mapping[str, Path],
    jobs: int = 1,
    reuse: bool = False,
    allow_missing: bool = False,
    opened: OpenedBuilder | None = None,
    progress: ProgressFactory = quiet,
) -> Dataset:
    """Build a dataset folder; a build that is killed leaves no card, and starts over.

    Args:
        jobs: threads that draw mixtures; the result does not depend on it.
        reuse: open an existing folder of the same config, if it is complete or `allow_missing` is set.
        allow_missing: leave out mixtures and trials whose recordings are missing, and draw from the rest of a corpus
            that mixtures are drawn from; the card counts the recordings and names the first.

    Raises:
        DatasetError: nothing can be drawn, recordings are missing, or the folder holds another dataset.
    """
    card = _check_folder(config, folder)
    if card is not None and reuse and (allow_missing or not card.missing):
        return load_dataset(folder, corpus_dirs=corpus_dirs)
    dataset = draw_dataset(
        config, corpus_dirs=corpus_dirs, jobs=jobs, allow_missing=allow_missing, opened=opened, progress=progress
    )
    with folder_lock(folder, wait_s=_WAIT_S):
        _check_folder(config, folder)  # again: another process may have built into it meanwhile
        write_manifest(folder, dataset.manifest)
    return dataset


def draw_dataset(
    config: DatasetConfig,
    *,
    corpus_dirs: Mapping[str, Path],
    jobs: int = 1,
    allow_missing: bool = False,
    opened: OpenedBuilder | None = None,
    progress: ProgressFactory = quiet,
) -> Dataset:
    """The dataset of a config in memory, without a folder; arguments and errors are those of `build`."""
    opened = opened or _open(config, corpus_dirs, allow_missing=allow_missing)
    draws = _draw(opened, jobs, progress)
    complete = leave_out(draws.drawn, draws.missing.keys())
    lost = draws.lost + len(draws.drawn) - len(complete)
    if draws.missing and not allow_missing:
        trials_lost = sum(item.excluded.get(MISSING_ENROLLMENT, 0) for item in complete)
        left = sum(bool(item.trials) for item in complete)
        raise refusal(config.name, draws.missing, mixtures=lost, trials=trials_lost, short=draws.short, complete=left)
    missing = {**absent_from(opened.corpora), **draws.missing}
    draws = replace(draws, drawn=complete, lost=lost, missing=missing)
    mixtures, trials = _used(complete)
    if not trials:
        raise _no_trial(config.name, draws)
    manifest = _manifest(opened, draws, mixtures, trials)
    check_manifest(manifest, where=f"dataset {config.name!r}")
    return Dataset(manifest, opened.corpora)


def _no_trial(name: str, draws: _Draws) -> DatasetError:
    if not draws.missing:
        return DatasetError(f"dataset {name!r} has no trial; check its corpora and `params`")
    first = min(draws.missing)
    short = f" and {draws.short} have too few other recordings to enroll with" if draws.short else ""
    return DatasetError(
        f"dataset {name!r} has no trial: recordings are missing ({count_by_corpus(draws.missing)}), the first is "
        f"{first[1]!r}; {draws.lost} mixtures need one of them{short}; complete the corpora"
    )


def _open(config: DatasetConfig, corpus_dirs: Mapping[str, Path], *, allow_missing: bool) -> OpenedBuilder:
    """Open a builder; if a corpus is incomplete, the error counts all recordings that the set lacks."""
    try:
        return open_builder(config, corpus_dirs, allow_missing=allow_missing)
    except IncompleteCorpusError as error:
        first = error
    try:
        lacking = absent_from(open_builder(config, corpus_dirs, allow_missing=True).corpora)
    except TsebenchError:  # the recordings left are not enough for the set
        raise first from None
    if len(lacking) <= first.missing:
        raise first
    raise IncompleteCorpusError(
        f"{first} (the set lacks {len(lacking)} recordings: {count_by_corpus(lacking)})", len(lacking)
    )


def _check_folder(config: DatasetConfig, folder: Path) -> DatasetCard | None:
    """The card of the set that a folder holds, if any; DatasetError if it is of another config."""
    if not (folder / "card.json").is_file():
        return None
    card = _card_of(folder)
    if not card.matches(config):
        raise DatasetError(
            f"folder {str(folder)!r} holds dataset {card.name!r} made from another config; "
            "remove it or choose another with --out"
        )
    return card


def _card_of(folder: Path) -> DatasetCard:
    try:
        return read_card(folder)
    except DatasetError as error:
        raise DatasetError(f"{error}, after removing folder {str(folder)!r}, or choose another with --out") from None


def _manifest(opened: OpenedBuilder, draws: _Draws, mixtures: Sequence[Mixture], trials: Sequence[Trial]) -> Manifest:
    builder, config = opened.builder, opened.config
    used = sorted(files_of(mixtures, trials))
    files = [FileHash(corpus=key[0], path=key[1], sha256=draws.hashes[key]) for key in used]
    card = DatasetCard(
        name=config.name,
        version=config.version,
        mixtures_of=config.mixtures_of,
        description=config.description,
        builder=config.builder,
        split=config.split,
        seed=config.seed,
        sample_rate_hz=builder.sample_rate_hz,
        params=config.params,
        corpora=config.corpora,
        corpus_versions={name: corpus.version for name, corpus in opened.corpora.items()},
        licences={name: corpus.licence for name, corpus in opened.corpora.items()},
        vocabulary=builder.vocabulary,
        counts=_counts(draws, mixtures, trials, len(files)),
        tsebench_version=__version__,
        notes=(*getattr(builder, "notes", ()), *shortfalls_of(opened.corpora)),
        missing=tuple(f"{corpus}:{path}" for corpus, path in sorted(draws.missing)[:NAMED]),
        parts=parts_of(used, config.corpora, opened.corpora),
    )
    manifest = Manifest(card=card, mixtures=mixtures, trials=trials, files=files)
    return replace(manifest, card=replace(card, fingerprint=fingerprint(manifest)))


def _draw(opened: OpenedBuilder, jobs: int, progress: ProgressFactory) -> _Draws:
    """Draw all mixtures and hash the recordings that they use."""
    drawn: list[Drawn] = []
    missing: dict[FileKey, str] = {}
    short: list[TooFewRecordingsError] = []
    lost = 0
    for item in _draw_all(opened, jobs, progress):
        if isinstance(item, Drawn):
            drawn.append(item)
            continue
        if isinstance(item, TooFewRecordingsError):
            short.append(item)
        else:
            lost += 1
            missing.update(item.reasons)
    if short and not missing and not absent_from(opened.corpora):
        raise short[0]
    used = files_of([item.mixture for item in drawn], [trial for item in drawn for trial in item.trials])
    hashes: dict[FileKey, str] = {}
    for key, found in _hash_all(opened.corpora, sorted(used), f"hash {opened.config.name}", progress):
        if isinstance(found, AudioError):
            missing[key] = str(found)
        else:
            hashes[key] = found
    return _Draws(drawn=drawn, lost=lost, short=len(short), hashes=hashes, missing=missing)


def _draw_all(
    opened: OpenedBuilder, jobs: int, progress: ProgressFactory
) -> Iterator[Drawn | MissingRecordingsError | TooFewRecordingsError]:
    """Mixtures in order; each draw depends on its index alone."""

    def draw(index: int) -> Drawn | MissingRecordingsError | TooFewRecordingsError:
        try:
            drawn = opened.builder.draw(index)
        except (MissingRecordingsError, TooFewRecordingsError) as error:
            return error
        return replace(drawn, rendered=None)  # signals of all would fill RAM

    count = opened.builder.count
    what = f"build {opened.config.name}"
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool, progress(what, count) as advance:
        for drawn in pool.map(draw, range(count)):
            advance(1)
            yield drawn


def _hash_all(
    corpora: Corpora, keys: Sequence[FileKey], what: str, progress: ProgressFactory
) -> Iterator[tuple[FileKey, str | AudioError]]:
    def digest(key: FileKey) -> str | AudioError:
        try:
            return corpora[key[0]].digest(key[1])
        except AudioError as error:
            return error

    with ThreadPoolExecutor() as pool, progress(what, len(keys)) as advance:
        for key, found in zip(keys, pool.map(digest, keys), strict=True):
            advance(1)
            yield key, found


def _used(drawn: Sequence[Drawn]) -> tuple[list[Mixture], list[Trial]]:
    """Mixtures that have a trial, or whose sources enroll in one; and all trials."""
    trials = [trial for item in drawn for trial in item.trials]
    enrolled = {clip.mixture_id for trial in trials for clip in trial.clue.enrollments if isinstance(clip, MixtureClip)}
    mixtures = [item.mixture for item in drawn if item.trials or item.mixture.id in enrolled]
    return mixtures, trials


def _counts(draws: _Draws, mixtures: Sequence[Mixture], trials: Sequence[Trial], files: int) -> dict[str, int]:
    queried = {trial.mixture_id for trial in trials}
    counts = Counter({"mixtures": len(queried), "trials": len(trials), "files": files})
    if len(mixtures) > len(queried):
        counts["mixtures_enrollment_only"] = len(mixtures) - len(queried)
    counts.update(Counter(sorted(f"trials_{t.condition.kind}_{t.condition}" for t in trials)))
    counts.update({key: n for key, n in ((LOST, draws.lost), (SHORT, draws.short), (MISSING, len(draws.missing))) if n})
    if loud := sum(item.above_full_scale for item in draws.drawn):
        counts["mixtures_above_full_scale"] = loud
    for item in draws.drawn:
        for reason, number in item.excluded.items():
            counts[f"excluded_{reason}"] += number
    return dict(counts)
