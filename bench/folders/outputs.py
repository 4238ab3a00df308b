"""Folders of several outputs for each mixture, such as s1 and s2 of a separator, or samples of a system that draws."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import ConfigError, UnknownNameError, listed
from .audio_folder import AudioFolder, KeyedPaths, list_audio, unlike_names
from .known_facts import NO_FACTS, FactTables, read_facts
from .paired_files import ListedFiles, list_folders, list_unreferenced

PERMUTATIONS = ("si_sdr", "none")
"""`si_sdr`: the best assignment of each mixture's outputs; `none`: the first output is that of the first reference."""

Paths = Path | Sequence[Path]
_SAMPLE = re.compile(r"sample_(\d+)")


def list_files(
    estimates: Paths,
    references: Paths,
    mixtures: Path | None,
    *,
    permutation: str | None,
    facts: FactTables | None = None,
) -> ListedFiles:
    """Files of one folder each, or of several folders of outputs and references; none of these: `list_unreferenced`.

    With `si_sdr` the estimates are still by output and mixture, for example `s2/mix_0001`.

    Raises:
        ConfigError: several folders without a permutation, or a folder is missing, empty, or does not fit the others.
        UnknownNameError: there is no such permutation.
    """
    outputs, targets = ([x] if isinstance(x, Path) else list(x) for x in (estimates, references))
    if permutation is None:
        if not targets and len(outputs) == 1:
            return list_unreferenced(outputs[0], mixtures, facts or read_facts(NO_FACTS))
        for option, folders in (("--estimates", outputs), ("--references", targets)):
            if len(folders) != 1:
                raise ConfigError(
                    f"{option} is given {len(folders)} times; say how outputs and references belong together: "
                    "--permutation si_sdr for outputs without an order, --permutation none for output 1 of reference 1"
                )
        return list_folders(outputs[0], targets[0], mixtures)
    if not targets:
        raise ConfigError("--permutation assigns outputs to references, and there are none; leave it out")
    if permutation not in PERMUTATIONS:
        raise UnknownNameError("permutation", permutation, PERMUTATIONS)
    return _list_several(
        _named(outputs, "estimates"), _named(targets, "references"), mixtures, ordered=permutation == "none"
    )


def sample_folders(estimates: Paths) -> list[Path]:
    """The folder of each sample, in order; none if the estimates are not laid out so.

    Raises:
        ConfigError: the numbers do not count from 0, or other files lie next to the folders.
    """
    folder = estimates if isinstance(estimates, Path) else estimates[0] if len(estimates) == 1 else None
    if folder is None or not folder.is_dir():
        return []
    below = [path for path in folder.iterdir() if not path.name.startswith(".")]
    found = {int(match[1]): path for path in below if path.is_dir() and (match := _SAMPLE.fullmatch(path.name))}
    if not found:
        return []
    if others := sorted(path.name for path in below if path not in found.values()):
        raise ConfigError(
            f"{str(folder)!r} holds {listed(others)} next to folders of samples; put the first samples into sample_0"
        )
    if sorted(found) != list(range(len(found))):
        numbers = ", ".join(map(str, sorted(found)))
        raise ConfigError(f"{str(folder)!r} has samples {numbers}; number them from 0: sample_0, sample_1, ...")
    return [found[number] for number in range(len(found))]


def _list_several(
    estimates: Mapping[str, Path], references: Mapping[str, Path], mixtures: Path | None, *, ordered: bool
) -> ListedFiles:
    targets = {name: list_audio(folder, "references", complete=True) for name, folder in references.items()}
    outputs = {name: list_audio(folder, "estimates", complete=False) for name, folder in estimates.items()}
    mixture_ids = _mixture_ids(targets)
    keys, wanted = tuple(mixture_ids), set(mixture_ids.values())
    answered = {key for folder in outputs.values() for key in (*folder.files, *folder.faults)}
    if not wanted & answered:
        raise ConfigError(
            f"no output has the name of a reference: {unlike_names(wanted, answered)}; outputs {listed(outputs)} and "
            f"references {listed(targets)} are paired by path below each folder, without suffix"
        )
    if ordered:
        outputs = _in_order(outputs, targets)
    every = _joined(outputs)
    of_mixtures = [name for name in (*every.files, *every.faults) if name.partition("/")[2] in wanted]
    known = keys if ordered else tuple(sorted(of_mixtures))
    return ListedFiles(
        keys=keys,
        references=_joined(targets).of(keys),
        estimates=every.of(known),
        mixtures=_shared(list_audio(mixtures, "mixtures", complete=True), mixture_ids) if mixtures else None,
        mixture_ids=mixture_ids,
        unpaired=tuple(sorted(set(every.files) - set(known))),
    )


def _mixture_ids(targets: Mapping[str, AudioFolder]) -> dict[str, str]:
    """Mixtures by trial, such as `s1/mix_0001`; the trials of a mixture are next to each other."""
    keys = {name: {*folder.files, *folder.faults} for name, folder in targets.items()}
    every = sorted({key for own in keys.values() for key in own})
    return {f"{name}/{key}": key for key in every for name, own in keys.items() if key in own}


def _shared(mixtures: AudioFolder, mixture_ids: Mapping[str, str]) -> AudioFolder:
    """Mixtures by trial."""
    return AudioFolder(
        files=KeyedPaths((trial, mixtures.files[key]) for trial, key in mixture_ids.items() if key in mixtures.files),
        faults={trial: mixtures.faults[key] for trial, key in mixture_ids.items() if key in mixtures.faults},
    )


def _in_order(outputs: Mapping[str, AudioFolder], targets: Mapping[str, AudioFolder]) -> dict[str, AudioFolder]:
    """The outputs under the names of the references."""
    if len(outputs) != len(targets):
        raise ConfigError(
            f"--permutation none needs as many outputs as references, not {len(outputs)} ({listed(outputs)}) and "
            f"{len(targets)} ({listed(targets)})"
        )
    return dict(zip(targets, outputs.values(), strict=True))


def _joined(folders: Mapping[str, AudioFolder]) -> AudioFolder:
    paths = ((f"{name}/{key}", path) for name, folder in folders.items() for key, path in folder.files.items())
    return AudioFolder(
        files=KeyedPaths(paths),
        faults={f"{name}/{key}": reason for name, folder in folders.items() for key, reason in folder.faults.items()},
    )


def _named(folders: Sequence[Path], what: str) -> dict[str, Path]:
    """Folders by the last part of their path that tells them apart; one folder stands for its sub-folders, if any."""
    if len(folders) == 1 and folders[0].is_dir():
        below = sorted(path for path in folders[0].iterdir() if path.is_dir() and not path.name.startswith("."))
        return {path.name: path for path in below} or {folders[0].resolve().name: folders[0]}
    parts = [folder.absolute().parts for folder in folders]
    for place in range(1, min(map(len, parts)) + 1):
        names = [part[-place] for part in parts]
        if len(set(names)) == len(names):
            return dict(zip(names, folders, strict=True))
    raise ConfigError(
        f"--{what} is given twice with one folder, or with folders that are inside each other; check them"
    )
