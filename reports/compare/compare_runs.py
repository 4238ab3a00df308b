"""Compare two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...bench.run.rank_by import preferred
from ...bench.run.record import BootstrapFacts
from ...core.processors import one_blas_thread
from .differences import sliced, whole_strata
from .gate_checks import check_gates
from .gate_trials import unjudged_notes
from .gates import Gate
from .matched_runs import Matched, match_runs
from .paired_strata import PairedStratum, Resampling, cells_of
from .result import Comparison, Decide
from .worst import worst_trials


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """Options of a comparison.

    Attributes:
        gates: limits that a difference must not cross.
        decide: when a difference beyond a threshold is one; see `checks`.
        base_system: compare this one alone, with `candidate_system`.
        metrics: empty for all but parts, and values whose improvement exists.
        slices: compare slices of strata too.
        allow_incomplete: trials with a value in one run only do not fail.
    """

    gates: tuple[Gate, ...] = ()
    decide: Decide = "significant"
    base_system: str | None = None
    candidate_system: str | None = None
    metrics: tuple[str, ...] = ()
    slices: bool = True
    allow_incomplete: bool = False


@one_blas_thread()  # differences share the threads
def compare_runs(base: Path, candidate: Path, options: CompareOptions) -> Comparison:
    """Compare a candidate run with a base run, on the trials of both.

    Raises:
        ConfigError: the runs cannot be compared, or a gate names an unknown metric, slice or value.
        DatasetError: a shard of rows is damaged.
    """
    wanted = [*options.metrics, *(g.metric for g in options.gates)] if options.metrics else []
    matched = match_runs(
        base,
        candidate,
        base_system=options.base_system,
        candidate_system=options.candidate_system,
        metrics=tuple(dict.fromkeys(wanted)),
    )
    settings = _settings(matched)
    cells = list(cells_of(matched))
    checks = check_gates(
        options.gates, cells, decide=options.decide, settings=settings, allow_incomplete=options.allow_incomplete
    )
    shown = _shown(cells, options)
    unchanged = _unchanged(shown)
    changed = [cell for cell in shown if cell.pair.title not in unchanged]
    return Comparison(
        base=matched.base.facts,
        candidate=matched.candidate.facts,
        changes=tuple(whole_strata(changed, settings)),
        slices=tuple(sliced(changed, settings)) if options.slices else (),
        unchanged=unchanged,
        gates=options.gates,
        checks=checks,
        worst=tuple(worst_trials(_for_listening(changed, options.gates))),
        notes=(*matched.notes, *unjudged_notes(options.gates, cells)),
        gaps=matched.gaps,
        level=settings.level,
        decide=options.decide,
        allow_incomplete=options.allow_incomplete,
        folders=(base, candidate),
    )


def _settings(matched: Matched) -> Resampling:
    """Intervals as the base run asks for them."""
    runs = (matched.base.facts, matched.candidate.facts)
    wanted = next((run.config.bootstrap for run in runs if run.config), BootstrapFacts())
    seed = next((run.seed for run in runs if run.seed is not None), 0)
    return Resampling(level=wanted.level, resamples=wanted.resamples, seed=seed)


def _shown(cells: Sequence[PairedStratum], options: CompareOptions) -> list[PairedStratum]:
    """Cells without what says the same twice: parts, and values whose improvement is there.

    The mixture is the same in both runs, so an improvement changes by what the value itself does.
    """
    if options.metrics:
        return [cell for cell in cells if cell.metric in options.metrics]
    there = {(cell.dataset, cell.metric) for cell in cells}
    return [
        cell for cell in cells if cell.facts.part_of is None and (cell.dataset, cell.facts.improvement) not in there
    ]


def _unchanged(cells: Sequence[PairedStratum]) -> tuple[str, ...]:
    """Systems of which no value changed."""
    titles = dict.fromkeys(cell.pair.title for cell in cells)
    other = {cell.pair.title for cell in cells if not cell.unchanged(cell.everything())}
    return tuple(title for title in titles if title not in other)


def _for_listening(cells: Sequence[PairedStratum], gates: Sequence[Gate]) -> list[PairedStratum]:
    """Cells whose worst trials are named: of the gates' metrics, else of the default ranking metric."""
    wanted = {gate.metric for gate in gates}
    found = []
    for key in dict.fromkeys((cell.dataset, cell.condition) for cell in cells):
        here = [cell for cell in cells if (cell.dataset, cell.condition) == key]
        names = {cell.metric for cell in here}
        default = preferred(cell.facts for cell in here)
        first = default.name if default else min(names)
        chosen = wanted & names or {first}
        found += [cell for cell in here if cell.metric in chosen]
    return found
