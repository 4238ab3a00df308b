"""Audio files of references, estimates and mixtures, paired by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ...core.errors import ConfigError
from ...core.prefetch import ahead
from ...core.processors import usable_processors
from ...datasets.seeding import digest
from ...datasets.signals.audio import AudioInfo
from ..score_row import FILES
from .audio_folder import AudioFolder, list_audio, unlike_names
from .channels import Channel, Channels, Folder
from .file_faults import FileFaults, Headers, check_headers, common_rate_hz, length_faults, read_headers
from .known_facts import FactTables, KnownFacts

DATASET = FILES  # name of the set in rows and run.json
_TOGETHER = 8  # files that a thread hashes in a row: handing each to a thread takes longer than the hash of a short one


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFiles:
    """Files before any is opened, by trial.

    Attributes:
        keys: ids of the trials.
        mixtures: None if there is no folder of them.
        mixture_ids: of trials that share a mixture with others; the others have a mixture of their own name.
        unpaired: estimates that have no reference.
        unreferenced: there are no references at all.
    """

    keys: tuple[str, ...]
    references: AudioFolder
    estimates: AudioFolder
    mixtures: AudioFolder | None
    mixture_ids: Mapping[str, str] = field(default_factory=dict)
    unpaired: tuple[str, ...] = ()
    unreferenced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFiles:
    """References by trial (path below the folder, without suffix), and their estimates and mixtures.

    Attributes:
        channels: chosen for files with several.
        used: channels by folder, of folders where a file has several.
        fingerprint: of references, mixtures, their channels and transcripts, against which any system is scored.
        answers: digest of the estimates and their channel.
        facts: words, activity and the like, by trial.
        enrollments: recordings of the targets' voices by trial; empty if not given.
        unreferenced: there are no references, as of real recordings.
        faults: why files are not scored.
        mixture_ids: of trials that share a mixture with others.
        unpaired: estimates that have no reference, and are left out.
        permutation: how estimates are assigned to the references of a mixture, "" if by name.
        outputs: name of the assigned output by trial.
        left_out: outputs beyond the references of their mixture.
        reordered: mixtures whose outputs are in another order than the references.
    """

    keys: tuple[str, ...]
    references: Mapping[str, Path]
    estimates: Mapping[str, Path]
    mixtures: Mapping[str, Path]
    sample_rate_hz: int
    channels: Channels
    used: Mapping[Folder, Channel]
    fingerprint: str
    answers: str
    facts: KnownFacts = field(default_factory=KnownFacts)
    enrollments: Mapping[str, Path] = field(default_factory=dict)
    unreferenced: bool = False
    faults: FileFaults = field(default_factory=FileFaults)
    mixture_ids: Mapping[str, str] = field(default_factory=dict)
    unpaired: tuple[str, ...] = ()
    permutation: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    name: str = DATASET

    @property
    def transcripts(self) -> Mapping[str, str]:
        """Words of the targets by trial; empty if not given."""
        return self.facts.transcripts

    @property
    def mixture_names(self) -> tuple[str, ...]:
        """Ids of the mixtures, in the order of the trials."""
        return tuple(dict.fromkeys(map(self.mixture_of, self.keys)))

    @property
    def signature_end(self) -> str:
        """Ending of every metric's signature for the permutation; "" without one."""
        return f"|perm:{self.permutation}" if self.permutation else ""

    def mixture_of(self, key: str) -> str:
        """Id of the mixture of a trial."""
        return self.mixture_ids.get(key, key)


def list_folders(estimates: Path, references: Path, mixtures: Path | None) -> ListedFiles:
    """Files of one folder each.

    Raises:
        ConfigError: a folder is missing or empty, or no estimate has the name of a reference.
    """
    targets = list_audio(references, "references", complete=True)
    answers = list_audio(estimates, "estimates", complete=False)
    keys = tuple(sorted({**targets.files, **targets.faults}))
    if not set(keys) & {*answers.files, *answers.faults}:
        raise ConfigError(
            f"no file of {str(estimates)!r} has the name of a reference in {str(references)!r}: "
            f"{unlike_names(keys, answers.files)}; files are paired by path below the folder, without suffix"
        )
    return ListedFiles(
        keys=keys,
        references=targets,
        estimates=answers.of(keys),
        mixtures=list_audio(mixtures, "mixtures", complete=True).of(keys) if mixtures else None,
        unpaired=tuple(sorted(set(answers.files) - set(keys))),
    )


def list_unreferenced(estimates: Path, mixtures: Path | None, facts: FactTables) -> ListedFiles:
    """Files of trials without references: the mixtures say which are wanted, or else the transcripts and activity.

    Raises:
        ConfigError: a folder is missing or empty, or no estimate has the name of a trial.
    """
    answers = list_audio(estimates, "estimates", complete=False)
    inputs = list_audio(mixtures, "mixtures", complete=True) if mixtures else None
    wanted = {*inputs.files, *inputs.faults} if inputs else set(facts.names) or {*answers.files, *answers.faults}
    keys = tuple(sorted(wanted))
    if not wanted & {*answers.files, *answers.faults}:
        where = f"mixture in {str(mixtures)!r}" if mixtures else "trial in the transcripts or activity"
        raise ConfigError(
            f"no file of {str(estimates)!r} has the name of a {where}: {unlike_names(keys, answers.files)}; files are "
            "paired by path below the folder, without suffix"
        )
    return ListedFiles(
        keys=keys,
        references=AudioFolder(),
        estimates=answers.of(keys),
        mixtures=inputs.of(keys) if inputs else None,
        unpaired=tuple(sorted(set(answers.files) - wanted)),
        unreferenced=True,
    )


def paired(files: ListedFiles, *, channels: Channels, facts: FactTables) -> PairedFiles:
    """Compare the headers of listed files, and read the facts on the trials.

    Raises:
        ConfigError: no file of a folder can be used, or transcripts, activity or recognised words name no trial.
    """
    mixtures = files.mixtures or AudioFolder()
    own: dict[Folder, AudioFolder] = {
        "references": files.references,
        "estimates": files.estimates,
        "mixtures": mixtures,
    }
    headers = {name: read_headers(folder.files) for name, folder in own.items()}
    rate_hz = _rate_hz(files, headers)
    wanted, given, mixed = (
        check_headers(found, folder=name, channels=channels, rate_hz=rate_hz) for name, found in headers.items()
    )
    voices = _enrollments(facts.files.enrollments, files.keys)
    enrolled = check_headers(read_headers(voices.files), folder="enrollments", channels=channels, rate_hz=None)
    known = facts.of(files.keys)
    folders: tuple[tuple[Folder, Headers], ...] = (
        ("references", wanted),
        ("mixtures", mixed),
        ("estimates", given),
        ("enrollments", enrolled),
    )
    used = {name: channels.of(name) for name, found in folders if found.several}
    hashed = [path for folder in (files.references, mixtures, voices) for path in _by_key(folder, files.keys)]
    answered = files.estimates.files
    several = [f"channel {used['estimates']}"] if "estimates" in used else []
    return PairedFiles(
        keys=files.keys,
        references=files.references.files,
        estimates=answered,
        mixtures=mixtures.files,
        sample_rate_hz=rate_hz,
        channels=channels,
        used=used,
        fingerprint=digest("files", _channel_text(used), *files.keys, *hashes(hashed), *known.texts()),
        answers=digest("answers", *answered, *hashes(answered.values()), *several, *_recognised(known)),
        facts=known,
        enrollments={key: voices.files[key] for key in enrolled.usable},
        unreferenced=files.unreferenced,
        faults=FileFaults(
            references={**files.references.faults, **wanted.faults},
            estimates={**files.estimates.faults, **given.faults},
            mixtures=_mixture_faults(files, mixtures, mixed, wanted) if files.mixtures else {},
        ),
        mixture_ids=files.mixture_ids,
        unpaired=files.unpaired,
    )


def _rate_hz(files: ListedFiles, headers: Mapping[Folder, Mapping[str, AudioInfo | str]]) -> int:
    """The rate of the references, or without any that of the mixtures, or else of the estimates."""
    folder: Folder = "references"
    if files.unreferenced:
        folder = "mixtures" if files.mixtures else "estimates"
    rate_hz = common_rate_hz(headers[folder].values())
    if rate_hz is None:
        key, reason = next(iter(headers[folder].items()))
        raise ConfigError(f"no file of the {folder} can be read, the first is {key!r}: {reason}; check --{folder}")
    return rate_hz


def _enrollments(folder: Path | None, keys: Sequence[str]) -> AudioFolder:
    """The enrollment of each trial that has one.

    Raises:
        ConfigError: no file has the name of a trial.
    """
    if folder is None:
        return AudioFolder()
    found = list_audio(folder, "enrollments", complete=True)
    if not set(keys) & set(found.files):
        raise ConfigError(
            f"no file of {str(folder)!r} has the name of a trial: {unlike_names(keys, found.files)}; enrollments are "
            "paired by path below the folder, without suffix"
        )
    return found.of(keys)


def _recognised(facts: KnownFacts) -> list[str]:
    """Recognised words belong to the answers."""
    return [f"recognised\0{key}\0{text}" for key, text in facts.recognised.items()]


def _mixture_faults(files: ListedFiles, folder: AudioFolder, mixed: Headers, wanted: Headers) -> Mapping[str, str]:
    """Reasons by trial why there is no mixture; if there is none at all, the folder is a wrong one."""
    keys = files.keys
    lost = {key: "missing" for key in keys if key not in folder.files}
    if len(lost) == len(keys):
        raise ConfigError(
            f"no reference has a mixture of its name in the folder of --mixtures, the first is {keys[0]!r}; "
            "check the folder, or leave out --mixtures"
        )
    return {**lost, **folder.faults, **mixed.faults, **length_faults(wanted.usable, mixed.usable)}


def _channel_text(used: Mapping[Folder, Channel]) -> str:
    """Channels of references and mixtures for the fingerprint: one if they agree, "None" if no file has several."""
    found = {name: str(channel) for name, channel in used.items() if name != "estimates"}
    if len(set(found.values())) <= 1:
        return next(iter(found.values()), "None")
    return ",".join(f"{name}={channel}" for name, channel in found.items())


def _by_key(folder: AudioFolder, keys: Sequence[str]) -> list[Path]:
    return [folder.files[key] for key in keys if key in folder.files]


def hashes(paths: Iterable[Path]) -> list[str]:
    """SHA-256 of each file; one that is there several times is read once."""
    wanted = [str(path) for path in paths]
    different = list(dict.fromkeys(wanted))
    parts = [different[first : first + _TOGETHER] for first in range(0, len(different), _TOGETHER)]
    found = ahead(lambda part: list(map(_sha256, part)), parts, threads=usable_processors() + 4)
    known = dict(zip(different, chain.from_iterable(found), strict=True))
    return [known[path] for path in wanted]


def _sha256(path: str) -> str:
    """Hash of the content; a file that cannot be opened fails when it is scored."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
