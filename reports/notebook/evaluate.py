"""Runs in Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ...bench.config import DatasetSpec, RunConfig, SystemSpec, run_config_of
from ...bench.cost.measure import find_networks
from ...bench.given import DatasetLike, Given, MetricsLike, SystemLike, WithoutCard, datasets_of, metrics_of, systems_of
from ...bench.rows import read_rows
from ...bench.run.runner import RunOptions, run
from ...core.config_files import find_config, read_yaml, shipped_names, with_settings
from ...core.errors import ConfigError, check_jobs, python_words, shortened, suggest
from ...core.progress import on_terminal
from ...core.text import type_name
from ...datasets.api import Settings, folders_of
from ...datasets.dataset import Dataset
from ...systems.protocol import AnySystem
from ...systems.registry import SYSTEMS
from .results import Results

_HOW = (
    "evaluate takes a config (name, path, dict or RunConfig), or systems with datasets: "
    "evaluate('quickstart'), evaluate('mixture', datasets='mini_speech', metrics='si_sdri')"
)
_LONGEST_NAME = 80


def evaluate(
    config: str | Path | Mapping[str, Any] | RunConfig | SystemLike | None = None,
    *,
    systems: SystemLike | None = None,
    datasets: DatasetLike | None = None,
    metrics: MetricsLike | None = None,
    settings: Settings = (),
    samples: int | None = None,
    out: str | Path | None = None,
    corpora: Mapping[str, str | Path] | None = None,
    device: str = "auto",
    jobs: int = 2,
    fresh: bool = False,
    retry_failed: bool = False,
) -> Results:
    """Run systems on datasets and score them, as `tsebench run` does, without the report.

    Args:
        config: a config: its path or shipped name ("quickstart"), its contents, or a `RunConfig`. Or a system, with
            `datasets`: a registered name, a spec {"name": ..., "options": {...}}, a loaded system, any object with
            `extract(batch)`, or a list of these.
        systems: in place of those of the config; a mapping gives them labels.
        datasets: in place of those of the config: names, paths, configs, or what `load_dataset` gives.
        metrics: in place of those of the config: "si_sdri,pesq", or a list of names and specs with options.
        settings: values set in the config, as `--set` does: {"batch_size": 2}.
        samples: answers that each stochastic system draws to each query, in place of the config's; the value of a trial
            is their mean.
        out: run folder, `runs/NAME` by default; a run that was interrupted goes on there.
        corpora: folders of corpora by name, in addition to those of the user file.
        device: "auto", "cpu", "cuda", "cuda:1"; "auto" is that of the weights if a loaded system is given.
        jobs: processes for metrics such as PESQ and STOI.
        fresh: start over instead of going on.
        retry_failed: try failed trials of an earlier run again.

    Returns:
        Rows, leaderboard, record and folder of the run; a notebook shows the leaderboard.

    Raises:
        ConfigError: something does not exist or does not fit; the message says what is allowed.
        CorpusError: a corpus has no folder, or is not laid out as expected.
        DatasetError: a dataset cannot be opened or built.
        AudioError: a recording is missing or damaged; finished shards stay.
        CheckpointError: weights are missing, unsafe or do not fit.
        OutputError: the folder holds another run, or cannot be written.
    """
    check_jobs(jobs)
    if config is None and systems is None:
        raise ConfigError(_HOW)
    base, where = _contents(config, has_datasets=datasets is not None)
    if base is None:
        if systems is not None:
            raise ConfigError(
                f"the first argument is a system, and systems= are given too; put all in one list; {_HOW}"
            )
        base, systems = {}, config  # type: ignore[assignment]
    data = with_settings(base, settings, where=where)
    if samples is not None:
        data["samples"] = samples
    given = _filled(data, systems=systems, datasets=datasets, metrics=metrics)
    data.setdefault("name", _name(data, out))
    chosen = run_config_of(data, where=where)
    notes: list[str] = []
    options = RunOptions(
        out=Path(out).expanduser() if out is not None else Path("runs") / chosen.name,
        device=_device(device, given.systems),
        jobs=jobs,
        fresh=fresh,
        retry_failed=retry_failed,
        corpus_dirs=folders_of(corpora),
        given=given,
        progress=on_terminal(),
        say=notes.append,
    )
    with python_words():
        done = run(chosen, options)
    return Results(
        record=done.record,
        rows=read_rows(done.out),
        trials=done.trials,
        failed_trials=done.failed_trials,
        out=done.out,
        notes=tuple(notes),
    )


def _contents(config: object, *, has_datasets: bool) -> tuple[dict[str, Any] | None, str]:
    """Contents of a config and its name in messages; None if the argument is systems."""
    if config is None:
        return {}, "evaluate"
    if isinstance(config, RunConfig):
        return {key: getattr(config, key) for key in config.model_fields_set}, config.name
    if isinstance(config, Mapping):
        is_config = {"systems", "datasets"} & config.keys() or not has_datasets
        return (dict(config), "config") if is_config else (None, "evaluate")
    if isinstance(config, str | Path):
        return _named(str(config), has_datasets=has_datasets)
    if isinstance(config, Dataset):
        raise ConfigError(f"{config!r} is a dataset, not a config or a system; write evaluate(system, datasets=...)")
    if not has_datasets:
        if not isinstance(config, type | Iterable) and not hasattr(config, "extract"):
            raise ConfigError(f"{shortened(repr(config), 60)} of type {type_name(config)} is no config; {_HOW}")
        systems_of(config)  # refuses what is no system
        raise ConfigError("evaluate(system) needs datasets: add for example datasets='mini_speech', metrics='si_sdri'")
    return None, "evaluate"


def _named(reference: str, *, has_datasets: bool) -> tuple[dict[str, Any] | None, str]:
    """A config by path or name, or a system by name."""
    try:
        path = find_config(reference)
    except ConfigError as error:
        problem = error
    else:
        return dict(read_yaml(path)), path.name
    if has_datasets:
        known = [*SYSTEMS.names(), *shipped_names()]
        if reference not in SYSTEMS:
            raise ConfigError(
                f"{shortened(reference, 60)!r} is neither a system nor a config{suggest(reference, known)}"
            )
        return None, "evaluate"
    if reference in SYSTEMS:
        raise ConfigError(f"{reference!r} is a system: add datasets to run it on, for example datasets='mini_speech'")
    raise problem


def _filled(data: dict[str, Any], *, systems: object, datasets: object, metrics: object) -> Given:
    """Put specs of what is given in place of what the config has; the objects among them."""
    if metrics is not None:
        data["metrics"] = metrics_of(metrics)
    elif isinstance(data.get("metrics"), str | Mapping):
        data["metrics"] = metrics_of(data["metrics"])
    loaded: dict[str, AnySystem] = {}
    if (wanted := data.get("systems") if systems is None else systems) is not None:
        data["systems"], loaded = systems_of(wanted)
    objects: dict[str, Any] = {}
    if (wanted := data.get("datasets") if datasets is None else datasets) is not None:
        data["datasets"], objects = datasets_of(wanted)
        cleared = {"metrics": None} if metrics is not None and datasets is None else {}
        cleared |= {"systems": None} if systems is not None and datasets is None else {}
        data["datasets"] = [spec.model_copy(update=cleared) for spec in data["datasets"]]
    return Given(systems=loaded, datasets=objects)


def _name(data: Mapping[str, Any], out: str | Path | None) -> str:
    """A name for a run that has none: that of its folder, or its systems and datasets."""
    systems: list[SystemSpec] = data.get("systems") or []
    datasets: list[DatasetSpec] = data.get("datasets") or []
    if out is not None:
        name = Path(out).resolve().name
    else:
        sets = [Path(spec.dataset).stem for spec in datasets]
        name = f"{'-'.join(spec.title for spec in systems)}_on_{'-'.join(sets)}"
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name).lstrip("_.+-")[:_LONGEST_NAME] or "run"


def _device(device: str, systems: Mapping[str, AnySystem]) -> str:
    """The device of the loaded systems' weights in place of "auto"; "cpu" where they have none or differ."""
    if device != "auto" or not systems:
        return device
    loaded = (system.own if isinstance(system, WithoutCard) else system for system in systems.values())
    networks = [net for system in loaded for net in find_networks(system)]
    places = {str(parameter.device) for net in networks for parameter in net.parameters()}
    return places.pop() if len(places) == 1 and torch.cuda.is_available() else "cpu"
