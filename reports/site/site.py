"""The report as a folder of pages: the leaderboard, one page for each system, and pages of some trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import OutputError
from ...core.files import make_folder
from ...core.text import error_text
from ..leaderboard.board import Entry, Leaderboard, Table
from ..leaderboard.columns import Column
from ..leaderboard.wording import alarmed
from ..tables.cost_lines import EXPLANATION, HEADINGS, cost_lines
from ..tables.detection import detection_tables
from ..tables.steps import step_tables
from ..trial_audio import RunAudio, open_audio
from .charts.axes import bars
from .charts.conditions import MOST, panels
from .charts.detection import detection_panels
from .charts.pareto import charts
from .charts.steps import step_panels
from .choose_trials import TrialOrder, choose
from .glossary import kinds_of, metric_hints
from .pages import render_page, system_page, trial_page, write_page
from .players import Player, write_player
from .slice_tables import Sliced, slice_json, sliced
from .sounds import sounds_of
from .sweeps_page import SWEEPS, write_sweeps
from .trial_facts import TrialFacts, facts_of

INDEX = "report.html"
TRIALS = 12
_LISTED = 8  # worst and best trials on the page of a system
_MOST_BARS = 12


@dataclass(frozen=True, slots=True)
class TrialPage:
    """A trial with its player, and the reasons why tracks are missing."""

    trial: TrialFacts
    player: Player
    missing: tuple[str, ...]


def write_site(
    board: Leaderboard,
    out: Path,
    *,
    trials: int = TRIALS,
    chosen: Sequence[str] = (),
    corpus_dirs: Mapping[str, Path] | None = None,
) -> list[Path]:
    """Write `report.html`, `sweeps.html`, `systems/`, `trials/`, and sounds and pictures of players, in this order.

    Args:
        trials: most trials that get a page, in addition to those that are chosen.
        chosen: ids of trials that get one.
        corpus_dirs: folders of corpora by name, in addition to those of the user file.
    """
    make_folder(out)
    order = TrialOrder(board)
    pairs = choose(board, order, count=trials, wanted=chosen)
    pages = _trial_pages(board, pairs, out, corpus_dirs)
    slices = sliced(board)
    written = [write_page(out, INDEX, _index(board, slices, pages)), *write_sweeps(board, out)]
    for system in board.systems:
        page = _system(board, system, slices, order, set(pairs))
        written.append(write_page(out, system_page(system), page))
    hints = metric_hints(board)
    for before, each, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        path = trial_page(each.trial.dataset, each.trial.trial_id)
        written.append(write_page(out, path, trial_html(each, before, after, hints=hints)))
    return [*written, *dict.fromkeys(path for each in pages for path in each.player.files)]


def _trial_pages(
    board: Leaderboard, pairs: Sequence[tuple[str, str]], out: Path, corpus_dirs: Mapping[str, Path] | None
) -> list[TrialPage]:
    """Chosen trials with their players; the sets that these need are not held any longer."""
    audio = open_audio(board.folders, corpus_dirs=corpus_dirs)
    return [_trial_page(facts, audio, out) for facts in facts_of(board, pairs, audio)]


def _trial_page(facts: TrialFacts, audio: Mapping[str, RunAudio], out: Path) -> TrialPage:
    """A trial with its player; a player that cannot be made is named among what is missing."""
    try:
        sounds, missing = sounds_of(facts, audio)
        return TrialPage(facts, write_player(sounds, out), missing)
    except OutputError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the page says it and the report goes on
        problem = f"no player of trial {facts.trial_id} can be made: {error_text(error)}"
        return TrialPage(facts, Player(tracks=(), files=()), (problem,))


def render(board: Leaderboard) -> str:
    """The leaderboard page without any pages of trials."""
    return _index(board, sliced(board), [])


def _index(board: Leaderboard, slices: Sliced, pages: Sequence[TrialPage]) -> str:
    tables = {
        str(number): slice_json(table, slices.get((table.dataset, table.condition), []))
        for number, table in enumerate(board.tables, 1)
    }
    trials = [each.trial for each in pages]
    return render_page(
        "report.html.j2",
        scripts=("theme.js", "sort.js", "tables.js"),
        board=board,
        faults=alarmed(board),
        hints=metric_hints(board),
        kinds_of=kinds_of,
        bars=bars,
        charts=charts,
        panels=panels,
        step_panels=step_panels,
        step_tables=step_tables(board),
        detection_panels=detection_panels,
        detection_tables=detection_tables(board),
        slices=slices,
        most_bars=_MOST_BARS,
        most_lines=MOST,
        trials=trials,
        chosen={(trial.dataset, trial.trial_id) for trial in trials},
        players=any(each.player.audible for each in pages),
        missing=list(dict.fromkeys(why for each in pages for why in each.missing)),
        costs=cost_lines(board),
        cost_headings=HEADINGS,
        cost_explanation=EXPLANATION,
        sweeps=SWEEPS if board.level_tables else "",
        data={"tables": tables},
    )


def _system(board: Leaderboard, system: str, slices: Sliced, order: TrialOrder, chosen: set[tuple[str, str]]) -> str:
    found = [(t, entry) for t in board.tables if (entry := t.entry(system)) is not None]
    facts = found[0][1].facts
    line = next((x for x in cost_lines(board) if facts.cost and x.cells[0] == system), None)
    parts = []
    for table, _ in found:
        own = slices.get((table.dataset, table.condition), [])
        for title in dict.fromkeys(part.slice.title for part in own):
            parts.append((table, title, [part for part in own if part.slice.title == title]))
    return render_page(
        "system.html.j2",
        scripts=("theme.js", "sort.js"),
        board=board,
        faults=alarmed(board),
        hints=metric_hints(board),
        system=system,
        facts=facts,
        cost=list(zip(HEADINGS[1:], line.cells[1:], strict=True)) if line else [],
        warnings=list(dict.fromkeys(entry.warning for _, entry in found if entry.warning)),
        scores=[_scores(dataset, found) for dataset in dict.fromkeys(t.dataset for t, _ in found)],
        parts=parts,
        extremes=order.extremes(system, _LISTED),
        chosen=chosen,
        issues=[issue for issue in board.issues if issue.system == system],
    )


def _scores(
    dataset: str, found: Sequence[tuple[Table, Entry]]
) -> tuple[str, list[Column], list[tuple[Table, Entry, list[object]]]]:
    """Columns of all strata of a dataset side by side, and a line for each stratum."""
    own = [(table, entry) for table, entry in found if table.dataset == dataset]
    columns = {column.key: column for table, _ in own for column in table.columns}
    lines: list[tuple[Table, Entry, list[object]]] = []
    for table, entry in own:
        cells = {c.key: cell for c, cell in zip(table.columns, entry.cells, strict=True)}
        lines.append((table, entry, [cells.get(key) for key in columns]))
    return dataset, list(columns.values()), lines


def trial_html(
    each: TrialPage, before: TrialPage | None = None, after: TrialPage | None = None, *, hints: Mapping[str, str]
) -> str:
    """The page of a trial, with links to the one before and after; `hints` explain its metrics by key."""
    player = each.player
    main = [track.duration_s for track in player.tracks if track.sound and not track.own_clock]
    return render_page(
        "trial.html.j2",
        scripts=("theme.js", "players.js"),
        trial=each.trial,
        hints=hints,
        before=before.trial if before else None,
        after=after.trial if after else None,
        player=player,
        longest=max(main, default=1.0),
        missing=each.missing,
        results={result.entry.system: result for result in each.trial.results},
        transcribed=[result for result in each.trial.results if result.transcript],
    )
