"""A dataset on disk: card.json, mixtures.jsonl, trials.jsonl, files.jsonl, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..errors import DatasetError
from ..files import make_folder, write_atomic
from .config import CorpusConfig, DatasetConfig
from .types import Clip, Mixture, Trial

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHash:
    """Content hash of one recording that the set uses."""

    corpus: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """What a dataset is, where it comes from, and a fingerprint over its content.

    Attributes:
        params: builder parameters as in the config.
        corpora: configs of the corpora, without folders.
        licences: licence by corpus.
        counts: mixtures, trials, trials by condition, exclusions by reason, files.
        vocabulary: sound classes of the set, sorted; empty for speech.
        fingerprint: SHA-256 (hex) over recipes, trials and the hashes of all recordings.
    """

    name: str
    version: str
    description: str
    builder: str
    split: str
    seed: int
    sample_rate_hz: int
    params: Mapping[str, Any]
    corpora: Mapping[str, CorpusConfig]
    corpus_versions: Mapping[str, str]
    licences: Mapping[str, str]
    vocabulary: tuple[str, ...]
    counts: Mapping[str, int]
    tsebench_version: str
    fingerprint: str = ""

    def matches(self, config: DatasetConfig) -> bool:
        """Whether this card was made from that config."""
        same = ("name", "version", "builder", "split", "seed")
        return all(getattr(self, key) == getattr(config, key) for key in same) and (
            _canonical(self.params) == _canonical(config.params)
            and dict(self.corpora) == dict(config.corpora)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that a dataset folder says, without audio."""

    card: DatasetCard
    mixtures: Sequence[Mixture] = field(repr=False)
    trials: Sequence[Trial] = field(repr=False)
    files: Sequence[FileHash] = field(repr=False)


_CARD: TypeAdapter[DatasetCard] = TypeAdapter(DatasetCard)
_MIXTURE: TypeAdapter[Mixture] = TypeAdapter(Mixture)
_TRIAL: TypeAdapter[Trial] = TypeAdapter(Trial)
_FILE: TypeAdapter[FileHash] = TypeAdapter(FileHash)


def fingerprint(manifest: Manifest) -> str:
    """SHA-256 (hex) over name, version, recipes, trials and recordings; not over the folder."""
    summary = hashlib.sha256()
    head = [manifest.card.name, manifest.card.version, manifest.card.sample_rate_hz]
    summary.update(_canonical(head).encode())
    for content in _parts(manifest).values():
        summary.update(hashlib.sha256(content).digest())
    return summary.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a dataset folder; the card comes last, so that a folder with a card is complete.

    Raises:
        OutputError: the folder cannot be written.
    """
    make_folder(folder)
    for name, content in _parts(manifest).items():
        write_atomic(folder / name, content)
    write_atomic(folder / "card.json", _CARD.dump_json(manifest.card, indent=2) + b"\n")


def read_card(folder: Path) -> DatasetCard:
    """Read card.json.

    Raises:
        DatasetError: the folder holds no dataset, or the card is damaged.
    """
    path = folder / "card.json"
    if not path.is_file():
        raise DatasetError(
            f"{str(folder)!r} is not a dataset folder (no card.json); "
            "build one with `tsebench build CONFIG --out DIR`"
        )
    return _read_one(_CARD, path.read_bytes(), f"{path}")


def read_manifest(folder: Path) -> Manifest:
    """Read a dataset folder and check that its parts fit together.

    Raises:
        DatasetError: a part is missing, damaged, names a path outside its corpus, refers to what
            is not there, or does not have the content that the fingerprint was made from.
    """
    manifest = Manifest(
        card=read_card(folder),
        mixtures=_read_lines(_MIXTURE, folder / "mixtures.jsonl"),
        trials=_read_lines(_TRIAL, folder / "trials.jsonl"),
        files=_read_lines(_FILE, folder / "files.jsonl"),
    )
    _check_paths(manifest, folder)
    _check_references(manifest, folder)
    if fingerprint(manifest) != manifest.card.fingerprint:
        raise DatasetError(
            f"dataset {str(folder)!r} was changed after it was built (its fingerprint does not "
            "fit); build it again"
        )
    return manifest


def clips_of(mixtures: Iterable[Mixture], trials: Iterable[Trial]) -> Iterable[Clip]:
    """Every clip that mixtures and clues use, with repetitions."""
    for mixture in mixtures:
        for source in mixture.sources:
            yield source.clip
    for trial in trials:
        yield from trial.clue.enrollments


def _parts(manifest: Manifest) -> dict[str, bytes]:
    return {
        "mixtures.jsonl": b"".join(_MIXTURE.dump_json(m) + b"\n" for m in manifest.mixtures),
        "trials.jsonl": b"".join(_TRIAL.dump_json(t) + b"\n" for t in manifest.trials),
        "files.jsonl": b"".join(_FILE.dump_json(f) + b"\n" for f in manifest.files),
    }


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)


def _read_lines(adapter: TypeAdapter[T], path: Path) -> list[T]:
    if not path.is_file():
        raise DatasetError(f"dataset file {str(path)!r} is missing; build the dataset again")
    lines = path.read_bytes().splitlines()
    return [_read_one(adapter, line, f"{path} line {n}") for n, line in enumerate(lines, 1)]


def _read_one(adapter: TypeAdapter[T], content: bytes, where: str) -> T:
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise DatasetError(
            f"{where} is damaged: {key}: {first['msg']}; build the dataset again"
        ) from None


def _check_paths(manifest: Manifest, folder: Path) -> None:
    for clip in clips_of(manifest.mixtures, manifest.trials):
        path = PurePosixPath(clip.path)
        if path.is_absolute() or ".." in path.parts or "\\" in clip.path:
            raise DatasetError(
                f"dataset {str(folder)!r}: path {clip.path!r} leaves the folder of corpus "
                f"{clip.corpus!r}; only relative paths without '..' are allowed"
            )


def _check_references(manifest: Manifest, folder: Path) -> None:
    sources = {mixture.id: {s.id for s in mixture.sources} for mixture in manifest.mixtures}
    seen: set[str] = set()
    for trial in manifest.trials:
        if trial.id in seen:
            raise DatasetError(f"dataset {str(folder)!r}: trial id {trial.id!r} appears twice")
        seen.add(trial.id)
        missing = set(trial.target_ids) - sources.get(trial.mixture_id, set())
        if trial.mixture_id not in sources or missing:
            raise DatasetError(
                f"dataset {str(folder)!r}: trial {trial.id!r} refers to mixture "
                f"{trial.mixture_id!r} and sources {list(trial.target_ids)}, which are not there"
            )
