"""Datasets on disk: card.json, mixtures.jsonl, trials.jsonl, files.jsonl, and their fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..core.errors import DatasetError, OutputError
from ..core.file_kinds import stand_in
from ..core.files import make_folder, write_atomic
from ..core.validation import first_problem
from .config import CorpusConfig, DatasetConfig
from .facts import LevelCard
from .microphones import channels_problem
from .types import Clip, Mixture, MixtureClip, Spans, Trial

T = TypeVar("T")

FileKey = tuple[str, str]
"""Corpus and path of a recording."""

_MAX_RATE_HZ, _MAX_SAMPLES, _MAX_FRAMES, _MAX_SOURCES, _MAX_GAIN = 1_000_000, 2**31 - 1, 2**40, 10_000, 1e12
_YOUNGER_CLUES = ("negative_text", "activity", "direction")
_OF_SEVERAL_CHANNELS: Mapping[str, Any] = {
    "channels": True,
    "reference_channel": True,
    "microphones": True,
    "sources": {"__all__": {"position_m"}},
}
_SAFE_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHash:
    """Content hash of one recording that the set uses."""

    corpus: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """Identity, origin and counts of a dataset, and a fingerprint over its content.

    Attributes:
        notes: remarks of its builder for readers of the scores, one sentence each.
        missing: the first missing recordings, as `corpus:path`; `counts` has the number of mixtures left out.
        mixtures_of: earlier version with the same mixtures.
        parts: `corpus:split` of every recording, sorted; empty in sets of older releases.
        vocabulary: sound classes of the set, sorted; empty for speech.
        level: its place in a sweep; None for a plain set.
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
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    mixtures_of: str | None = None
    fingerprint: str = ""
    level: LevelCard | None = None

    def matches(self, config: DatasetConfig) -> bool:
        """Whether this card was made from that config."""

        def facts(of: DatasetCard | DatasetConfig) -> str:
            corpora = {name: corpus.model_dump() for name, corpus in of.corpora.items()}
            versions = [of.version, of.mixtures_of]
            return _canonical([of.name, versions, of.builder, of.split, of.seed, of.params, corpora])

        return facts(self) == facts(config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Content of a dataset folder, without audio."""

    card: DatasetCard
    mixtures: Sequence[Mixture] = field(repr=False)
    trials: Sequence[Trial] = field(repr=False)
    files: Sequence[FileHash] = field(repr=False)


_CARD, _MIXTURE = TypeAdapter(DatasetCard), TypeAdapter(Mixture)
_TRIAL, _FILE = TypeAdapter(Trial), TypeAdapter(FileHash)


def fingerprint(manifest: Manifest) -> str:
    """SHA-256 (hex) over name, version, rate, vocabulary, recipes, trials and hashes of the recordings.

    The folder, the description and the release of tsebench do not count: they do not change a score.
    """
    card = manifest.card
    head = [card.name, card.version, card.sample_rate_hz, card.vocabulary]
    summary = hashlib.sha256(_canonical(head).encode())
    for lines in _parts(manifest).values():
        content = hashlib.sha256()
        for line in lines:
            content.update(line)
        summary.update(content.digest())
    return summary.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a dataset folder; the card comes last, so that a folder with a card is complete."""
    make_folder(folder)
    card = folder / "card.json"
    try:
        card.unlink(missing_ok=True)  # of an older build, which is no longer complete from here on
    except OSError as error:
        raise OutputError(f"cannot replace {str(card)!r}: {error.strerror}; remove it") from None
    for name, lines in _parts(manifest).items():
        write_atomic(folder / name, b"".join(lines))
    write_atomic(card, _CARD.dump_json(manifest.card, indent=2) + b"\n")


def read_card(folder: Path) -> DatasetCard:
    """Read card.json, or raise DatasetError if the folder holds no dataset or the card is damaged."""
    path = folder / "card.json"
    if not path.is_file():
        raise DatasetError(
            f"{str(folder)!r} is not a dataset folder (no card.json); build one with `tsebench build CONFIG --out DIR`"
        )
    return _read_one(_CARD, _content(path), f"{path}")


def read_manifest(folder: Path) -> Manifest:
    """Read a dataset folder and check its parts; DatasetError if one is damaged, or the fingerprint does not match."""
    manifest = Manifest(
        card=read_card(folder),
        mixtures=_read_lines(_MIXTURE, folder / "mixtures.jsonl"),
        trials=_read_lines(_TRIAL, folder / "trials.jsonl"),
        files=_read_lines(_FILE, folder / "files.jsonl"),
    )
    check_manifest(manifest, where=f"dataset {str(folder)!r}")
    if fingerprint(manifest) != manifest.card.fingerprint:
        raise DatasetError(
            f"dataset {str(folder)!r} was changed after it was built (its fingerprint does not fit); build it again"
        )
    return manifest


def check_manifest(manifest: Manifest, *, where: str) -> None:
    """Check that the parts of a manifest fit together."""
    sources = {mixture.id: {s.id for s in mixture.sources} for mixture in manifest.mixtures}
    _check_ids([mixture.id for mixture in manifest.mixtures], f"{where}: mixture")
    _check_ids([trial.id for trial in manifest.trials], f"{where}: trial")
    for mixture in manifest.mixtures:
        _check_ids([s.id for s in mixture.sources], f"{where}: mixture {mixture.id!r}: source")
    _check_clips(manifest, where)
    _check_numbers(manifest, where)
    for trial in manifest.trials:
        missing = set(trial.target_ids) - sources.get(trial.mixture_id, set())
        if trial.mixture_id not in sources or missing:
            raise DatasetError(
                f"{where}: trial {trial.id!r} refers to mixture {trial.mixture_id!r} and sources "
                f"{list(trial.target_ids)}, which are not there; build it again"
            )
        for clip in trial.clue.enrollments:
            if isinstance(clip, MixtureClip) and clip.source_id not in sources.get(clip.mixture_id, set()):
                raise DatasetError(
                    f"{where}: trial {trial.id!r} enrolls with source {clip.source_id!r} of "
                    f"mixture {clip.mixture_id!r}, which is not there; build it again"
                )
        _check_recorded(trial, where)
        _check_times(trial, trial.clue.activity, where)
        _check_direction(trial, where)


def clips_of(mixtures: Iterable[Mixture], trials: Iterable[Trial]) -> Iterable[Clip]:
    """Every clip that mixtures and clues use, with repetitions."""
    for mixture in mixtures:
        for source in mixture.sources:
            yield source.clip
            if source.impulse_response is not None:
                yield source.impulse_response
    for trial in trials:
        yield from (clip for clip in trial.clue.enrollments if isinstance(clip, Clip))
        if trial.clue.video is not None:
            video = trial.clue.video
            # Of a black video the first picture is read, for its size.
            yield Clip(corpus=video.corpus, path=video.path, start=video.start, frames=max(1, video.frames))
        for degraded in trial.degraded:
            yield from degraded.clips


def files_of(mixtures: Iterable[Mixture], trials: Iterable[Trial]) -> set[FileKey]:
    """Corpus and path of every file that mixtures and clues use."""
    return {(clip.corpus, clip.path) for clip in clips_of(mixtures, trials)}


def _parts(manifest: Manifest) -> dict[str, Iterator[bytes]]:
    return {
        "mixtures.jsonl": map(_mixture_line, manifest.mixtures),
        "trials.jsonl": map(_trial_line, manifest.trials),
        "files.jsonl": (_FILE.dump_json(f) + b"\n" for f in manifest.files),
    }


def _mixture_line(mixture: Mixture) -> bytes:
    """One line; sets of one channel keep the lines, and so the fingerprints, that they had before others came."""
    several = mixture.channels > 1
    return _MIXTURE.dump_json(mixture, exclude=None if several else _OF_SEVERAL_CHANNELS) + b"\n"


def _trial_line(trial: Trial) -> bytes:
    """One line; sets without the younger fields keep the lines, and so the fingerprints, that they had before."""
    empty = [name for name in ("recorded", "degraded") if not getattr(trial, name)]
    exclude: dict[str, bool | set[str]] = dict.fromkeys(empty, True)
    exclude["clue"] = {name for name in _YOUNGER_CLUES if getattr(trial.clue, name) is None}
    return _TRIAL.dump_json(trial, exclude=exclude) + b"\n"


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)


def _read_lines(adapter: TypeAdapter[T], path: Path) -> list[T]:
    if not path.is_file():
        raise DatasetError(f"dataset file {str(path)!r} is missing; build the dataset again")
    lines = _content(path).splitlines()
    return [_read_one(adapter, line, f"{path} line {n}") for n, line in enumerate(lines, 1)]


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {str(path)!r}: {error.strerror}; correct its permissions") from None
    if (other := stand_in(content)) is not None:
        raise DatasetError(f"dataset file {str(path)!r} is {other}; build the dataset again")
    return content


def _read_one(adapter: TypeAdapter[T], content: bytes, where: str) -> T:
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        raise DatasetError(f"{where} is damaged: {first_problem(error, None)}; build the dataset again") from None


def _check_ids(ids: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for name in ids:
        if not _SAFE_ID.fullmatch(name):
            raise DatasetError(
                f"{what} id {name!r} cannot be a file name; only letters, digits and _ . + - are allowed"
            )
        if name in seen:
            raise DatasetError(f"{what} id {name!r} appears twice; build the dataset again")
        seen.add(name)


def _check_clips(manifest: Manifest, where: str) -> None:
    """Every clip lies inside a corpus of the card, and its recording has a hash."""
    hashed = {(file.corpus, file.path) for file in manifest.files}
    for corpus, path in sorted(files_of(manifest.mixtures, manifest.trials) | hashed):
        inside = PurePosixPath(path)
        if inside.is_absolute() or ".." in inside.parts or "\\" in path:
            raise DatasetError(
                f"{where}: path {path!r} leaves the folder of corpus {corpus!r}; only relative "
                "paths without '..' and '\\' are allowed"
            )
        if corpus not in manifest.card.corpora:
            raise DatasetError(f"{where}: {path!r} is of corpus {corpus!r}, which the card lacks")
        if (corpus, path) not in hashed:
            raise DatasetError(f"{where}: {path!r} of corpus {corpus!r} is not in files.jsonl")


def _check_recorded(trial: Trial, where: str) -> None:
    """A target without reference has no sources, and its activity is in order."""
    if trial.recorded is None:
        return
    if trial.target_ids:
        raise DatasetError(f"{where}: trial {trial.id!r} has targets and is said to have no reference; build it again")
    _check_times(trial, trial.recorded.activity, where)


def _check_times(trial: Trial, spans: Spans | None, where: str) -> None:
    """Spans are sorted, without overlap, and from 0 on."""
    last = 0.0
    for start, end in spans or ():
        if not last <= start < end <= _MAX_SAMPLES:  # also False for NaN
            raise DatasetError(
                f"{where}: trial {trial.id!r}: activity {start:.6g} ... {end:.6g} s is out of order; build it again"
            )
        last = end


def _check_direction(trial: Trial, where: str) -> None:
    found = trial.clue.direction
    if found is None or (-180.0 < found.azimuth_deg <= 180.0 and -90.0 <= found.elevation_deg <= 90.0):
        return
    raise DatasetError(
        f"{where}: trial {trial.id!r}: direction {found.azimuth_deg:.6g}°, {found.elevation_deg:.6g}° is not within "
        "-180 < azimuth <= 180 and -90 <= elevation <= 90; build it again"
    )


def _check_numbers(manifest: Manifest, where: str) -> None:
    """Rates, lengths, positions and gains are within bounds that no real set reaches."""

    def check(what: str, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:  # also False for NaN
            raise DatasetError(
                f"{where}: {what}: {name} = {value:.6g} is not in {low:.6g} ... {high:.6g}; build it again"
            )

    check("card", "sample_rate_hz", manifest.card.sample_rate_hz, 1, _MAX_RATE_HZ)
    for mixture in manifest.mixtures:
        what = f"mixture {mixture.id!r}"
        check(what, "number of sources", len(mixture.sources), 1, _MAX_SOURCES)
        check(what, "sample_rate_hz", mixture.sample_rate_hz, 1, _MAX_RATE_HZ)
        check(what, "num_samples", mixture.num_samples, 1, _MAX_SAMPLES)
        places = [source.position_m for source in mixture.sources]
        if problem := channels_problem(
            mixture.microphones, channels=mixture.channels, reference=mixture.reference_channel, sources_m=places
        ):
            raise DatasetError(f"{where}: {what}: {problem}; build it again")
        for source in mixture.sources:
            check(what, f"gain of {source.id!r}", source.gain, -_MAX_GAIN, _MAX_GAIN)
            check(what, f"onset of {source.id!r}", source.onset, -_MAX_SAMPLES, _MAX_SAMPLES)
            check(what, f"fade of {source.id!r}", source.fade, 0, _MAX_SAMPLES)
    for clip in clips_of(manifest.mixtures, manifest.trials):
        check(f"clip {clip.path!r}", "start", clip.start, 0, _MAX_FRAMES)
        check(f"clip {clip.path!r}", "frames", clip.frames, 1, _MAX_FRAMES)
    for trial in manifest.trials:
        condition = trial.condition
        check(f"trial {trial.id!r}", "n_active", condition.n_active, 0, _MAX_SOURCES)
        check(f"trial {trial.id!r}", "n_inactive", condition.n_inactive, 0, _MAX_SOURCES)
