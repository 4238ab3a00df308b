"""Audio files below a folder, by key: their path below it, without suffix, in Unicode's composed form."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ...core.errors import ConfigError
from ...core.file_tree import FileTree, as_spelt, broken_links, list_tree, nfc, suffix_of
from ...datasets.signals.audio_kinds import AUDIO_SUFFIXES, UNREAD_SUFFIXES, how_to_read

# What programs leave next to, or instead of, audio.
_OTHER_KINDS = ".h5 .hdf5 .mat .mkv .mov .mp4 .npy .npz .pt .pth .webm"
_NOT_READ = UNREAD_SUFFIXES | frozenset(_OTHER_KINDS.split())


class KeyedPaths(Mapping[str, Path]):
    """Paths by key, held as texts, which take a tenth of their memory."""

    def __init__(self, paths: Iterable[tuple[str, Path]] = ()) -> None:
        self._texts = {key: str(path) for key, path in paths}

    def of(self, keys: Sequence[str]) -> KeyedPaths:
        """Paths of these keys, in their order; keys without a path are left out."""
        found = KeyedPaths()
        found._texts = {key: self._texts[key] for key in keys if key in self._texts}
        return found

    def __getitem__(self, key: str) -> Path:
        return Path(self._texts[key])

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFolder:
    """Files that can be read, by key, and why others cannot: of a kind that is not read, or two files of one key."""

    files: KeyedPaths = field(default_factory=KeyedPaths)
    faults: Mapping[str, str] = field(default_factory=dict)

    def of(self, keys: Sequence[str]) -> AudioFolder:
        """Files of these keys, in their order; keys without a file are left out."""
        return AudioFolder(
            files=self.files.of(keys), faults={key: self.faults[key] for key in keys if key in self.faults}
        )


def list_audio(folder: Path, what: str, *, complete: bool) -> AudioFolder:
    """List a folder; hidden files and folders are passed over, and links are followed.

    Args:
        what: option of the folder, for messages, such as "references".
        complete: every audio file of the folder counts; otherwise also files that hold arrays may be meant.

    Raises:
        ConfigError: the folder is missing, holds no audio that can be read, or a link to a folder leads nowhere.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise ConfigError(f"folder of {what} {str(folder)!r} {problem}; check --{what}")
    tree = list_tree(folder, error=ConfigError)
    if lost := tree.lost_folders():
        raise ConfigError(
            f"{what}: {broken_links(tree, lost)}; make what is behind them available, or remove the links"
        )
    found: dict[str, list[str]] = {}
    for path in tree.of(AUDIO_SUFFIXES):
        found.setdefault(key_of(path), []).append(path)
    files = KeyedPaths((key, as_spelt(folder, paths[0])) for key, paths in found.items() if len(paths) == 1)
    unread = _unread(tree, found)
    audio = sorted(path for path in unread.values() if suffix_of(path) in UNREAD_SUFFIXES)
    if audio and not found:
        raise ConfigError(_no_reader(folder, what, audio))
    if not found:
        raise ConfigError(
            f"folder of {what} {str(folder)!r} holds no audio files ({', '.join(sorted(AUDIO_SUFFIXES))}); "
            f"check --{what}"
        )
    if not files:
        key = min(found)
        raise ConfigError(f"folder of {what} {str(folder)!r} has each name twice, the first is {_twice(found[key])}")
    faults = {key: _twice(paths) for key, paths in found.items() if len(paths) > 1}
    faults |= {key: f"not read: {suffix_of(path)}" for key, path in unread.items() if not complete or path in audio}
    return AudioFolder(files=files, faults=faults)


def key_of(name: str) -> str:
    """Key of a path below its folder; a suffix that is not one of audio belongs to the name."""
    path = PurePosixPath(nfc(name)).as_posix()
    suffix = suffix_of(path)
    return path[: -len(suffix)] if suffix in AUDIO_SUFFIXES else path


def unlike_names(wanted: Collection[str], found: Collection[str]) -> str:
    """The nearest of two lists of names that share none, and how they differ, for the end of a message."""
    pairs = ((name, difflib.get_close_matches(name, found, n=1, cutoff=0.0)) for name in sorted(wanted)[:20])
    near = [(name, other[0]) for name, other in pairs if other]
    name, other = max(near, key=lambda pair: (pair[0] in pair[1], difflib.SequenceMatcher(None, *pair).ratio()))
    line = f"{name!r} is wanted and {other!r} is there"
    before, inside, after = other.partition(name)
    changed = {key.removeprefix(before).removesuffix(after) for key in found}
    if inside and changed & set(wanted):
        line += f": take {' and '.join(repr(part) for part in (before, after) if part)} out of the names"
    return line


def _unread(tree: FileTree, found: Collection[str]) -> dict[str, str]:
    """Paths of files that are not read, by key, where no other file has the key."""
    keyed = ((key_of(PurePosixPath(path).with_suffix("").as_posix()), path) for path in tree.of(_NOT_READ))
    return {key: path for key, path in keyed if key not in found}


def _twice(paths: Sequence[str]) -> str:
    names = " and ".join(repr(path.rpartition("/")[2]) for path in sorted(paths)[:2])
    return f"ambiguous: {names} have one name without suffix; remove one"


def _no_reader(folder: Path, what: str, unread: Sequence[str]) -> str:
    first, suffix = unread[0], suffix_of(unread[0])
    count = "1 file of a kind that is" if len(unread) == 1 else f"{len(unread)} files of kinds that are"
    return (
        f"folder of {what} {str(folder)!r} holds {count} not read: {suffix}, in {first!r}; {how_to_read(suffix)}, "
        "or take it away"
    )
