"""Who is told how training goes: a progress bar, log lines, MLflow."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ...core.errors import ConfigError
from .config import TrainConfig
from .snapshot import EpochLog

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOGGER = logging.getLogger("tsebench.train")


class Watcher(Protocol):
    """Somebody who is told."""

    def step(self, *, loss: float) -> None:
        """A step was made; `loss` is the mean of the epoch so far, in dB."""
        ...

    def epoch(self, log: EpochLog, *, best_loss: float) -> None:
        """An epoch was done."""
        ...


class LogLines:
    """One line for each epoch, to the logger `tsebench.train` and to a console if there is one."""

    def __init__(self, console: Console | None) -> None:
        self._console = console

    def step(self, *, loss: float) -> None:
        """Steps are not told."""

    def epoch(self, log: EpochLog, *, best_loss: float) -> None:
        """Tell the losses, the learning rate and the time."""
        line = _line(log, best_loss)
        _LOGGER.info("%s", line)
        if self._console is not None:
            self._console.print(line, highlight=False)


class Bar:
    """A progress bar over the steps of the run, on a terminal."""

    def __init__(self, progress: Progress, *, total: int, done: int) -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=total, completed=done, loss="")

    def step(self, *, loss: float) -> None:
        """Advance the bar."""
        self._progress.update(self._task, advance=1, loss=f"train {loss:.2f} dB")

    def epoch(self, log: EpochLog, *, best_loss: float) -> None:
        """The lines are told by `LogLines`; the console keeps them above the bar."""


class MlflowWatcher:
    """Losses and settings as a run of an MLflow experiment."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def step(self, *, loss: float) -> None:
        """Steps are not logged."""

    def epoch(self, log: EpochLog, *, best_loss: float) -> None:
        """Log the losses and the learning rate."""
        values = {"train_loss": log.train_loss, "valid_loss": log.valid_loss, "lr": log.lr}
        for name, value in {**values, "best_valid_loss": best_loss}.items():
            self._client.log_metric(self._run_id, name, value, step=log.epoch)


@contextmanager
def watchers(
    config: TrainConfig, *, total: int, done: int, console: Console | None, tracking_uri: str | None
) -> Iterator[tuple[Watcher, ...]]:
    """Those who watch a run: log lines, a bar if the console is a terminal, MLflow if asked for.

    Args:
        config: of the run.
        total: steps of the whole run.
        done: steps of its earlier parts.
        console: where lines and the bar go, if anywhere.
        tracking_uri: of the MLflow server or store.
    """
    with ExitStack() as stack:
        watching: list[Watcher] = [LogLines(console)]
        if console is not None and console.is_terminal:
            progress = stack.enter_context(Progress(*_columns(), console=console))
            watching.append(Bar(progress, total=total, done=done))
        if tracking_uri is not None:
            watching.append(stack.enter_context(_mlflow(config, tracking_uri)))
        yield tuple(watching)


@contextmanager
def _mlflow(config: TrainConfig, tracking_uri: str) -> Iterator[MlflowWatcher]:
    """Opens a run before training starts.

    Raises:
        ConfigError: the server or store cannot be used.
    """
    # Imported late: it takes seconds, and most runs do without.
    from mlflow import MlflowClient  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        client = MlflowClient(tracking_uri=tracking_uri)
        run_id = _open_run(client, config)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise ConfigError(
            f"MLflow at {tracking_uri!r} cannot be used: {first}; "
            "check --tracking-uri, or turn tracking off with --tracking-uri none"
        ) from None
    status = "FAILED"
    try:
        yield MlflowWatcher(client, run_id)
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status=status)


def _open_run(client: MlflowClient, config: TrainConfig) -> str:
    """Id of a new run that has the config as its parameters."""
    experiment = client.get_experiment_by_name("tsebench-train")
    number = experiment.experiment_id if experiment else client.create_experiment("tsebench-train")
    run_id = str(client.create_run(number, run_name=config.name).info.run_id)
    for section, values in config.model_dump(mode="json").items():
        nested = values if isinstance(values, dict) else {"": values}
        for key, value in nested.items():
            client.log_param(run_id, f"{section}.{key}".rstrip("."), value)
    return run_id


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


def _line(epoch: EpochLog, best_loss: float) -> str:
    return (
        f"epoch {epoch.epoch}: train {epoch.train_loss:.2f} dB, valid {epoch.valid_loss:.2f} dB, "
        f"best {best_loss:.2f} dB, lr {epoch.lr:.2g}, {epoch.seconds:.0f} s"
    )
