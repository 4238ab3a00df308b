"""Datasets in Python: `load_dataset` and `build` take what a config takes, and objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.config_files import corpus_dirs, with_settings
from ..core.errors import ConfigError, check_jobs, listed, python_words, shortened
from ..core.progress import on_terminal
from ..core.validation import parse
from . import dataset as folders
from .build import build as build_folder
from .build import draw_dataset, materialise
from .config import DatasetConfig, check_corpus_names, load_dataset_configs
from .dataset import Dataset

__all__ = ["Settings", "Source", "build", "config_of", "folders_of", "load_dataset"]

Source = str | Path | Mapping[str, Any] | DatasetConfig
"""A dataset folder, a config (by path or shipped name), or the contents of one."""

Settings = Mapping[str, Any] | Sequence[str]
"""Values set in a config: {"params.count": 10}, {"params": {"count": 10}} or ["params.count=10"]."""


def load_dataset(
    source: Source | Dataset,
    *,
    corpora: Mapping[str, str | Path] | None = None,
    settings: Settings = (),
    allow_missing: bool = False,
    jobs: int = 2,
) -> Dataset:
    """Open a dataset folder, or draw the dataset of a config in memory.

    Args:
        source: a dataset folder, a config (path or shipped name such as "mini_speech"), or its contents; an open
            dataset comes back as it is.
        corpora: folders of corpora by name, in addition to those of the user file.
        settings: values set in the config, as `--set` does: {"params.count": 10}.
        allow_missing: leave out mixtures whose recordings are missing.
        jobs: threads that draw mixtures.

    Returns:
        The dataset; its mixtures are rendered when they are read. For a large one, `build` keeps the recipes on disk.

    Raises:
        ConfigError: there is no such config or folder, a key of it is wrong, or it is a collection of several.
        CorpusError: a corpus has no folder, or is not laid out as expected.
        DatasetError: the folder is damaged, recordings are missing, or nothing can be drawn.
    """
    check_jobs(jobs)
    if isinstance(source, Dataset):
        if settings:
            raise ConfigError(f"{source.card.name!r} is an open dataset: settings change a config alone")
        return source
    with python_words():
        dirs = folders_of(corpora)
        if (folder := folder_of(source)) is not None:
            if settings:
                raise ConfigError(f"{str(folder)!r} is a dataset that is built already: settings change a config alone")
            return folders.load_dataset(folder, corpus_dirs=dirs)
        config = config_of(source, settings)
        check_corpus_names(dirs, [config.corpora])
        return draw_dataset(
            config, corpus_dirs=corpus_dirs(dirs), jobs=jobs, allow_missing=allow_missing, progress=on_terminal()
        )


def build(
    source: Source,
    *,
    out: str | Path = "data",
    corpora: Mapping[str, str | Path] | None = None,
    settings: Settings = (),
    materialise_audio: bool = False,
    fresh: bool = False,
    allow_missing: bool = False,
    jobs: int = 2,
) -> Dataset:
    """Build the dataset of a config into a folder, as `tsebench build` does, and open it.

    Args:
        source: a config (path or shipped name such as "mini_speech"), or its contents.
        out: folder that gets a sub-folder with the dataset's name.
        corpora: folders of corpora by name, in addition to those of the user file.
        settings: values set in the config, as `--set` does: {"params.count": 10}.
        materialise_audio: write wav files too, for other tools.
        fresh: build again what is there; otherwise a complete folder of the same config is opened.
        allow_missing: leave out mixtures whose recordings are missing, and count them on the card.
        jobs: threads that draw and render mixtures.

    Raises:
        ConfigError: there is no such config, a key of it is wrong, or it is a collection of several.
        CorpusError: a corpus has no folder, or is not laid out as expected.
        DatasetError: recordings are missing, nothing can be drawn, or the folder holds another dataset.
        OutputError: the folder cannot be written.
    """
    check_jobs(jobs)
    if (built := folder_of(source)) is not None:
        raise ConfigError(f"{str(built)!r} is a dataset that is built already; open it with load_dataset")
    with python_words():
        config, progress = config_of(source, settings), on_terminal()
        folder, dirs = Path(out).expanduser() / config.name, folders_of(corpora)
        check_corpus_names(dirs, [config.corpora])
        dataset = build_folder(
            config,
            folder,
            corpus_dirs=corpus_dirs(dirs),
            jobs=jobs,
            reuse=not fresh,
            allow_missing=allow_missing,
            progress=progress,
        )
        if materialise_audio:
            materialise(dataset, folder, jobs=jobs, progress=progress)
        return dataset


def folder_of(source: Source) -> Path | None:
    """The dataset folder that a source names, if it names one."""
    if not isinstance(source, str | Path):
        return None
    folder = Path(source).expanduser()
    return folder if (folder / "card.json").is_file() else None


def config_of(source: Source, settings: Settings = ()) -> DatasetConfig:
    """The one config that a source names or holds, with settings.

    Raises:
        ConfigError: there is none, a key of it is wrong, or it is a collection of several.
    """
    if isinstance(source, DatasetConfig):
        return _parsed(source.model_dump(), settings, where=f"dataset {source.name!r}") if settings else source
    if isinstance(source, Mapping):
        return _parsed(source, settings, where=f"dataset {shortened(str(source.get('name', '')), 40)!r}")
    if not isinstance(source, str | Path):
        raise ConfigError(
            f"a dataset is a name, a path, a dict or a DatasetConfig, not {type(source).__name__}; "
            "write for example load_dataset('mini_speech')"
        )
    path = Path(source).expanduser()
    reference = str(path) if isinstance(source, Path) or source.startswith("~") else source
    try:
        configs = load_dataset_configs(reference, settings)
    except ConfigError:
        if not path.is_dir():
            raise
        problem = f"folder {str(path)!r} holds no dataset (no card.json)"
        raise ConfigError(f"{problem}; build one with tsebench.build(...)") from None
    if len(configs) > 1:
        names = listed(config.name for config in configs)
        raise ConfigError(f"{str(source)!r} is a collection of {len(configs)} datasets; name one of them: {names}")
    return configs[0]


def folders_of(corpora: Mapping[str, str | Path] | None) -> dict[str, Path]:
    """Folders of corpora by name, as absolute paths.

    Raises:
        ConfigError: it is no mapping from names to folders.
    """
    given: object = {} if corpora is None else corpora
    if not isinstance(given, Mapping) or not all(isinstance(each, str | Path) for each in given.values()):
        raise ConfigError(
            f"corpora = {shortened(repr(given), 80)} is not a mapping from names to folders; "
            'write for example corpora={"librispeech": "/data/LibriSpeech"}'
        )
    return {str(name): Path(folder).expanduser().absolute() for name, folder in given.items()}


def _parsed(data: Mapping[str, Any], settings: Settings, *, where: str) -> DatasetConfig:
    return parse(DatasetConfig, with_settings(data, settings, where=where), where=where)
