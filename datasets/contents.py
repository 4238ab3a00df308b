"""Speakers and recordings that a dataset, or the training data of a system, contains.

Recordings are identified by their content, and speakers by corpus and label, so that two sets can be compared whatever
their names are and wherever their files lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationError

from ..core.errors import AudioError, CorpusError
from .config import CorpusConfig, OpenedBuilder
from .dataset import Dataset
from .manifest import FileKey, Manifest, files_of
from .protocols.builder import Pool, Selection, open_pool
from .protocols.corpus import Corpora, Corpus, Listed, entries_of
from .seeding import digest
from .types import Mixture, Trial

MOST_HASHED = 50_000
"""Recipes with more recordings list only parts and speakers, since hashing reads every recording."""

_DRAWS = 100


def _unpacked(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


# In a file, one line of hashes and not thousands.
_Hashes = Annotated[tuple[str, ...], BeforeValidator(_unpacked), PlainSerializer(" ".join, return_type=str)]
_DIGITS = 16  # of a hash; two of a million recordings agree with a chance of 3e-8
_UNKNOWN = "?"
# Kinds for a user's own files, which are identified by their name in the config.
_OWN_FILES = frozenset({"folder", "real_folder", "scaper_set"})
# Mixtures as files are of the corpus that they were made of.
_MADE_OF = {"librimix_files": "librispeech", "wsj0_mix_files": "wsj0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Contents of a set or of training data; everything is sorted.

    Attributes:
        parts: `corpus:split`, for example "librispeech:test-clean".
        recordings: the first 16 hexadecimal digits of each one's SHA-256; empty if not listed.
        speakers: `corpus:speaker`; empty where labels are sound classes.
    """

    parts: tuple[str, ...] = ()
    recordings: _Hashes = field(default=(), repr=False)
    speakers: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Contents without the lists; equal digests (SHA-256, hex) mean equal lists."""

    parts: tuple[str, ...]
    recordings: int
    speakers: int
    recordings_sha256: str
    speakers_sha256: str


def contents_of(dataset: Dataset) -> Contents:
    """The contents of a set."""
    manifest = dataset.manifest
    files = [(file.corpus, file.path) for file in manifest.files]
    return Contents(
        parts=dataset.card.parts or parts_of(files, dataset.card.corpora, dataset.corpora),
        recordings=tuple(sorted({short(file.sha256) for file in manifest.files})),
        speakers=tuple(sorted(_speakers(manifest))),
    )


def summary_of(contents: Contents) -> Summary:
    """Counts and digests of contents."""
    return Summary(
        parts=contents.parts,
        recordings=len(contents.recordings),
        speakers=len(contents.speakers),
        recordings_sha256=digest(*contents.recordings),
        speakers_sha256=digest(*contents.speakers),
    )


def short(sha256: str) -> str:
    """First digits of a recording's hash, as `Contents` holds them."""
    return sha256[:_DIGITS]


def title_of(name: str, config: CorpusConfig) -> str:
    """Name of a corpus outside of its config: its kind, or its own name if it holds a user's files."""
    return name if config.kind in _OWN_FILES else _MADE_OF.get(config.kind, config.kind)


def parts_of(files: Iterable[FileKey], configs: Mapping[str, CorpusConfig], corpora: Corpora) -> tuple[str, ...]:
    """`corpus:split` of all parts that some files are in; `corpus:?` where the split is unknown."""
    paths: dict[str, set[str]] = {}
    for name, path in files:
        paths.setdefault(name, set()).add(path)
    found = {
        f"{title_of(name, configs[name])}:{split}"
        for name, some in paths.items()
        for split in _splits(corpora[name], some)
    }
    return tuple(sorted(found))


def is_speech(manifest: Manifest) -> bool:
    """Whether the labels of this set are speakers, queried by voice or face."""
    by_person = any(t.clue.enrollments or t.clue.video for t in manifest.trials)
    return by_person and not manifest.card.vocabulary


def speakers_in(trial: Trial, mixture: Mixture, configs: Mapping[str, CorpusConfig]) -> set[str]:
    """`corpus:speaker` of all speakers in the mixture of a trial; empty for sets of sounds."""
    if not (trial.clue.enrollments or trial.clue.video):
        return set()
    found = {
        f"{title_of(source.clip.corpus, configs[source.clip.corpus])}:{source.label}"
        for source in mixture.sources
        if source.role == "foreground"
    }
    if trial.recorded is not None:
        corpus = mixture.sources[0].clip.corpus
        found.add(f"{title_of(corpus, configs[corpus])}:{trial.recorded.speaker}")
    return found


def _speakers(manifest: Manifest) -> set[str]:
    if not is_speech(manifest):
        return set()
    mixtures = {mixture.id: mixture for mixture in manifest.mixtures}
    corpora = manifest.card.corpora
    every = (speakers_in(t, mixtures[t.mixture_id], corpora) for t in manifest.trials)
    return set().union(*every)


def _splits(corpus: Corpus, paths: set[str]) -> set[str]:
    placed = {path: corpus.split_of(path) if isinstance(corpus, Listed) else None for path in paths}
    known = {split for split in placed.values() if split is not None}
    if None not in placed.values():
        return known
    try:
        found = {entry.split for entry in entries_of(corpus) if placed.get(entry.path, "") is None}
    except (AudioError, CorpusError):
        found = {_UNKNOWN}
    # Rooms and videos are no recordings: they are of no split of their own.
    return known | found or {_UNKNOWN}


def contents_of_recipe(opened: OpenedBuilder) -> Contents:
    """All recordings that a recipe's selections name; only the parts, from some draws, of one that follows a list."""
    pools = list(_pools(opened))
    keys = sorted({(p.corpus, r.path) for p in pools for some in p.by_label.values() for r in some})
    configs = opened.config.corpora
    if not keys:
        return Contents(parts=parts_of(_some_draws(opened), configs, opened.corpora))
    splits, speakers = set[str](), set[str]()
    for pool in pools:
        title = title_of(pool.corpus, configs[pool.corpus])
        splits |= {f"{title}:{r.split}" for recordings in pool.by_label.values() for r in recordings}
        speakers |= {f"{title}:{label}" for label in pool.labels}
    return Contents(
        parts=tuple(sorted(splits)),
        recordings=_hashes(opened, keys) if len(keys) <= MOST_HASHED else (),
        speakers=() if opened.builder.vocabulary else tuple(sorted(speakers)),
    )


def _pools(opened: OpenedBuilder) -> Iterator[Pool]:
    """The recordings of every selection among a recipe's parameters."""
    config, context = opened.config, opened.context
    for key, value in config.params.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            selection = _selection(item, opened)
            if selection is None:
                continue
            yield open_pool(selection, context)
            # Few-shot sets take the known clips of the new classes from another split.
            if key == "new" and config.params.get("shots_split"):
                split = {"split": config.params["shots_split"]}
                yield open_pool(selection.model_copy(update=split), context)


def _selection(value: object, opened: OpenedBuilder) -> Selection | None:
    if not isinstance(value, Mapping) or value.get("corpus") not in opened.corpora:
        return None
    try:
        return Selection.model_validate(dict(value))
    except ValidationError:
        return None


def _some_draws(opened: OpenedBuilder) -> set[FileKey]:
    """Recordings of some mixtures, evenly spread over the list."""
    count = opened.builder.count
    keys: set[FileKey] = set()
    for place in range(min(count, _DRAWS)):
        try:
            drawn = opened.builder.draw(place * count // min(count, _DRAWS))
        except AudioError:  # a recording of this mixture is missing
            continue
        keys |= files_of([drawn.mixture], drawn.trials)
    return keys


def _hashes(opened: OpenedBuilder, keys: list[FileKey]) -> tuple[str, ...]:
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(lambda key: opened.corpora[key[0]].digest(key[1]), keys)
        return tuple(sorted({short(found) for found in hashes}))
