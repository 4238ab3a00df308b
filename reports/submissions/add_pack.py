"""Admission of a pack to a board: verified where its estimates can be scored again, else claimed, or refused."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from ...bench.packs.pack_record import PackedEstimates
from ...bench.packs.read_pack import Pack, open_pack
from ...bench.packs.rescore import RescoreOptions
from ...bench.packs.verify import OwnSet, Verification, verifier_sets, verify_opened
from ...bench.packs.write_pack import packed_rows
from ...bench.rows import write_shard
from ...bench.run.record import RunRecord, write_record
from ...bench.run.runner import BASELINE
from ...bench.score_row import ScoreRow
from ...core.content_hash import file_sha256
from ...core.errors import TsebenchError, listed
from ...core.files import make_folder, write_atomic
from ...core.folder_lock import folder_lock
from ...datasets.seeding import digest
from .board_record import BoardEntry, BoardRecord, BoardSet, RefusedPack, Status, read_board, write_board_record

_WAIT_S = 60.0


class RefusedError(TsebenchError):
    """A pack that a board does not take; the text says why."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How packs are added to a board.

    Attributes:
        datasets: the organiser's sets, see `bench.packs.verify.verify_pack`.
        corpora: folders of corpora by name.
        rescore: metrics of a new board, device and processes.
        replace: a team's new pack takes the place of its earlier one.
    """

    datasets: Sequence[str] = ()
    corpora: Mapping[str, Path] | None = None
    rescore: RescoreOptions = field(default_factory=RescoreOptions)
    replace: bool = False


def add_pack(folder: Path, path: Path, how: Admission) -> BoardEntry:
    """Add a pack to the board in a folder; the first one settles its sets and metrics.

    Raises:
        RefusedError: the pack is of other trials or metrics, lacks trials, is there already, or its rows are not those
            of its estimates. The board remembers it.
        ConfigError: it is no pack, or none of its sets is at hand.
    """
    make_folder(folder)
    with folder_lock(folder, wait_s=_WAIT_S):
        board = read_board(folder)
        try:
            return _admitted(folder, path, board, how)
        except TsebenchError as error:
            reason = str(error).replace(str(path), path.name)  # the report shows it, and is for everybody
            refused = RefusedPack(file=path.name, when=_now(), reason=reason)
            write_board_record(folder, board.model_copy(update={"refused": (*board.refused, refused)}))
            raise


def _admitted(folder: Path, path: Path, board: BoardRecord, how: Admission) -> BoardEntry:
    with (
        tempfile.TemporaryDirectory(prefix="tsebench-board-") as scratch,
        open_pack(path, scratch=Path(scratch)) as pack,
    ):
        before = _refuse_repeated(pack, board, replacing=how.replace)
        own = verifier_sets(pack, how.datasets, how.corpora, expected=_expected(board))
        _refuse_missing(pack, own)
        options = replace(how.rescore, metrics=board.metrics or how.rescore.metrics, baseline=True)
        found = verify_opened(pack, own, options, scratch=Path(scratch))
        sets = _with_signatures(board, own, found)
        status = _status(found, own)
        if status == "claimed":
            _refuse_other_metrics(pack, sets)
        entry = BoardEntry(
            team=pack.record.team,
            sha256=pack.sha256,
            status=status,
            added=_now(),
            titles=_titles(pack),
            estimates=tuple(_digest_of(each) for each in pack.record.estimates),
        )
        _store(folder, pack, entry, found, own)
    kept = tuple(each for each in board.entries if each is not before)
    changes = {"entries": (*kept, entry), "sets": sets, "metrics": board.metrics or found.metrics}
    state = board.model_copy(update=changes)
    write_board_record(folder, state)
    return entry


def _refuse_repeated(pack: Pack, board: BoardRecord, *, replacing: bool) -> BoardEntry | None:
    """The earlier entry of the team, which the pack replaces, if there is one."""
    team = pack.record.team
    if team == BASELINE:
        raise RefusedError(f"a team is called {team!r}, which is the unprocessed mixture; pack it under another --team")
    before = board.entry(team)
    for each in board.entries:
        if each.sha256 == pack.sha256:
            raise RefusedError(f"this pack is on the board already, as team {each.team!r}")
        if each.team != team and (
            same := {*each.estimates} & {_digest_of(e) for e in pack.record.estimates if e.files}
        ):
            raise RefusedError(f"{len(same)} of its systems have the very estimates of team {each.team!r}")
    if before is not None and not replacing:
        raise RefusedError(f"team {team!r} has a pack on the board already; --replace puts this one in its place")
    return before


def _expected(board: BoardRecord) -> dict[str, str]:
    return {name: each.fingerprint for name, each in board.sets.items()}


def _refuse_missing(pack: Pack, own: Mapping[str, OwnSet]) -> None:
    """Refuse rows that do not cover every trial with every metric, before anything is scored."""
    for title in _competing(pack):
        for name, each in own.items():
            rows = pack.rows[(pack.rows["system"] == title) & (pack.rows["dataset"] == name)]
            wanted = {trial.id for trial in each.dataset.trials}
            if others := sorted({*rows["trial_id"]} - wanted):
                raise RefusedError(f"{title!r} has rows of trials that set {name!r} lacks, the first of {others[0]!r}")
            _refuse_other_strata(rows, each, title)
            by_metric = rows.groupby("metric")["trial_id"].nunique()
            short = by_metric[by_metric < len(wanted)]
            if rows.empty or len(short):
                lacking = sorted(wanted - {*rows["trial_id"]}) or [f"metric {short.index[0]!r}"]
                many = len(wanted) if rows.empty else len(wanted) - int(short.min())
                raise RefusedError(
                    f"{title!r} lacks {many} of {len(wanted)} trials of set {name!r} ({listed(lacking, length=60)})"
                )


def _refuse_other_strata(rows: pd.DataFrame, own: OwnSet, title: str) -> None:
    """Refuse rows that put trials into other strata or clusters than those of the set; a sealed set's are not known."""
    trials = {} if own.sealed else {trial.id: trial for trial in own.dataset.trials}
    columns = ["trial_id", "condition", "n_active", "n_inactive", "cluster"]
    for name, *claimed in rows[columns].drop_duplicates().itertuples(index=False):
        trial = trials.get(str(name))
        if trial is not None:
            query = trial.condition
            if claimed != [query.kind, query.n_active, query.n_inactive, trial.cluster]:
                raise RefusedError(f"{title!r} has rows of trial {name!r} in another stratum or cluster than the set's")


def _with_signatures(board: BoardRecord, own: Mapping[str, OwnSet], found: Verification) -> dict[str, BoardSet]:
    """The sets of the board with the signatures of their metrics."""
    return dict(board.sets) or {
        name: BoardSet(fingerprint=each.fingerprint, sealed=each.sealed, signatures=found.signatures[name])
        for name, each in own.items()
    }


def _status(found: Verification, own: Mapping[str, OwnSet]) -> Status:
    """Whether the values on the sets of the board are verified or claimed; other sets of a pack are not shown.

    Raises:
        RefusedError: what was scored again is not what is claimed, or values of a sealed set are claimed alone.
    """
    for each in found.compared:
        if each.problem:
            raise RefusedError(
                f"the rows are not those of the estimates: {each.system!r} on {each.dataset!r}, {each.metric}: "
                f"{each.problem}; claimed mean {each.claimed_mean:.3f}, scored {each.mean:.3f}"
            )
    for (system, dataset), names in found.lacking.items():
        if names:
            raise RefusedError(f"{system!r} lacks the estimates of {len(names)} trials of {dataset!r}")
    if found.compared and not found.without_estimates:
        return "verified"
    if any(each.sealed for each in own.values()):
        raise RefusedError("it has no estimates, and only these can be scored: the references of the set are sealed")
    return "claimed"


def _refuse_other_metrics(pack: Pack, sets: Mapping[str, BoardSet]) -> None:
    """Refuse claimed values of metrics with other settings than the board's."""
    for name, each in sets.items():
        rows = pack.rows[pack.rows["dataset"] == name].drop_duplicates(["metric", "signature"])
        for metric, claimed in zip(rows["metric"], rows["signature"], strict=True):
            own = each.signatures.get(str(metric), claimed)
            if own != claimed:
                raise RefusedError(f"{metric} on {name!r} is claimed as {claimed!r}, and the board's is {own!r}")


def _competing(pack: Pack) -> list[str]:
    return [title for title, facts in pack.run.systems.items() if facts.competes]


def _titles(pack: Pack) -> dict[str, str]:
    """Names on the board: the team's, and the system's behind it where there are several."""
    titles = _competing(pack)
    if not titles:
        raise RefusedError("it has no system that competes: baselines and oracles are computed by the organiser")
    return {title: pack.record.team if len(titles) == 1 else f"{pack.record.team}: {title}" for title in titles}


def _digest_of(each: PackedEstimates) -> str:
    return digest(each.dataset, json.dumps(dict(each.files), sort_keys=True))


def _store(folder: Path, pack: Pack, entry: BoardEntry, found: Verification, own: Mapping[str, OwnSet]) -> None:
    """Keep the pack, and write its rows as a run folder."""
    for status in ("verified", "claimed"):
        shutil.rmtree(folder / status / entry.team, ignore_errors=True)
    out = folder / entry.status / entry.team
    make_folder(out / "rows")
    run_id = digest("board", entry.team, entry.sha256)[:16]
    if entry.status == "verified":
        wanted = {*entry.titles, BASELINE}
        rows = [_shown(row, entry, run_id, own[row.dataset]) for row in found.rows if row.system in wanted]
        write_shard(out / "rows" / "part-00000.parquet", rows)
    else:
        known = {metric for signatures in found.signatures.values() for metric in signatures}
        ours = pack.rows["system"].isin(entry.titles) & pack.rows["dataset"].isin(own)
        claimed = pack.rows[ours & pack.rows["metric"].isin(known)]
        renamed = claimed.assign(system=claimed["system"].map(entry.titles), run_id=run_id)
        write_atomic(out / "rows" / "part-00000.parquet", packed_rows(renamed))
    write_record(out, _record(found.record if entry.status == "verified" else pack.run, entry, run_id, own))
    make_folder(folder / "packs")
    kept = folder / "packs" / f"{entry.team}.zip"
    if not (kept.is_file() and file_sha256(kept) == entry.sha256):
        shutil.copyfile(pack.path, kept)


def _shown(row: ScoreRow, entry: BoardEntry, run_id: str, own: OwnSet) -> ScoreRow:
    """A row under the board's names; of a sealed set with other names of its trials."""
    named = replace(row, system=entry.titles.get(row.system, row.system), run_id=run_id)
    if not own.sealed:
        return named
    key = own.dataset.card.fingerprint  # of the sealed part, which participants do not have
    trial, mixture, cluster = (digest(key, name)[:12] for name in (row.trial_id, row.mixture_id, row.cluster))
    return replace(named, trial_id=trial, mixture_id=mixture, cluster=cluster)


def _record(run: RunRecord, entry: BoardEntry, run_id: str, own: Mapping[str, OwnSet]) -> RunRecord:
    """The record of an entry; options of its run, which might name files, are left out."""
    names = entry.titles
    systems = {
        names.get(title, title): facts
        for title, facts in run.systems.items()
        if title in names or (title == BASELINE and entry.status == "verified")
    }
    datasets = {
        name: facts.model_copy(
            update={
                "systems": tuple(
                    names.get(title, title) for title in facts.systems if names.get(title, title) in systems
                ),
                "skipped": {},
                "overlaps": {names[title]: each for title, each in facts.overlaps.items() if title in names},
            }
        )
        for name, facts in run.datasets.items()
        if name in own
    }
    changes: dict[str, object] = {"run_id": run_id, "name": entry.team, "config": None, "tracking": {}}
    return run.model_copy(update={**changes, "systems": systems, "datasets": datasets})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
