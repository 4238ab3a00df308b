"""Facts on single trials: scores, transcripts, tags, recipes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...bench.score_row import ANSWER_TAGS, TAG_PREFIX
from ..leaderboard.board import Entry, Leaderboard, Table
from ..trial_audio import RunAudio
from ..trial_signals import TrialRecipe
from .transcripts import OF_ESTIMATES, OF_REFERENCES, Transcript, transcript_of

_Row = dict[Hashable, Any]

_OF_ANSWERS = {TAG_PREFIX + name for name in ANSWER_TAGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialScore:
    """A value of one metric for one system and trial; NaN with its status and reason."""

    value: float
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """Result of one system on one trial.

    Attributes:
        scores: one for each column of the table; None without a row.
        transcript: of the estimate; None if it was not transcribed.
        run_id: of the run that scored it, "" without any row.
        title: of the system in that run.
    """

    entry: Entry
    scores: tuple[TrialScore | None, ...]
    transcript: Transcript | None
    run_id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    """Facts on a trial for its page.

    Attributes:
        tags: dimensions that reports slice by.
        recipe: of the trial, None where the set is not available.
        target_transcript: of the target itself, if it was transcribed.
    """

    dataset: str
    trial_id: str
    mixture_id: str
    table: Table
    tags: Mapping[str, str]
    results: tuple[TrialResult, ...]
    recipe: TrialRecipe | None
    target_transcript: Transcript | None

    @property
    def track_columns(self) -> tuple[int, ...]:
        """Columns whose values a track shows: the primary, and the first that does not derive from it."""
        columns, primary = self.table.columns, self.table.primary
        if primary is None:
            return ()
        name = columns[primary].facts.name
        more = [
            i
            for i, column in enumerate(columns)
            if i != primary and column.facts.improvement != name and not column.facts.name.endswith("_reference")
        ]
        return (primary, *more[:1])

    @property
    def draws(self) -> bool:
        """Whether a system drew several samples, so that values are means."""
        cells = [cell for result in self.results for cell in result.entry.cells]
        return any(cell is not None and cell.n_samples > 1 for cell in cells)

    @property
    def transcript(self) -> str:
        """Reference transcript of the target, "" if it is not known."""
        return (self.recipe.transcript or "") if self.recipe else ""

    @property
    def query(self) -> str:
        """Classes and texts of the clue, "" for an enrollment alone."""
        clue = self.recipe.trial.clue if self.recipe else None
        if clue is None:
            return ""
        texts = [f"“{clue.text}”"] if clue.text else []
        texts += [f"not “{clue.negative_text}”"] if clue.negative_text else []
        return ", ".join([*clue.classes, *texts])


def facts_of(
    board: Leaderboard, pairs: Sequence[tuple[str, str]], audio: Mapping[str, RunAudio]
) -> Iterator[TrialFacts]:
    """Facts on trials, given by dataset and id; `audio` is by run id."""
    if not pairs:
        return
    rows = board.rows
    near = rows[rows["trial_id"].isin({trial for _, trial in pairs})]
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in near.to_dict("records"):  # a few hundred for each trial: pandas takes far longer for each look at them
        groups.setdefault((str(row["dataset"]), str(row["trial_id"])), []).append(row)
    for dataset, trial_id in pairs:
        yield _facts(board, dataset, trial_id, groups[dataset, trial_id], audio)


def _facts(
    board: Leaderboard, dataset: str, trial_id: str, records: Sequence[_Row], audio: Mapping[str, RunAudio]
) -> TrialFacts:
    first = records[0]
    of_system: dict[str, list[_Row]] = {}
    for row in records:
        of_system.setdefault(str(row["system"]), []).append(row)
    table = next(t for t in board.tables if (t.dataset, t.condition) == (dataset, first["condition"]))
    runs = [audio[run] for run in dict.fromkeys(str(row["run_id"]) for row in records) if run in audio]
    recipe = next((found for run in runs if (found := run.recipe(dataset, trial_id))), None)
    reference = (recipe.transcript or "") if recipe else ""
    return TrialFacts(
        dataset=dataset,
        trial_id=trial_id,
        mixture_id=str(first["mixture_id"]),
        table=table,
        tags={
            str(name).removeprefix(TAG_PREFIX).replace("_", " "): str(value)
            for name, value in first.items()
            if str(name).startswith(TAG_PREFIX) and isinstance(value, str) and name not in _OF_ANSWERS
        },
        results=tuple(_result(entry, table, of_system.get(entry.system, []), reference) for entry in table.entries),
        recipe=recipe,
        target_transcript=_transcript(records, OF_REFERENCES, reference),
    )


def _result(entry: Entry, table: Table, own: Sequence[_Row], reference: str) -> TrialResult:
    by_metric = {str(row["metric"]): row for row in own}
    found = [by_metric.get(column.key) for column in table.columns]
    first = own[0] if own else None
    return TrialResult(
        entry=entry,
        scores=tuple(
            None
            if row is None
            else TrialScore(value=float(row["value"]), status=str(row["status"]), reason=str(row["reason"]))
            for row in found
        ),
        transcript=_transcript(own, OF_ESTIMATES, reference),
        run_id="" if first is None else str(first["run_id"]),
        title="" if first is None else str(first["base_system"]),
    )


def _transcript(rows: Sequence[_Row], metric: str, reference: str) -> Transcript | None:
    """The transcript, which may be empty; None if there is no row of the metric."""
    row = next((row for row in rows if row["base_metric"] == metric and row["status"] == "ok"), None)
    if row is None:
        return None
    return transcript_of(str(row["detail"]), reference, str(row["signature"]))
