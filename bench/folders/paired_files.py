"""Audio files of references, estimates and mixtures, paired by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import ConfigError
from ...datasets.corpora.disk.csv_table import read_table, refuse_repeated
from ...datasets.seeding import digest
from ...datasets.transcripts import clean_text
from ..rows import FILES
from .audio_folder import AudioFolder, key_of, list_audio, unlike_names
from .channels import Channel, Channels, Folder
from .file_faults import FileFaults, Headers, check_headers, common_rate_hz, length_faults, read_headers

DATASET = FILES  # name of the set in rows and run.json


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFiles:
    """Files before any is opened, by trial.

    Attributes:
        keys: ids of the trials.
        mixtures: None if there is no folder of them.
        mixture_ids: of trials that share a mixture with others; the others have a mixture of their own name.
        unpaired: estimates that have no reference.
    """

    keys: tuple[str, ...]
    references: AudioFolder
    estimates: AudioFolder
    mixtures: AudioFolder | None
    mixture_ids: Mapping[str, str] = field(default_factory=dict)
    unpaired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFiles:
    """References by trial (path below the folder, without suffix), and their estimates and mixtures.

    Attributes:
        channels: chosen for files with several.
        used: channels by folder, of folders where a file has several.
        fingerprint: of references, mixtures, their channels and transcripts, against which any system is scored.
        answers: digest of the estimates and their channel.
        transcripts: words of the references by trial; empty if not given.
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
    transcripts: Mapping[str, str]
    faults: FileFaults = field(default_factory=FileFaults)
    mixture_ids: Mapping[str, str] = field(default_factory=dict)
    unpaired: tuple[str, ...] = ()
    permutation: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    name: str = DATASET

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


def paired(files: ListedFiles, *, channels: Channels, transcripts: Path | None) -> PairedFiles:
    """Compare the headers of listed files.

    Raises:
        ConfigError: no file of a folder can be used, or the transcripts name no reference.
    """
    headers = read_headers(files.references.files)
    rate_hz = common_rate_hz(headers.values())
    if rate_hz is None:
        key, reason = next(iter(headers.items()))
        raise ConfigError(f"no reference can be read, the first is {key!r}: {reason}; check --references")
    mixtures = files.mixtures or AudioFolder(files={})
    wanted = check_headers(headers, folder="references", channels=channels, rate_hz=rate_hz)
    given = check_headers(read_headers(files.estimates.files), folder="estimates", channels=channels, rate_hz=rate_hz)
    mixed = check_headers(read_headers(mixtures.files), folder="mixtures", channels=channels, rate_hz=rate_hz)
    said = read_transcripts(transcripts, files.keys) if transcripts else {}
    folders: tuple[tuple[Folder, Headers], ...] = (("references", wanted), ("mixtures", mixed), ("estimates", given))
    used = {name: channels.of(name) for name, found in folders if found.several}
    hashed = [*_by_key(files.references, files.keys), *_by_key(mixtures, files.keys)]
    texts = [f"{key}\0{text}" for key, text in said.items()]
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
        fingerprint=digest("files", _channel_text(used), *files.keys, *_hashes(hashed), *texts),
        answers=digest("answers", *answered, *_hashes(answered.values()), *several),
        transcripts=said,
        faults=FileFaults(
            references={**files.references.faults, **wanted.faults},
            estimates={**files.estimates.faults, **given.faults},
            mixtures=_mixture_faults(files.keys, mixtures, mixed, wanted) if files.mixtures else {},
        ),
        mixture_ids=files.mixture_ids,
        unpaired=files.unpaired,
    )


def read_transcripts(path: Path, keys: Sequence[str]) -> dict[str, str]:
    """Texts by key, in the order of the keys; a name may have a suffix, which does not count.

    Raises:
        ConfigError: the file has no columns `name` and `text`, or names a reference twice or none of them.
    """
    if not path.is_file():
        problem = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"--transcripts {str(path)!r} {problem}; give a CSV file with the columns name and text")
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


def _mixture_faults(keys: Sequence[str], folder: AudioFolder, mixed: Headers, wanted: Headers) -> Mapping[str, str]:
    """Reasons by trial why there is no mixture; if there is none at all, the folder is a wrong one."""
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


def _hashes(paths: Iterable[Path]) -> list[str]:
    """Hashes of files; one that is there several times is read once."""
    wanted = list(paths)
    different = list(dict.fromkeys(wanted))
    with ThreadPoolExecutor() as pool:
        known = dict(zip(different, pool.map(_sha256, different), strict=True))
    return [known[path] for path in wanted]


def _sha256(path: Path) -> str:
    """Hash of the content; a file that cannot be opened fails when it is scored."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
