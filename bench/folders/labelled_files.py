"""Folders of several labelled sounds for each mixture, named as the evaluation of DCASE task 4 names them.

The mixture `scene_1` has the sounds `scene_1_Dog.wav` (2025), `scene_1_0_Dog.wav` (2026, with a number for sounds of
one class) or the same below a folder, `scene_1/Dog.wav`, `scene_1/0_Dog.wav`. A mixture without a reference wants none,
and one without an estimate has none found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError
from ...datasets.seeding import digest
from .audio_folder import AudioFolder, list_audio
from .channels import Channels, Folder
from .file_faults import FileFaults, Headers, check_headers, common_rate_hz, read_headers
from .paired_files import PairedFiles, hashes

_NUMBERED = re.compile(r"(?:\d+_)?(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One file: its label, its path below the folder without suffix, and where it is."""

    label: str
    key: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFiles(PairedFiles):
    """Mixtures as trials, with all sounds of each.

    Attributes:
        wanted: references by mixture.
        found: estimates by mixture.
    """

    wanted: Mapping[str, tuple[LabelledFile, ...]]
    found: Mapping[str, tuple[LabelledFile, ...]]


def labelled_files(*, estimates: Path, references: Path, mixtures: Path, channels: Channels) -> LabelledFiles:
    """List and compare the headers of three folders.

    Raises:
        ConfigError: a folder is missing or empty, a reference has no mixture, no estimate has one, or no file can be
            used.
    """
    mixed = list_audio(mixtures, "mixtures", complete=True)
    targets = list_audio(references, "references", complete=True)
    answers = list_audio(estimates, "estimates", complete=False)
    keys = tuple(sorted({**mixed.files, **mixed.faults}))
    wanted, lone = _by_mixture(targets, keys)
    found, unpaired = _by_mixture(answers, keys)
    if lone or not any(found.values()):
        name, folder = (lone[0], "references") if lone else (unpaired[0], "estimates")
        raise ConfigError(
            f"{name!r} of --{folder} belongs to no mixture, the first of which is {keys[0]!r}; with --labelled files "
            "are named MIXTURE_LABEL.wav, MIXTURE_0_LABEL.wav or MIXTURE/LABEL.wav"
        )
    headers = read_headers(targets.files)
    rate_hz = common_rate_hz(headers.values())
    if rate_hz is None:
        raise ConfigError(f"no reference can be read, the first is {next(iter(headers))!r}; check --references")
    listings: dict[Folder, AudioFolder] = {"references": targets, "estimates": answers, "mixtures": mixed}
    folders: dict[Folder, tuple[AudioFolder, Headers]] = {
        name: (listed, check_headers(read_headers(listed.files), folder=name, channels=channels, rate_hz=rate_hz))
        for name, listed in listings.items()
    }
    used = {name: channels.of(name) for name, (_, checked) in folders.items() if checked.several}
    faults = {name: {**listed.faults, **checked.faults} for name, (listed, checked) in folders.items()}
    every = [*mixed.files.values(), *targets.files.values()]
    several = f"channel {used.get('estimates')}"
    return LabelledFiles(
        keys=keys,
        references={},
        estimates={},
        mixtures=mixed.files,
        sample_rate_hz=rate_hz,
        channels=channels,
        used=used,
        fingerprint=digest("labelled files", str(used), *mixed.files, *targets.files, *hashes(every)),
        answers=digest("labelled answers", several, *answers.files, *hashes(answers.files.values())),
        faults=FileFaults(
            references={
                **_named("reference", _of_mixtures(faults["references"], keys)),
                **_named("mixture", faults["mixtures"]),
            },
            estimates=_of_mixtures(faults["estimates"], keys),
        ),
        unpaired=tuple(unpaired),
        wanted=wanted,
        found=found,
    )


def mixture_of(key: str, mixtures: Collection[str]) -> str | None:
    """The mixture that a sound belongs to: the longest name that its own begins with, followed by `_` or `/`."""
    ends = (place for place in range(len(key) - 2, 0, -1) if key[place] in "_/")
    return next((key[:end] for end in ends if key[:end] in mixtures), None)


def label_of(key: str, mixture: str) -> str:
    """The rest of a sound's name, without its number."""
    rest = key[len(mixture) + 1 :]
    match = _NUMBERED.fullmatch(rest)
    return match[1] if match else rest


def _by_mixture(folder: AudioFolder, keys: Collection[str]) -> tuple[dict[str, tuple[LabelledFile, ...]], list[str]]:
    """Sounds of each mixture, and files that belong to none."""
    known = frozenset(keys)
    sounds: dict[str, list[LabelledFile]] = {key: [] for key in keys}
    lone: list[str] = []
    for key, path in sorted(folder.files.items()):
        mixture = mixture_of(key, known)
        if mixture is None:
            lone.append(key)
        else:
            sounds[mixture].append(LabelledFile(label_of(key, mixture), key, path))
    return {key: tuple(own) for key, own in sounds.items()}, lone


def _of_mixtures(faults: Mapping[str, str], keys: Collection[str]) -> dict[str, str]:
    """Reasons by mixture, of the first sound at fault."""
    known = frozenset(keys)
    found: dict[str, str] = {}
    for key, reason in faults.items():
        if (mixture := mixture_of(key, known)) is not None:
            found.setdefault(mixture, f"{key}: {reason}")
    return found


def _named(what: str, faults: Mapping[str, str]) -> dict[str, str]:
    return {key: f"{what}: {reason}" for key, reason in faults.items()}
