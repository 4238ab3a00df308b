"""The config of a run: which systems, on which sets, judged by which metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..core.config_files import find_config, read_yaml, with_settings
from ..core.constraint_words import LABEL
from ..core.errors import ConfigError, suggest
from ..core.text import names_of
from ..core.validation import StrictModel, parse
from ..datasets.sweep_spec import SweepSpec
from ..systems.checkpoints.adaptation_card import AdaptOptions
from .scoring.plan import MetricSpec
from .statistics import MOST_RESAMPLES

Isolation = Literal["process", "none"]

TIME_LIMIT_S = 300.0
"""Default time for the answer to a batch in a process of its own."""


def _spelt_out(entries: object, *, key: str) -> object:
    """Entries of a list, a bare string `x` written as `{key: x}`; a string alone is a list of one, or of names."""
    if isinstance(entries, str):
        entries = list(names_of(entries))
    if not isinstance(entries, list | tuple):
        return entries
    return [{key: entry} if isinstance(entry, str) else entry for entry in entries]


Metrics = Annotated[
    tuple[MetricSpec, ...],
    Field(min_length=1),
    BeforeValidator(partial(_spelt_out, key="name"), json_schema_input_type=str | tuple[MetricSpec | str, ...]),
]


class AdaptSpec(AdaptOptions):
    """Few-shot adaptation of a system's checkpoint before the run, as `tsebench adapt` does it.

    Attributes:
        dataset: config of the mixtures to adapt with, by path or shipped name.
        enroll_from: config whose trials enroll the new classes; null: that of `dataset`.
    """

    dataset: str
    enroll_from: str | None = None

    @property
    def how(self) -> AdaptOptions:
        """The options alone."""
        return AdaptOptions(**self.model_dump(exclude={"dataset", "enroll_from"}))


MOST_SAMPLES = 1000
Samples = Annotated[int, Field(ge=1, le=MOST_SAMPLES)]
"""Answers of one system to each query."""


class SystemSpec(StrictModel):
    """One system of a run; a bare name in the YAML means its defaults.

    Attributes:
        name: registered name, see `tsebench list systems`.
        label: name in rows and reports, which two systems of a run cannot share; the registered name unless set.
        options: options of the system, see `tsebench explain system NAME`.
        depends: files and folders, relative to the working folder, that its answers depend on besides its code, options
            and weights; later runs reuse its scores as long as they do not change.
        cache: true: later runs reuse its scores even if unknown files may determine them; false: never; null: where
            nothing is unknown, or with `depends`.
        isolation: instead of the run's `isolation`.
        time_limit_s: instead of the run's `time_limit_s`.
        adapt: adaptation of the option `checkpoint` to new classes before the run, whose result is run.
        samples: answers that are drawn to each query, with seeds of their own; its value is their mean. Only a system
            whose card says `stochastic` has more than one; null: the run's `samples`.
        streaming: whether mixtures are pushed piece by piece into a system that streams (see `tsebench doctor SYSTEM
            --streaming`), so that its scores are those of the streamed answers.
    """

    name: str
    label: str = Field(default="", pattern=f"{LABEL}|^$")
    options: dict[str, Any] = Field(default_factory=dict)
    depends: tuple[Path, ...] = ()
    cache: bool | None = None
    isolation: Isolation | None = None
    time_limit_s: float | None = Field(default=None, gt=0)
    adapt: AdaptSpec | None = None
    samples: Samples | None = None
    streaming: bool = False

    @property
    def title(self) -> str:
        """Name in rows and reports."""
        return self.label or self.name


class DatasetSpec(StrictModel):
    """One dataset of a run; a bare string in the YAML means all systems and the run's metrics.

    Attributes:
        dataset: a dataset folder or a dataset config by path, relative to the working folder, or a shipped config by
            name.
        role: name of the set in a paper's table, see `paper_tables`.
        metrics: metrics on this set, instead of the run's.
        systems: titles (label, else name) of the systems that run on it, instead of all that can.
        sweep: sweeps over this set, instead of the run's.
    """

    dataset: str
    role: str = ""
    metrics: Metrics | None = None
    systems: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    sweep: tuple[SweepSpec, ...] | None = None


Systems = Annotated[
    tuple[SystemSpec, ...],
    Field(min_length=1),
    BeforeValidator(partial(_spelt_out, key="name"), json_schema_input_type=str | tuple[SystemSpec | str, ...]),
]
Datasets = Annotated[
    tuple[DatasetSpec, ...],
    Field(min_length=1),
    BeforeValidator(partial(_spelt_out, key="dataset"), json_schema_input_type=str | tuple[DatasetSpec | str, ...]),
]


class BootstrapSpec(StrictModel):
    """Confidence intervals: resamples of the clustered bootstrap, and their level.

    Attributes:
        resamples: draws of mixtures with replacement; trials of one mixture stay together.
        level: probability that an interval covers the mean, 0.95 for 95 %.
    """

    resamples: int = Field(default=1000, ge=1, le=MOST_RESAMPLES)
    level: float = Field(default=0.95, gt=0.0, lt=1.0)


FULL = "full"
"""Scale of a config as it is written."""


class ScaleSpec(StrictModel):
    """The same experiment at another scale: replaced settings.

    Attributes:
        datasets: instead of the config's.
        systems: by title, keys of a system that differ, options by option.
        leave_out: titles of systems that are not run at this scale, for example because no network of them is shipped.
        metrics: instead of the config's.
    """

    datasets: Datasets | None = None
    systems: dict[str, dict[str, Any]] = Field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    metrics: Metrics | None = None


class RunConfig(StrictModel):
    """An experiment.

    Attributes:
        name: name of the run, of its folder below `runs/`, and in reports.
        description: text for the reader of the config; it changes nothing.
        datasets: sets to run on; a bare name or path stands for `{dataset: NAME}`.
        systems: systems to run; a bare name stands for `{name: NAME}`.
        metrics: metrics on every set, improvements (`si_sdri`) included; a bare name stands for `{name: NAME}`.
        sweep: degradations, each at several levels, over every set. A level is a set of its own with the same trials;
            reports show curves over the levels, with the plain set as their first point.
        batch_size: most queries in one batch; "auto": 8, and on a GPU, once the memory of a batch is known, as many as
            its free memory holds, so that the last digits of a value may depend on that. When memory runs out, batches
            are halved for the rest of the system's trials on that set.
        keep_estimates: write every estimate as wav into the run's folder, so that a metric added later needs no
            inference.
        measure_cost: measure parameters, operations, time and memory of every system first.
        gpus_per_worker: share of a GPU for each worker of a cluster (`--executor ray`), 0.5 for two workers on each;
            0: they work on CPUs; null: 1 where the cluster has GPUs.
        isolation: "process" runs a system in a process of its own, so that a crash or a hang costs the trial at fault;
            "none" runs it in that of the run. null: "process" for systems that are not shipped with tsebench, or that
            run code of others (asteroid), and "none" for other systems and for classes of the calling script.
        time_limit_s: longest answer to a batch in a process of its own; a longer one counts as a hang. A constructor
            has as long, and at least 60 s.
        seed: of the bootstrap; datasets carry their own.
        samples: answers that each stochastic system draws to each query, unless it says so itself; a deterministic one
            answers once. The value of a trial is the mean over its samples, never the best. More samples can be asked
            for later: only the new ones are drawn.
        bootstrap: confidence intervals of all means.
        scale: which of `scales` is run; "full" is the config as it is written.
        scales: the same experiment on other data, by name; `--set scale=NAME` picks one.
        paper_tables: names of papers' tables that the results are shown in, see `reports/papers`.
        rank_by: metric that ranks the systems in reports: one name for all sets, or names by set; the default is
            `snri`, `si_sdri`, ... as far as a set has them.
    """

    name: str = Field(pattern=LABEL)
    description: str = ""
    datasets: Datasets
    systems: Systems
    metrics: Metrics = (MetricSpec(name="sdri"), MetricSpec(name="si_sdri"))
    sweep: tuple[SweepSpec, ...] = ()
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = 8
    keep_estimates: bool = False
    measure_cost: bool = True
    gpus_per_worker: float | None = Field(default=None, ge=0)
    isolation: Isolation | None = None
    time_limit_s: float = Field(default=TIME_LIMIT_S, gt=0)
    seed: int = 0
    samples: Samples = 1
    bootstrap: BootstrapSpec = BootstrapSpec()
    scale: str = FULL
    scales: dict[str, ScaleSpec] = Field(default_factory=dict)
    paper_tables: tuple[str, ...] = ()
    rank_by: str | dict[str, str] = Field(default_factory=dict)


def load_run_config(reference: str, settings: Sequence[str] = ()) -> RunConfig:
    """Read a run config by path or shipped name with KEY=VALUE settings laid over it, at the scale that it names.

    Raises:
        ConfigError: unknown or wrong keys, an unknown scale, or two systems with one title.
    """
    path = find_config(reference)
    return run_config_of(with_settings(read_yaml(path), settings, where=path.name), where=path.name)


def run_config_of(data: Mapping[str, Any], *, where: str) -> RunConfig:
    """The config with these contents, at the scale that it names; errors are those of `load_run_config`."""
    config = _at_scale(parse(RunConfig, data, where=where, topic="run"), where=where)
    check_titles(config, where=where)
    return config


def _at_scale(config: RunConfig, *, where: str) -> RunConfig:
    """The config at its scale, with a name of its own and without the other scales."""
    known = {FULL, *config.scales}
    if config.scale not in known:
        raise ConfigError(f"{where}: unknown scale {config.scale!r}{suggest(config.scale, known)}")
    if config.scale == FULL:
        return config.model_copy(update={"scales": {}})
    scale = config.scales[config.scale]
    titles = [spec.title for spec in config.systems]
    for title in (*scale.systems, *scale.leave_out):
        if title not in titles:
            raise ConfigError(f"{where}: scale {config.scale!r} names system {title!r}{suggest(title, titles)}")
    place = f"{where}: scales.{config.scale}.systems"
    update = {
        "name": f"{config.name}_{config.scale}",
        "datasets": scale.datasets or config.datasets,
        "systems": tuple(
            _changed(spec, scale.systems.get(spec.title, {}), where=f"{place}.{spec.title}")
            for spec in config.systems
            if spec.title not in scale.leave_out
        ),
        "metrics": scale.metrics or config.metrics,
        "scales": {},
    }
    return config.model_copy(update=update)


def _changed(spec: SystemSpec, changes: dict[str, Any], *, where: str) -> SystemSpec:
    data = spec.model_dump(exclude_unset=True)
    for key, value in changes.items():
        before = data.get(key)
        merges = isinstance(before, dict) and isinstance(value, dict)
        data[key] = {**(before or {}), **value} if merges else value
    return parse(SystemSpec, data, where=where, topic="run")


def check_titles(config: RunConfig, *, where: str) -> None:
    """Check that every system has a title of its own, and that datasets name these; errors start with `where`."""
    titles = [spec.title for spec in config.systems]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(f"{where}: {titles.count(title)} systems are called {title!r}; give each its own `label`")
    for dataset in config.datasets:
        named = dataset.systems or ()
        for title in named:
            about = f"{where}: dataset {dataset.dataset!r} names system {title!r}"
            if title not in titles:
                raise ConfigError(f"{about}{suggest(title, titles)}")
            if named.count(title) > 1:
                raise ConfigError(f"{about} {named.count(title)} times; name it once")
