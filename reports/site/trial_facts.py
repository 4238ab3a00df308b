"""What is told of one trial: scores, texts, tags, and its sounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...bench.rows import TAG_PREFIX
from ..leaderboard.board import Entry, Leaderboard, Table
from ..trial_audio import RunAudio, Signals, Told
from .players import Sound
from .transcripts import OF_ESTIMATES, OF_REFERENCES, Words, words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A value of one metric for one system and trial; NaN with its status and reason."""

    value: float
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One system on one trial.

    Attributes:
        scores: one for each column of the table; None without a row.
        words: what was recognised, if anything was.
        run_id: of the run that scored it, "" without any row.
        title: of the system in that run.
    """

    entry: Entry
    scores: tuple[Score | None, ...]
    words: Words | None
    run_id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    """All that a page says of a trial.

    Attributes:
        tags: what reports slice by.
        told: what the recipe says, None where the set is not at hand.
        clean: what was recognised in the target itself, if anybody listened to it.
    """

    dataset: str
    trial_id: str
    mixture_id: str
    table: Table
    tags: Mapping[str, str]
    answers: tuple[Answer, ...]
    told: Told | None
    clean: Words | None

    @property
    def beside(self) -> tuple[int, ...]:
        """Columns whose values stand beside a track: the primary, and one that tells more."""
        columns, primary = self.table.columns, self.table.primary
        if primary is None:
            return ()
        same = {
            primary,
            *(i for i, c in enumerate(columns) if c.facts.improvement == columns[primary].facts.name),
        }
        more = [
            i
            for i, column in enumerate(columns)
            if i not in same and not column.facts.name.endswith("_reference")
        ]
        return (primary, *more[:1])

    @property
    def transcript(self) -> str:
        """What the target says, "" if it is not known."""
        return (self.told.transcript or "") if self.told else ""

    @property
    def asked(self) -> str:
        """The clue in words: classes or a text, "" for an enrollment alone."""
        clue = self.told.trial.clue if self.told else None
        if clue is None:
            return ""
        return ", ".join([*clue.classes, *([f"“{clue.text}”"] if clue.text else [])])


def facts_of(
    board: Leaderboard, pairs: Sequence[tuple[str, str]], audio: Mapping[str, RunAudio]
) -> Iterator[TrialFacts]:
    """What is known of some trials, by dataset and id."""
    if not pairs:
        return
    rows = board.rows
    near = rows[rows["trial_id"].isin({trial for _, trial in pairs})]
    groups: dict[tuple[str, str], pd.DataFrame] = {
        (str(dataset), str(trial)): group for (dataset, trial), group in near.groupby(["dataset", "trial_id"])
    }
    for pair in pairs:
        yield trial_facts(board, groups[pair], audio)


def trial_facts(board: Leaderboard, rows: pd.DataFrame, audio: Mapping[str, RunAudio]) -> TrialFacts:
    """What is known of a trial.

    Args:
        board: the trial's tables.
        rows: those of `board.rows` that are of this trial of one dataset.
        audio: by run id.
    """
    first = rows.iloc[0]
    dataset, trial_id = str(first["dataset"]), str(first["trial_id"])
    table = next(t for t in board.tables if (t.dataset, t.condition) == (dataset, first["condition"]))
    runs = [audio[run] for run in rows["run_id"].unique() if run in audio]
    told = next((found for run in runs if (found := run.told(dataset, trial_id))), None)
    said = (told.transcript or "") if told else ""
    return TrialFacts(
        dataset=dataset,
        trial_id=trial_id,
        mixture_id=str(first["mixture_id"]),
        table=table,
        tags={
            str(name).removeprefix(TAG_PREFIX).replace("_", " "): str(value)
            for name, value in first.items()
            if str(name).startswith(TAG_PREFIX) and isinstance(value, str)
        },
        answers=tuple(_answer(entry, table, rows, said) for entry in table.entries),
        told=told,
        clean=_words(rows, OF_REFERENCES, said),
    )


def sounds_of(facts: TrialFacts, audio: Mapping[str, RunAudio]) -> tuple[tuple[Sound, ...], tuple[str, ...]]:
    """The tracks of a trial, and why something of it cannot be heard.

    Args:
        facts: of the trial.
        audio: by run id.
    """
    given, why_not = _given(facts, audio)
    estimates = [_estimate(facts, answer, audio) for answer in facts.answers]
    if not any(sound.samples is not None for sound in estimates):
        estimates = []
        why_not = (*why_not, "the run kept no estimates; with `keep_estimates: true` it does")
    return (*given, *estimates), why_not


def _given(facts: TrialFacts, audio: Mapping[str, RunAudio]) -> tuple[list[Sound], tuple[str, ...]]:
    """Mixture, enrollments and target, from the first run that can render them."""
    reasons: dict[str, None] = {}
    for run_id in dict.fromkeys(answer.run_id for answer in facts.answers if answer.run_id):
        if run_id not in audio:
            reasons[f"the folder of run {run_id} has no run.json, or was not given"] = None
            continue
        signals, reason = audio[run_id].signals(facts.dataset, facts.trial_id)
        if signals is not None:
            return list(given_sounds(signals)), ()
        reasons[reason] = None
    return [], tuple(reasons)


def given_sounds(signals: Signals) -> Iterator[Sound]:
    """The tracks of mixture, enrollments and target."""
    rate = signals.sample_rate_hz
    yield Sound(role="mixture", title="Mixture", samples=signals.mixture, sample_rate_hz=rate)
    several = len(signals.enrollments) > 1
    for number, samples in enumerate(signals.enrollments, 1):
        title = f"Enrollment {number}" if several else "Enrollment"
        yield Sound(role="enrollment", title=title, samples=samples, sample_rate_hz=rate)
    absent = "" if signals.target is not None else "absent: the right answer is silence"
    yield Sound(role="target", title="Target", samples=signals.target, sample_rate_hz=rate, reason=absent)


def _estimate(facts: TrialFacts, answer: Answer, audio: Mapping[str, RunAudio]) -> Sound:
    name = answer.entry.system
    if answer.run_id not in audio:
        reason = "no estimate at hand" if answer.run_id else "no row of this trial"
        return Sound(role="estimate", title=name, system=name, samples=None, reason=reason)
    found = audio[answer.run_id].estimate(facts.dataset, answer.title, facts.trial_id)
    return Sound(
        role="estimate",
        title=name,
        system=name,
        samples=found.samples,
        sample_rate_hz=found.sample_rate_hz,
        reason=found.reason,
    )


def _answer(entry: Entry, table: Table, rows: pd.DataFrame, said: str) -> Answer:
    own = rows[rows["system"] == entry.system]
    by_metric = {str(row["metric"]): row for _, row in own.iterrows()}
    scores = [by_metric.get(column.key) for column in table.columns]
    first = own.iloc[0] if len(own) else None
    return Answer(
        entry=entry,
        scores=tuple(None if row is None else _score(row) for row in scores),
        words=_words(own, OF_ESTIMATES, said),
        run_id="" if first is None else str(first["run_id"]),
        title="" if first is None else str(first["base_system"]),
    )


def _words(rows: pd.DataFrame, metric: str, said: str) -> Words | None:
    """What was recognised, also if it is nothing; None where nobody listened."""
    spoken = rows[(rows["base_metric"] == metric) & (rows["status"] == "ok")]
    if spoken.empty:
        return None
    row = spoken.iloc[0]
    return words_of(str(row["detail"]), said, str(row["signature"]))


def _score(row: pd.Series) -> Score:
    return Score(value=float(row["value"]), status=str(row["status"]), reason=str(row["reason"]))
