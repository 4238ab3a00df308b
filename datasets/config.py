"""Dataset configs: builder, corpora and parameters, never a machine's path."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from pydantic import Field

from ..core.config_files import find_config, read_yaml, with_settings
from ..core.constraint_words import LABEL
from ..core.entry_checks import face_problem
from ..core.errors import ConfigError, CorpusError, suggest
from ..core.validation import StrictModel, call_with, parse
from .protocols.builder import BUILDERS, BuildContext, Builder
from .protocols.corpus import CORPORA, Corpora, Corpus


class CorpusConfig(StrictModel):
    """One corpus of a dataset: its kind (a registered name) and that kind's options.

    Attributes:
        kind: name of a kind of corpus, see `tsebench list corpora`.
        options: options of that kind, see `tsebench explain corpus KIND`; its folder is no option, but given by
            `--corpus NAME=DIR` or by a line `NAME: DIR` in ~/.config/tsebench/corpora.yaml.
    """

    kind: str
    options: dict[str, Any] = Field(default_factory=dict)


class DatasetConfig(StrictModel):
    """A benchmark set as a recipe.

    Attributes:
        name: name of the set in rows and reports, and a part of the seed of every draw.
        version: version of the set, and a part of the seed of every draw: another one draws other mixtures.
        mixtures_of: earlier version whose mixtures this one keeps, while its queries or clues differ; null: a new
            version draws new mixtures.
        description: one line for `tsebench list datasets` and reports.
        builder: name of the builder that draws the mixtures, see `tsebench list builders`.
        split: part of the corpora that recordings are taken from; a selection may name another.
        seed: of all draws, with name, version and the mixture's id.
        corpora: corpora by the name that `params` and `--corpus NAME=DIR` call them.
        params: parameters of the builder, see `tsebench explain builder NAME`.
    """

    name: str = Field(pattern=LABEL)
    version: str = "1"
    mixtures_of: str | None = None
    description: str = ""
    builder: str
    split: str = "test"
    seed: int = 0
    corpora: dict[str, CorpusConfig]
    params: dict[str, Any]


class CollectionConfig(StrictModel):
    """Several sets under one name.

    Attributes:
        datasets: datasets by path, relative to the working folder or to this file, or by shipped name.
    """

    datasets: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class OpenedBuilder:
    """A builder with its config and context."""

    config: DatasetConfig
    context: BuildContext
    builder: Builder

    @property
    def corpora(self) -> Corpora:
        """Open corpora by name."""
        return self.context.corpora


def load_dataset_configs(reference: str, settings: Sequence[str] | Mapping[str, Any] = ()) -> list[DatasetConfig]:
    """Read a dataset config, or all of a collection (by path or by shipped name).

    A collection names datasets by path, relative to the working folder or to its own, or by shipped name.

    Args:
        settings: values that are set in each config, as `core.config_files.with_settings` takes them, for example
            "params.count=10".
    """
    configs = _configs(find_config(reference, folder="datasets"), (), settings)
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{reference!r} holds two datasets named {name!r}; rename one")
    return configs


def _configs(path: Path, above: tuple[Path, ...], settings: Sequence[str] | Mapping[str, Any]) -> list[DatasetConfig]:
    if path.resolve() in above:
        raise ConfigError(f"collection {str(path)!r} holds itself; take it out of `datasets`")
    data = read_yaml(path)
    if set(data) != {"datasets"}:
        data = with_settings(data, settings, where=path.name)
        return [parse(DatasetConfig, data, where=path.name, topic="dataset")]
    found: list[DatasetConfig] = []
    for name in parse(CollectionConfig, data, where=path.name).datasets:
        near = path.parent / name
        member = near if near.is_file() else find_config(name, folder="datasets")
        found += _configs(member, (*above, path.resolve()), settings)
    return found


def check_corpus_names(given: Collection[str], used: Iterable[Mapping[str, CorpusConfig]]) -> None:
    """Check the names of folders that a command gives for corpora, against the corpora of all its datasets.

    Raises:
        ConfigError: no dataset has a corpus of that name, or it has no folder.
    """
    corpora = {name: config for each in used for name, config in each.items()}
    on_disk = [name for name, config in corpora.items() if "root" in signature(CORPORA.get(config.kind)).parameters]
    for name in given:
        if name in on_disk:
            continue
        if name in corpora:
            raise ConfigError(
                f"--corpus {name}=DIR: corpus {name!r} ({corpora[name].kind}) is not read from a folder; leave it out"
            )
        known = suggest(name, on_disk) if on_disk else "; none of its corpora is read from a folder: leave it out"
        raise ConfigError(f"--corpus {name}=DIR: no dataset here has a corpus {name!r}{known}")


def open_corpora(
    configs: Mapping[str, CorpusConfig], corpus_dirs: Mapping[str, Path], *, allow_missing: bool = False
) -> dict[str, Corpus]:
    """Open corpora; one that lives on disk needs its folder in `corpus_dirs`.

    With `allow_missing`, corpora that have this option leave out listed files that are missing.
    """
    corpora: dict[str, Corpus] = {}
    for name, config in configs.items():
        given: dict[str, object] = {"name": name}
        factory = CORPORA.get(config.kind)
        known = signature(factory).parameters
        if allow_missing and "allow_missing" in known and "allow_missing" not in config.options:
            given["allow_missing"] = True
        if "root" in known:
            if name not in corpus_dirs:
                raise CorpusError(
                    f"corpus {name!r} ({config.kind}) needs its folder: add --corpus {name}=DIR, "
                    f"or a line `{name}: DIR` to the user file of corpora"
                )
            given["root"] = corpus_dirs[name]
        corpora[name] = call_with(
            factory, config.options, where=f"corpus {name!r}", given=given, topic=f"corpus {config.kind}"
        )
        if problem := face_problem(corpora[name], Corpus):
            raise ConfigError(
                f"corpus {name!r} ({config.kind}) cannot be used: {problem}; correct it (docs/plugins.md)"
            )
    return corpora


def open_builder(
    config: DatasetConfig, corpus_dirs: Mapping[str, Path], *, allow_missing: bool = False
) -> OpenedBuilder:
    """Open the corpora of a set, as `open_corpora` does, and make its builder."""
    factory = BUILDERS.get(config.builder)
    corpora = open_corpora(config.corpora, corpus_dirs, allow_missing=allow_missing)
    context = BuildContext(
        name=config.name,
        version=config.mixtures_of or config.version,
        seed=config.seed,
        split=config.split,
        corpora=corpora,
    )
    where = f"dataset {config.name!r} ({config.builder})"
    builder = call_with(
        factory, config.params, where=where, given={"context": context}, topic=f"builder {config.builder}"
    )
    if problem := face_problem(builder, Builder):
        raise ConfigError(f"{where}: the builder cannot be used: {problem}; correct it (docs/plugins.md)")
    return OpenedBuilder(config, context, builder)
