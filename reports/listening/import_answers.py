"""From answers to rows: ratings of screened listeners as a metric beside the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import pandas as pd

from ...bench.outcome import NOT_HEARD
from ...bench.rows import read_rows, write_shard
from ...bench.run.record import RunRecord, SystemRecord, read_record, write_record
from ...bench.score_row import TAG_PREFIX, ScoreRow
from ...bench.statistics.listeners import ratings_text
from ...core.errors import ConfigError
from ...core.files import check_empty, make_folder
from ...datasets.seeding import digest
from .answers import Rating, read_answers
from .designs import ANCHOR, DESIGNS, REFERENCE, Design
from .listening_key import ListeningKey, read_key
from .screening import screened

_VERSION = 1  # of how ratings become values

Heard = Mapping[tuple[str, str, str], Mapping[str, float]]
"""Ratings by listener of each (set, trial, condition)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTest:
    """Rows of a listening test in a run folder.

    Attributes:
        listeners: whose ratings count.
        left_out: reason by listener.
        n_ratings: that count.
    """

    out: Path
    key: ListeningKey
    design: Design
    listeners: tuple[str, ...]
    left_out: Mapping[str, str]
    n_ratings: int
    rows: tuple[ScoreRow, ...] = field(repr=False)


def import_answers(run: Path, key_path: Path, answers: Sequence[Path], out: Path) -> ImportedTest:
    """Write rows of a listening test as a run folder, which reports show together with the run that was heard.

    The value of a trial is the mean over listeners. Trials that nobody heard have rows that say so.

    Raises:
        ConfigError: answers are not of this test, the key is not of this run, or no listener is left.
        OutputError: `out` is not empty, or cannot be written.
    """
    key, record = read_key(key_path), read_record(run)
    if record is None or record.run_id != key.run_id:
        named = record.run_id if record else "no run"
        raise ConfigError(
            f"the key is of run {key.run_id!r}, and {str(run)!r} holds {named!r}; give the run that was heard"
        )
    check_empty(out)
    design = DESIGNS[key.design]
    ratings = read_answers(answers, key)
    left_out = screened(ratings, key, design)
    counted = [r for r in ratings if r.listener not in left_out and not key.pages[r.page].check]
    if not counted:
        if not left_out:
            raise ConfigError("the answers rate pages that check listeners, and no other page; give the other answers")
        first = next(iter(left_out.values()))
        raise ConfigError(f"none of {len(left_out)} listeners is left after screening; of the first, {first}")
    facts = sorted(f"{r.listener} {r.page} {r.condition} {r.value!r}" for r in counted)
    run_id = digest("listening", key.run_id, *facts)[:16]
    rows = tuple(_rows(read_rows(run), _heard(counted, key), key, design, run_id))
    make_folder(out / "rows")
    write_shard(out / "rows" / "part-00000.parquet", rows)
    write_record(out, _record(record, key, design, run_id, len(counted)))
    return ImportedTest(
        out=out,
        key=key,
        design=design,
        listeners=tuple(sorted({r.listener for r in counted})),
        left_out=left_out,
        n_ratings=len(counted),
        rows=rows,
    )


def _heard(ratings: Sequence[Rating], key: ListeningKey) -> Heard:
    """Ratings by listener; of several comparisons of one condition their mean."""
    found: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        page = key.pages[rating.page]
        found[page.dataset, page.trial_id, rating.condition][rating.listener].append(rating.value)
    return {place: {name: fmean(values) for name, values in own.items()} for place, own in found.items()}


def _rows(rows: pd.DataFrame, heard: Heard, key: ListeningKey, design: Design, run_id: str) -> Iterator[ScoreRow]:
    """A row for each trial and condition of the sets that were heard."""
    signature = f"{design.metric.name}|{design.low:g}..{design.high:g}|level:reference|screened|tsebench:{_VERSION}"
    sets = {page.dataset for page in key.pages.values()}
    tags = [name for name in rows.columns if name.startswith(TAG_PREFIX) and name != f"{TAG_PREFIX}nearest"]
    for dataset, part in rows[rows["dataset"].isin(sets)].groupby("dataset"):
        ran = {*part["system"]}
        facts = part.drop_duplicates("trial_id").to_dict("records")
        for condition, kind in key.conditions.items():
            if kind == "system" and condition not in ran:
                continue
            for trial in facts:
                ratings = heard.get((str(dataset), str(trial["trial_id"]), condition), {})
                yield ScoreRow(
                    run_id=run_id,
                    system=condition,
                    dataset=str(dataset),
                    trial_id=str(trial["trial_id"]),
                    mixture_id=str(trial["mixture_id"]),
                    condition=trial["condition"],
                    n_active=int(trial["n_active"]),
                    n_inactive=int(trial["n_inactive"]),
                    cluster=str(trial["cluster"]),
                    metric=design.metric.name,
                    signature=signature,
                    value=fmean(ratings.values()) if ratings else float("nan"),
                    status="ok" if ratings else "undefined",
                    reason="" if ratings else NOT_HEARD,
                    weight=float(len(ratings) or 1),
                    detail=ratings_text(ratings) if ratings else "",
                    tags={n.removeprefix(TAG_PREFIX): str(trial[n]) for n in tags if isinstance(trial[n], str)},
                )


def _record(run: RunRecord, key: ListeningKey, design: Design, run_id: str, ratings: int) -> RunRecord:
    """The record: sets and systems are those of the run that was heard."""
    systems = {name: facts for name, facts in run.systems.items() if name in key.conditions}
    for name, kind in key.conditions.items():
        if name not in systems:
            family = "oracle" if kind == "reference" else "baseline"
            words = {REFERENCE: "the reference, hidden among the others", ANCHOR: "the reference, low-pass at 3.5 kHz"}
            card = {"name": name, "family": family, "description": words.get(name, "the unprocessed mixture")}
            systems[name] = SystemRecord(privileged=kind == "reference", family=family, card=card)
    sets = {page.dataset for page in key.pages.values()}
    datasets = {
        name: facts.model_copy(update={"systems": tuple(s for s in facts.systems if s in systems)})
        for name, facts in run.datasets.items()
        if name in sets
    }
    changes = {
        "run_id": run_id,
        "name": f"{run.title}_listening",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "systems": systems,
        "datasets": datasets,
        "metrics": {design.metric.name: design.metric},
        "trials": ratings,
        "failed_trials": 0,
        "tracking": {},
    }
    return run.model_copy(update=changes)
