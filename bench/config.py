"""The config of a run: which systems, on which sets, judged by which metrics."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ..config_files import find_config, read_yaml
from ..errors import ConfigError, suggest
from ..validation import StrictModel, parse

_LABEL = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"


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


def _bare_system(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _bare_dataset(value: object) -> object:
    return {"dataset": value} if isinstance(value, str) else value


class DatasetSpec(StrictModel):
    """One dataset of a run; a bare string in the YAML means all systems and the run's metrics.

    Attributes:
        dataset: a dataset folder, a dataset config, or the shipped name of one.
        metrics: metrics on this set, instead of the run's.
        systems: titles of the systems that run on it, instead of all that can.
    """

    dataset: str
    metrics: tuple[str, ...] | None = None
    systems: tuple[str, ...] | None = None


class BootstrapSpec(StrictModel):
    """Confidence intervals: resamples of the clustered bootstrap, and their level."""

    resamples: int = Field(default=1000, ge=1)
    level: float = Field(default=0.95, gt=0.0, lt=1.0)


class RunConfig(StrictModel):
    """An experiment.

    Attributes:
        batch_size: most queries in one batch; memory errors halve it for the rest of the run.
        keep_estimates: write every estimate as wav, so that a metric added later needs no
            inference.
        seed: of the bootstrap; datasets carry their own.
    """

    name: str = Field(pattern=_LABEL)
    description: str = ""
    datasets: tuple[Annotated[DatasetSpec, BeforeValidator(_bare_dataset)], ...] = Field(
        min_length=1
    )
    systems: tuple[Annotated[SystemSpec, BeforeValidator(_bare_system)], ...] = Field(min_length=1)
    metrics: tuple[str, ...] = ("sdri", "si_sdri")
    batch_size: int = Field(default=8, ge=1)
    keep_estimates: bool = False
    seed: int = 0
    bootstrap: BootstrapSpec = BootstrapSpec()


def load_run_config(reference: str) -> RunConfig:
    """Read a run config by path or shipped name.

    Raises:
        ConfigError: unknown or wrong keys, or two systems with one title.
    """
    path = find_config(reference)
    config = parse(RunConfig, read_yaml(path), where=path.name)
    titles = [spec.title for spec in config.systems]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(
                f"{path.name}: {titles.count(title)} systems are called {title!r}; "
                "give each its own `label`"
            )
    for dataset in config.datasets:
        for title in dataset.systems or ():
            if title not in titles:
                raise ConfigError(
                    f"{path.name}: dataset {dataset.dataset!r} names system "
                    f"{title!r}{suggest(title, titles)}"
                )
    return config
