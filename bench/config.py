"""The config of a run: which systems, on which sets, judged by which metrics."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from ..config_files import find_config, read_yaml
from ..errors import ConfigError, suggest
from ..validation import StrictModel, parse
from .choices import MetricChoice

_LABEL = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"


def _spelt_out(entries: object, *, key: str) -> object:
    """Entries of a list, a bare string `x` written as `{key: x}`."""
    if not isinstance(entries, list | tuple):
        return entries
    return [{key: entry} if isinstance(entry, str) else entry for entry in entries]


class MetricSpec(StrictModel):
    """One metric of a run; a bare name in the YAML means its defaults.

    Attributes:
        name: a metric, or the improvement of one.
        options: settings of the metric.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def choice(self) -> MetricChoice:
        """As `plan_metrics` takes it."""
        return MetricChoice(name=self.name, options=self.options)


Metrics = Annotated[
    tuple[MetricSpec, ...],
    Field(min_length=1),
    BeforeValidator(partial(_spelt_out, key="name")),
]


class SystemSpec(StrictModel):
    """One system of a run; a bare name in the YAML means its defaults.

    Attributes:
        name: registered name.
        label: name in rows and reports; the registered name if None.
        options: keyword arguments of the system.
    """

    name: str
    label: str = Field(default="", pattern=_LABEL + "|^$")
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name in rows and reports."""
        return self.label or self.name


class DatasetSpec(StrictModel):
    """One dataset of a run; a bare string in the YAML means all systems and the run's metrics.

    Attributes:
        dataset: a dataset folder, a dataset config, or the shipped name of one.
        metrics: metrics on this set, instead of the run's.
        systems: titles of the systems that run on it, instead of all that can.
    """

    dataset: str
    metrics: Metrics | None = None
    systems: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class BootstrapSpec(StrictModel):
    """Confidence intervals: resamples of the clustered bootstrap, and their level."""

    resamples: int = Field(default=1000, ge=1)
    level: float = Field(default=0.95, gt=0.0, lt=1.0)


class RunConfig(StrictModel):
    """An experiment.

    Attributes:
        batch_size: most queries in one batch; when memory runs out, it is halved for the rest of
            what that system does on that set.
        measure_cost: measure parameters, operations, time and memory of every system first.
        keep_estimates: write every estimate as wav, so that a metric added later needs no
            inference.
        seed: of the bootstrap; datasets carry their own.
    """

    name: str = Field(pattern=_LABEL)
    description: str = ""
    datasets: tuple[DatasetSpec, ...] = Field(min_length=1)
    systems: tuple[SystemSpec, ...] = Field(min_length=1)
    metrics: Metrics = (MetricSpec(name="sdri"), MetricSpec(name="si_sdri"))
    batch_size: int = Field(default=8, ge=1)
    keep_estimates: bool = False
    measure_cost: bool = True
    seed: int = 0
    bootstrap: BootstrapSpec = BootstrapSpec()

    @field_validator("datasets", mode="before")
    @classmethod
    def _bare_datasets(cls, value: object) -> object:
        return _spelt_out(value, key="dataset")

    @field_validator("systems", mode="before")
    @classmethod
    def _bare_systems(cls, value: object) -> object:
        return _spelt_out(value, key="name")


def load_run_config(reference: str) -> RunConfig:
    """Read a run config by path or shipped name.

    Raises:
        ConfigError: unknown or wrong keys, or two systems with one title.
    """
    path = find_config(reference)
    config = parse(RunConfig, read_yaml(path), where=path.name)
    check_titles(config, where=path.name)
    return config


def check_titles(config: RunConfig, *, where: str) -> None:
    """Check that every system has a title of its own, and that datasets name these.

    Raises:
        ConfigError: starting with `where`.
    """
    titles = [spec.title for spec in config.systems]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(
                f"{where}: {titles.count(title)} systems are called {title!r}; "
                "give each its own `label`"
            )
    for dataset in config.datasets:
        named = dataset.systems or ()
        for title in named:
            if title not in titles:
                raise ConfigError(
                    f"{where}: dataset {dataset.dataset!r} names system "
                    f"{title!r}{suggest(title, titles)}"
                )
            if named.count(title) > 1:
                raise ConfigError(
                    f"{where}: dataset {dataset.dataset!r} names system {title!r} "
                    f"{named.count(title)} times; name it once"
                )
