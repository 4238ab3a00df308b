"""Choose the trials of a demo page: by id, by quantile of a metric, or at random with a seed."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import ConfigError, UnknownNameError
from ...datasets.seeding import generator
from ..leaderboard import wording as text
from ..leaderboard.board import Leaderboard
from .choose_trials import TrialOrder, wanted_trials


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoChoice:
    """Trials and systems of a demo page.

    Attributes:
        trials: ids; if there are any, only these.
        quantiles: of `metric`, in 0..1, for each stratum of each dataset; 0 is the worst.
        metric: of the quantiles.
        by: system whose values count; the leader of each table if None.
        count: trials of each dataset to draw at random, without ids and quantiles.
        seed: of this draw.
        systems: columns, in this order; all that ran if empty.
    """

    trials: tuple[str, ...] = ()
    metric: str = ""
    quantiles: tuple[float, ...] = ()
    by: str | None = None
    count: int = 6
    seed: int = 0
    systems: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """Description of the choice."""
        if self.trials:
            return "by hand"
        if self.quantiles:
            levels = ", ".join(f"{level:g}" for level in self.quantiles)
            return f"at the quantiles {levels} of {self.metric} of {self.by or 'the leader'}"
        return f"at random (seed {self.seed})"


def choose_demo(board: Leaderboard, choice: DemoChoice) -> dict[tuple[str, str], str]:
    """Trials by dataset and id, with the reason for each.

    Raises:
        ConfigError: a trial, system or metric is unknown, or no trial has a value.
    """
    for name in [*choice.systems, *([choice.by] if choice.by else [])]:
        if name not in board.systems:
            raise UnknownNameError("system of the run", name, board.systems)
    if choice.trials:
        return dict.fromkeys(wanted_trials(board, choice.trials), "")
    if choice.quantiles:
        return _by_quantile(board, choice)
    found: dict[tuple[str, str], str] = {}
    for dataset in board.datasets:
        rows = board.rows[board.rows["dataset"] == dataset]
        ids = sorted(str(name) for name in rows["trial_id"].unique())
        rng = generator("demo", choice.seed, dataset)
        for place in sorted(rng.permutation(len(ids))[: choice.count]):
            found[dataset, ids[place]] = ""
    return found


def _by_quantile(board: Leaderboard, choice: DemoChoice) -> dict[tuple[str, str], str]:
    order = TrialOrder(board, metric=choice.metric)
    known = sorted({column.key for table in board.tables for column in table.columns})
    if choice.metric not in known:
        raise UnknownNameError("metric of the run", choice.metric, known)
    found: dict[tuple[str, str], str] = {}
    for table in board.tables:
        system = choice.by or table.leader
        ordered = order.worst_first(table, system)
        for level in choice.quantiles if len(ordered) else ():
            trial = ordered[round(level * (len(ordered) - 1))]
            unit = next(c.facts.unit for c in table.columns if c.key == choice.metric)
            value = f"{choice.metric} {text.number(trial.value, unit)} {unit}".strip()
            why = f"quantile {level:g} of {system}: {value}"
            found.setdefault((trial.dataset, trial.trial_id), why)
    if not found:
        raise ConfigError(
            f"no trial has a value of {choice.metric!r} by {choice.by or 'a ranked system'!r}; "
            "choose another metric, or another system with --by"
        )
    return found
