"""Suffixes of audio files, in lower case: those that are read, and those that are named as not read."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from ...core.file_tree import suffix_of

_READ = """
.8svx .aif .aifc .aiff .au .avr .caf .flac .iff .ircam .mp1 .mp2 .mp3 .nist .oga .ogg .opus .paf .pvf .rf64 .sf .snd
.sph .svx .voc .w64 .wav .wave .wavex .wve
"""
AUDIO_SUFFIXES = frozenset(_READ.split())
"""Suffixes that libsndfile decodes, without headerless samples and without those of other formats (.mat, .htk)."""

_UNREAD = """
.3gp .aac .ac3 .alac .amr .ape .dff .dsf .dts .dvc .eac3 .gsm .m4a .m4b .mka .mpc .pcm .ra .raw .sd2 .shn .spx .tta
.weba .wma .wv .wv1 .wv2
"""
UNREAD_SUFFIXES = frozenset(_UNREAD.split())
"""Audio that cannot be decoded here, and DVC's pointers to files that were not pulled."""


def how_to_read(suffix: str) -> str:
    """Advice that makes a file of an unread kind readable."""
    return "run `dvc pull`" if suffix == ".dvc" else "convert it, for example with ffmpeg -i FILE FILE.wav"


def stem_of(path: str) -> str:
    """A path without its suffix if that is one of audio: `a/b` of `a/b.wav`, of `a/b.m4a` and of `a/b.wav.dvc`."""
    place = PurePosixPath(path)
    if place.suffix.lower() == ".dvc":
        place = place.with_suffix("")
    known = place.suffix.lower() in AUDIO_SUFFIXES | UNREAD_SUFFIXES
    return place.with_suffix("").as_posix() if known else place.as_posix()


def why_missing(path: Path) -> str:
    """Reason for a message why a file does not exist: a broken link, or a file of another kind; else ""."""
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            return ": it is a link that leads nowhere" if place == path else f": {place.name!r} is a link to nowhere"
    others = AUDIO_SUFFIXES | UNREAD_SUFFIXES
    found = [other.name for other in _of_stem(path) if other.suffix.lower() in others]
    if not found:
        return ""
    kind = PurePosixPath(found[0]).suffix.lower()
    return f": {found[0]!r} is there" + (f", not read: {kind}; {how_to_read(kind)}" if kind in UNREAD_SUFFIXES else "")


def _of_stem(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{glob.escape(path.stem)}.*")) if path.parent.is_dir() else []


def unread(files: Iterable[str], *, read: Collection[str]) -> list[str]:
    """The files of unread kinds that no file among `read` stands for, in their order."""
    stems = {stem_of(path) for path in read}
    return [path for path in files if suffix_of(path) in UNREAD_SUFFIXES and stem_of(path) not in stems]
