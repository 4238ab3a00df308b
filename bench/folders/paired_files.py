"""Folders of audio files, paired by name: a set of trials, and answers to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ...core.errors import AudioError, ConfigError
from ...datasets.corpora.disk.csv_table import read_table, refuse_repeated
from ...datasets.seeding import digest
from ...datasets.signals.audio import AudioInfo, info, read_mono
from ...datasets.transcripts import clean_text
from ...datasets.types import Clues, ClueSpec, Condition, Query, Trial, Truth
from ...systems.protocol import LENGTH_TOLERANCE_S, far_too_long
from ..inference.ask import Answer, Inference
from ..inference.batching import Item
from .audio_folder import key_of, list_audio, unlike_names

DATASET = "files"  # name of the set in rows and run.json


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFiles:
    """References by key (path below the folder, without suffix), and their estimates and mixtures.

    Attributes:
        fingerprint: of references, mixtures, channel and transcripts, against which any system is scored.
        answers: digest of the estimates.
        transcripts: words of the references by key; empty if not given.
        unread: suffixes of estimates of kinds that are not read, by key.
    """

    keys: tuple[str, ...]
    references: Mapping[str, Path]
    estimates: Mapping[str, Path]
    mixtures: Mapping[str, Path]
    sample_rate_hz: int
    channel: int | None
    fingerprint: str
    answers: str
    transcripts: Mapping[str, str]
    unread: Mapping[str, str] = field(default_factory=dict)
    name: str = DATASET


def read_signal(path: Path, channel: int | None, *, finite: bool = True) -> torch.Tensor:
    """One channel [T] of a file; `channel` counts where there are several.

    Raises:
        AudioError: the file is missing, corrupt or empty, or not finite though it must be.
    """
    return torch.from_numpy(read_mono(path, channel=channel if info(path).channels > 1 else None, finite=finite)[0])


class FileSet:
    """Paired files as a set of trials; without mixtures the references take their place."""

    def __init__(self, files: PairedFiles) -> None:
        self.files = self.card = files
        alone = Condition(n_active=1, n_inactive=0)
        self.trials = tuple(
            Trial(id=key, mixture_id=key, clue=ClueSpec(), target_ids=(key,), condition=alone, cluster=key)
            for key in files.keys
        )

    def __len__(self) -> int:
        return len(self.trials)

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """Query and truth of one trial; mixture − reference counts as the interferer. Raises as `read_signal`."""
        files, key = self.files, self.files.keys[index]
        reference = read_signal(files.references[key], files.channel)
        mixture, interferers = reference, reference.new_zeros(0, len(reference))
        if key in files.mixtures:
            mixture = read_signal(files.mixtures[key], files.channel)
            shorter = min(len(mixture), len(reference))
            interferers = (mixture[:shorter] - reference[:shorter])[None]
        query = Query(id=key, mixture=mixture[None], sample_rate_hz=files.sample_rate_hz, clues=Clues())
        return query, Truth(
            target=reference[None], interferers=interferers, active_classes=(), transcript=files.transcripts.get(key)
        )


class FileAnswers:
    """Answers that were made elsewhere, one file for each trial; an `AnswerSource`.

    Args:
        folder: files by key; one that is missing or cannot be read is a failure.
        unread: suffixes, by key, of files of kinds that are not read.
        identity: determines the content of the files; "" keeps their scores out of the cache.
    """

    classes: tuple[str, ...] | None = None
    inference: Inference | None = None

    def __init__(
        self, folder: Mapping[str, Path], *, channel: int | None, identity: str, unread: Mapping[str, str] | None = None
    ) -> None:
        self.identity, self.reusable = identity, bool(identity)
        self._folder, self._channel, self._unread = folder, channel, unread or {}

    def complete(self, _: Sequence[str], /) -> bool:
        """True: there is nothing to ask."""
        return True

    def stored(self, items: Sequence[Item]) -> dict[int, Answer]:
        """All answers, by item index."""
        return {item.index: self._read(item) for item in items}

    def store(self, _items: Sequence[Item], _answers: Mapping[int, Answer], /) -> None:
        """Nothing: the files are there."""

    def _read(self, item: Item) -> Answer:
        key = item.query.id
        path = self._folder.get(key)
        if path is None:
            return Answer(failure=f"not read: {self._unread[key]}" if key in self._unread else "missing")
        try:
            if far_too_long(info(path).frames, item.length, item.query.sample_rate_hz):
                return Answer(failure="length")
            return Answer(estimate=read_signal(path, self._channel, finite=False))
        except AudioError as error:
            # Without its folder, so that rows of two machines are equal.
            return Answer(failure=f"unreadable: {error}".replace(str(path), f"{key}{path.suffix}"))


def pair_folders(
    estimates: Path, references: Path, mixtures: Path | None, *, channel: int | None, transcripts: Path | None = None
) -> PairedFiles:
    """List the folders and compare their headers.

    Args:
        channel: channel of files with several; None refuses them.
        transcripts: CSV file with the columns `name` and `text`, or None.

    Raises:
        ConfigError: nothing to score, a mixture is missing, or headers do not fit.
        AudioError: a reference or a mixture cannot be read.
    """
    of_references = list_audio(references, "references", complete=True).files
    answers = list_audio(estimates, "estimates", complete=False)
    of_estimates = answers.files
    of_mixtures = list_audio(mixtures, "mixtures", complete=True).files if mixtures else {}
    keys = tuple(sorted(of_references))
    if not set(keys) & set(of_estimates):
        raise ConfigError(
            f"no file of {str(estimates)!r} has the name of a reference in {str(references)!r}: "
            f"{unlike_names(keys, of_estimates)}; files are paired by path below the folder, without suffix"
        )
    lost = [key for key in keys if mixtures and key not in of_mixtures]
    if lost:
        raise ConfigError(
            f"{len(lost)} of {len(keys)} references have no mixture in {str(mixtures)!r}, "
            f"the first is {lost[0]!r}; add it, or leave out --mixtures"
        )
    targets = [of_references[key] for key in keys]
    others = [of_mixtures[key] for key in keys if of_mixtures]
    answered = {key: of_estimates[key] for key in keys if key in of_estimates}
    rate = info(targets[0]).sample_rate_hz
    wanted = _check_headers(targets, rate, channel, readable=True)
    mixed = _check_headers(others, rate, channel, readable=True)
    _check_headers(answered.values(), rate, channel, readable=False)
    _check_lengths(wanted, mixed)
    said = _read_transcripts(transcripts, keys) if transcripts else {}
    return PairedFiles(
        keys=keys,
        references=of_references,
        estimates=of_estimates,
        mixtures=of_mixtures,
        sample_rate_hz=rate,
        channel=channel,
        fingerprint=digest(
            "files",
            str(channel),
            *keys,
            *_hashes([*targets, *others]),
            *(f"{key}\0{text}" for key, text in said.items()),
        ),
        answers=digest("answers", *answered, *_hashes(answered.values())),
        transcripts=said,
        unread=answers.unread,
    )


def _read_transcripts(path: Path, keys: Sequence[str]) -> dict[str, str]:
    """Texts by key, in the order of the keys; a name may have a suffix, which does not count."""
    table = read_table(path)
    names = table.full_column("name", option="--transcripts")
    named = [key_of(name) for name in names]
    refuse_repeated(path, zip(table.lines, named, strict=True), what="name", error=ConfigError)
    texts = map(clean_text, table.column("text", option="--transcripts"))
    known = {name: text for name, text in zip(named, texts, strict=True) if text}
    found = {key: known[key] for key in keys if key in known}
    if not found:
        raise ConfigError(
            f"{str(path)!r} names none of the references: {keys[0]!r} is wanted and {names[0]!r} "
            "is there; its column `name` holds their path below the folder, without suffix"
        )
    return found


def _check_headers(paths: Iterable[Path], rate: int, channel: int | None, *, readable: bool) -> dict[Path, AudioInfo]:
    """Rates and channels; a file that cannot be read is an error only if it must be readable."""
    headers = {}
    for path in paths:
        try:
            headers[path] = header = info(path)
        except AudioError:
            if readable:
                raise
            continue
        if header.sample_rate_hz != rate:
            raise ConfigError(
                f"{str(path)!r} is at {header.sample_rate_hz} Hz, but the references are at "
                f"{rate} Hz; resample it first, so that all have one rate"
            )
        if header.channels > 1 and (channel is None or not 0 <= channel < header.channels):
            asked = "" if channel is None else f", and --channel is {channel}"
            raise ConfigError(
                f"{str(path)!r} has {header.channels} channels where mono is needed{asked}; "
                f"choose one with --channel 0 ... {header.channels - 1}"
            )
    return headers


def _check_lengths(references: Mapping[Path, AudioInfo], mixtures: Mapping[Path, AudioInfo]) -> None:
    # There may be no mixtures.
    for (reference, wanted), (mixture, found) in zip(references.items(), mixtures.items(), strict=False):
        if abs(found.frames - wanted.frames) >= LENGTH_TOLERANCE_S * wanted.sample_rate_hz:
            raise ConfigError(
                f"mixture {str(mixture)!r} has {found.frames} samples, but its reference "
                f"{str(reference)!r} has {wanted.frames}; is one of them cut?"
            )


def _hashes(paths: Iterable[Path]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_sha256, paths))


def _sha256(path: Path) -> str:
    """Hash of the content; a file that cannot be opened fails when it is scored."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
