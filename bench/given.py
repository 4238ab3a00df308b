"""Systems, datasets and metrics as Python code gives them: names, contents of a config, or objects."""

from __future__ import annotations

import hashlib
import pickle
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from ..core.config_files import settings_of
from ..core.entry_checks import call_problem, face_problem, type_problem
from ..core.errors import ConfigError, shortened, suggest
from ..core.text import names_of, type_name
from ..core.validation import parse
from ..datasets.config import DatasetConfig
from ..datasets.dataset import Dataset
from ..datasets.seeding import digest
from ..systems.protocol import AnySystem, Extraction, PrivilegedSystem, QueryBatch, System, SystemCard
from .config import DatasetSpec, SystemSpec
from .scoring.identity import Identity, identity_of
from .scoring.plan import MetricSpec


class Extracts(Protocol):
    """Any object that answers a batch: with an extraction, or with the estimates [B, T] alone."""

    def extract(self, batch: QueryBatch, /) -> Extraction | torch.Tensor:
        """Answer a batch."""
        ...


SystemLike = str | SystemSpec | Extracts | PrivilegedSystem | Mapping[str, Any] | Sequence[Any]
"""One system or several: registered names, specs, or loaded systems; see `systems_of`."""

DatasetLike = str | Path | DatasetSpec | DatasetConfig | Dataset | Mapping[str, Any] | Sequence[Any]
"""One dataset or several: names, paths, configs, or open datasets; see `datasets_of`."""

MetricsLike = str | MetricSpec | Mapping[str, Any] | Sequence[str | MetricSpec | Mapping[str, Any]]
"""Metrics: names joined by commas, or a list of names and specs; see `metrics_of`."""

_EXAMPLE = "write for example metrics='si_sdr,sdr' or metrics=[{'name': 'wer', 'options': {'backend': 'pocketsphinx'}}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Objects of the calling program that a run takes in place of what its config names.

    Attributes:
        systems: loaded systems, by title.
        datasets: open datasets, and recipes, by the `dataset` of the config; several of a collection.
    """

    systems: Mapping[str, AnySystem] = field(default_factory=dict)
    datasets: Mapping[str, Dataset | DatasetConfig | tuple[Dataset, ...]] = field(default_factory=dict)


class WithoutCard:
    """A system of the calling program that has `extract(batch)` and no card: it gets one that promises nothing.

    It may return the estimates [B, T] alone.
    """

    def __init__(self, system: Any) -> None:
        self.own = system
        kind = type(system)
        first, *_ = (kind.__doc__ or "").strip().splitlines() or [""]
        self.card = SystemCard(
            name=type_name(system), family="external", description=first or "an object of the calling program"
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch as the object does."""
        found = self.own.extract(batch)
        return found if isinstance(found, Extraction) else Extraction(estimate=found)

    def __repr__(self) -> str:
        return f"<System {self.card}; without a card of its own>"


def metrics_of(metrics: object) -> tuple[MetricSpec, ...]:
    """Metrics with their options.

    Args:
        metrics: names joined by commas, options by name, one spec, or a list of names and specs; a spec is a
            `MetricSpec` or {"name": ..., "options": {...}}.

    Raises:
        ConfigError: it is something else.
    """
    return tuple(_metrics(metrics))


def with_options(
    metrics: Sequence[MetricSpec], options: Mapping[str, Mapping[str, Any]] | Sequence[str]
) -> tuple[MetricSpec, ...]:
    """Metrics with further settings, by metric or as METRIC.KEY=VALUE.

    Raises:
        ConfigError: a setting is of a metric that is not named, or is not METRIC.KEY=VALUE.
    """
    names = [metric.name for metric in metrics]
    if isinstance(options, Mapping):
        for name in options:
            if name not in names:
                raise ConfigError(
                    f"options set metric {name!r}, which metrics= does not name{suggest(str(name), names)}"
                )
        found: Mapping[str, Mapping[str, Any]] = options
    else:
        found = settings_of(options, names, kind="metric", named_by="metrics=", example="wer.backend=pocketsphinx")
    return tuple(
        parse(MetricSpec, {"name": each.name, "options": {**each.options, **found.get(each.name, {})}}, where="options")
        for each in metrics
    )


def systems_of(systems: object) -> tuple[list[SystemSpec], dict[str, AnySystem]]:
    """Specs of systems, and the loaded ones by title.

    Args:
        systems: one, a list, or a mapping from labels; each is a registered name, a spec (`SystemSpec` or its
            contents), a loaded system, or any object with `extract(batch)`.

    Raises:
        ConfigError: one of them is something else.
    """
    specs: list[SystemSpec] = []
    loaded: dict[str, AnySystem] = {}
    for label, each in _labelled(systems):
        changes = {"label": label} if label else {}
        if isinstance(each, str):
            specs.append(parse(SystemSpec, {"name": each, **changes}, where="systems"))
        elif isinstance(each, SystemSpec):
            specs.append(each.model_copy(update=changes))
        elif isinstance(each, Mapping):
            specs.append(parse(SystemSpec, {**each, **changes}, where="systems"))
        else:
            system = system_of(each)
            spec = parse(SystemSpec, {"name": system.card.name, **changes}, where="systems")
            if spec.title in loaded:
                raise ConfigError(
                    f"two systems are called {spec.title!r}; give each a label: systems={{'first': ..., 'second': ...}}"
                )
            specs.append(spec)
            loaded[spec.title] = system
    return specs, loaded


def system_of(value: object) -> AnySystem:
    """A loaded system as it is; an object that has `extract` alone with a card.

    Raises:
        ConfigError: it is no system.
    """
    if isinstance(value, type):
        raise ConfigError(f"{value.__name__} is a class; give an instance: {value.__name__}()")
    if isinstance(value, System | PrivilegedSystem):
        problem = face_problem(value, System, PrivilegedSystem) or type_problem("card", value.card, SystemCard)
        found: AnySystem = value
    elif callable(method := getattr(value, "extract", None)):
        problem, found = call_problem(method, positional=["batch"]), WithoutCard(value)
    else:
        raise _no_system(value)
    if problem:
        raise ConfigError(f"system {type_name(value)} cannot be used: {problem}; correct it (docs/my_model.md)")
    return found


def _no_system(value: object) -> ConfigError:
    return ConfigError(
        f"{shortened(repr(value), 60)} of type {type_name(value)} is no system: a name of `tsebench list systems`, "
        "a spec {'name': ..., 'options': {...}}, or an object with extract(batch)"
    )


def datasets_of(datasets: object) -> tuple[list[DatasetSpec], dict[str, Dataset | DatasetConfig]]:
    """Specs of datasets, and the objects among them by the `dataset` of their spec.

    Args:
        datasets: one or a list; each is a name, a path, an open dataset, a `DatasetConfig` or its contents, or a spec
            (`DatasetSpec` or its contents).

    Raises:
        ConfigError: one of them is something else, or two have one name.
    """
    one = isinstance(datasets, str | Path | Mapping | Dataset | DatasetConfig | DatasetSpec)
    if not one and not isinstance(datasets, Iterable):
        raise _no_dataset(datasets)
    specs: list[DatasetSpec] = []
    objects: dict[str, Dataset | DatasetConfig] = {}
    for each in [datasets] if one or not isinstance(datasets, Iterable) else datasets:
        found = each
        if isinstance(found, Mapping):
            known = "dataset" in found
            found = parse(DatasetSpec if known else DatasetConfig, dict(found), where="datasets")
        if isinstance(found, str | Path):
            found = DatasetSpec(dataset=str(found))
        if isinstance(found, Dataset | DatasetConfig):
            name = found.card.name if isinstance(found, Dataset) else found.name
            if name in objects:
                raise ConfigError(f"two datasets are called {name!r}; evaluate them in two calls, or rename one")
            objects[name] = found
            found = DatasetSpec(dataset=name)
        if not isinstance(found, DatasetSpec):
            raise _no_dataset(each)
        specs.append(found)
    return specs, objects


def identity_of_object(system: AnySystem) -> Identity:
    """Identity of a loaded system: with all that it holds, since its weights may not be those of its card any more.

    Its scores are not reused by later runs.
    """
    own = system.own if isinstance(system, WithoutCard) else system
    known = identity_of(system, type(own))
    why = "it was given as an object, which may change; give its name and options instead to reuse scores"
    return replace(known, digest=digest(known.digest, _state(own)), unseen=why, stale=True)


def _metrics(metrics: object) -> Iterator[MetricSpec]:
    if metrics is None:
        return
    if isinstance(metrics, str):
        yield from (MetricSpec(name=name) for name in names_of(metrics))
    elif isinstance(metrics, MetricSpec):
        yield metrics
    elif isinstance(metrics, Mapping) and "name" in metrics:
        yield parse(MetricSpec, dict(metrics), where="metrics")
    elif isinstance(metrics, Mapping):
        for name, options in metrics.items():
            yield parse(MetricSpec, {"name": name, "options": options or {}}, where="metrics")
    elif isinstance(metrics, Iterable):
        for each in metrics:
            yield from _metrics(each)
    else:
        raise ConfigError(f"metrics: {shortened(repr(metrics), 60)} is not the name of a metric; {_EXAMPLE}")


def _labelled(systems: object) -> Iterator[tuple[str, object]]:
    """Each system with its label, "" without one."""
    if isinstance(systems, Mapping) and not isinstance(systems.get("name"), str):
        yield from ((str(label), each) for label, each in systems.items())
    elif isinstance(systems, Sequence) and not isinstance(systems, str):
        yield from (("", each) for each in systems)
    else:
        yield "", systems


def _no_dataset(value: object) -> ConfigError:
    return ConfigError(
        f"{shortened(repr(value), 60)} of type {type_name(value)} is no dataset: a name of `tsebench list datasets`, a "
        "path, a DatasetConfig or its contents, or what load_dataset gives"
    )


class _Hash:
    """A file that keeps the hash of what is written to it alone."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Add bytes."""
        self.sha256.update(content)
        return len(content)


def _state(system: object) -> str:
    """Hash (hex) of all that an object holds; unlike any other if it cannot be pickled."""
    written = _Hash()
    try:
        pickle.dump(system, written, protocol=5)
    except Exception:  # noqa: BLE001 - third-party object; a hash of its own settles that nothing is reused
        return uuid.uuid4().hex
    return written.sha256.hexdigest()
