"""The demo page: a table of sounds with one row of players for each chosen trial and its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.errors import ConfigError
from ...core.files import make_folder
from ..leaderboard import wording as text
from ..leaderboard.board import Leaderboard
from ..trial_audio import RunAudio, open_audio
from .choose_demo import DemoChoice, choose_demo
from .choose_trials import primary_column
from .films import FilmFile
from .pages import render_page, write_page
from .players import KEYS, Player, Track, with_keys, write_player
from .sounds import Sound, sounds_of
from .trial_facts import TrialFacts, facts_of

PAGE = "index.html"
UNPROCESSED, TRUTH = "Unprocessed", "Ground truth"
_MIXTURE = "mixture"  # the system that returns its input: the column "Unprocessed" has it


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRow:
    """A trial with the tracks of each column; an enrollment may have several."""

    trial: TrialFacts
    cells: tuple[tuple[Track, ...], ...]
    scores: Mapping[str, str]
    why: str
    film: FilmFile | None = None

    @property
    def text(self) -> str:
        """Transcript of the target, or the query."""
        return f"“{self.trial.transcript}”" if self.trial.transcript else self.trial.query


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTable:
    """The rows of one dataset."""

    dataset: str
    columns: tuple[str, ...]
    rows: tuple[DemoRow, ...]


def write_demo(
    board: Leaderboard, out: Path, choice: DemoChoice, *, title: str = "", corpus_dirs: Mapping[str, Path] | None = None
) -> list[Path]:
    """Write `index.html` with its sounds and pictures; the list of files begins with it.

    The title is that of the runs by default.

    Raises:
        ConfigError: a trial, system or metric is unknown, the runs have no estimates, or no trial of a dataset has any
            sound.
    """
    chosen = choose_demo(board, choice)
    audio = open_audio(board.folders, corpus_dirs=corpus_dirs)
    _check_estimates(board, audio)
    make_folder(out)
    shown = [name for name in board.systems if name != _MIXTURE]
    tables: list[DemoTable] = []
    files: list[Path] = []
    for dataset in dict.fromkeys(name for name, _ in chosen):
        pairs = {pair: why for pair, why in chosen.items() if pair[0] == dataset}
        trials = [(facts, *sounds_of(facts, audio)) for facts in facts_of(board, list(pairs), audio)]
        if not any(sound.samples is not None for _, sounds, _ in trials for sound in sounds):
            reasons = dict.fromkeys(why for _, _, missing in trials for why in missing)
            raise ConfigError(f"dataset {dataset!r} has no sounds: {'; '.join(reasons)}")
        players = [(facts, write_player(_in_columns(sounds), out)) for facts, sounds, _ in trials]
        tables.append(_table(dataset, players, pairs, choice.systems or shown))
        files += [path for _, player in players for path in player.files]
    names = ", ".join(dict.fromkeys(run.title for run in board.runs if run.title))
    page = render_page(
        "demo.html.j2",
        scripts=("theme.js", "players.js"),
        title=title or f"Demo: {names or ', '.join(board.datasets)}",
        tables=tables,
        count=len(chosen),
        how=choice.how,
        draws=bool(text.draws(board)),
    )
    return [write_page(out, PAGE, page), *dict.fromkeys(files)]


def _check_estimates(board: Leaderboard, audio: Mapping[str, RunAudio]) -> None:
    if not any(run.keeps_estimates for run in audio.values()):
        folders = ", ".join(repr(str(folder)) for folder in board.folders)
        raise ConfigError(
            f"{folders} holds no estimates, so the page would have no sounds; write `keep_estimates: true` into the "
            "run's config and start it again into the same folder: known scores are not computed twice"
        )


def _in_columns(sounds: Sequence[Sound]) -> list[Sound]:
    """Sounds that have a column; a target that is one labelled sound alone is not shown twice."""
    several = sum(sound.role == "part" for sound in sounds) > 1
    return [sound for sound in sounds if several or sound.role != "part"]


def _table(
    dataset: str,
    players: Sequence[tuple[TrialFacts, Player]],
    why: Mapping[tuple[str, str], str],
    systems: Sequence[str],
) -> DemoTable:
    tracks = [track for _, player in players for track in player.tracks]
    clues = ("Enrollment",) if any(track.role == "enrollment" for track in tracks) else ()
    shown = [name for name in systems if any(track.system == name for track in tracks)]
    return DemoTable(
        dataset=dataset,
        columns=(UNPROCESSED, *clues, *shown, TRUTH),
        rows=tuple(
            DemoRow(
                trial=facts,
                cells=_cells(player.tracks, clues, shown),
                scores=_scores(facts),
                why=why[facts.dataset, facts.trial_id],
                film=player.film,
            )
            for facts, player in players
        ),
    )


def _cells(tracks: Sequence[Track], clues: Sequence[str], systems: Sequence[str]) -> tuple[tuple[Track, ...], ...]:
    def of(role: str, system: str = "") -> tuple[Track, ...]:
        return tuple(track for track in tracks if (track.role, track.system) == (role, system))

    estimates = ((*of("estimate", name), *of("output", name)) for name in systems)
    columns = (of("mixture"), *estimates, (*of("target"), *of("part")))
    # A column has one key in all rows; enrollments, whose number differs, come after these.
    keys = iter(KEYS[len(columns) :])
    mixture, *rest = (_with_key(cell, KEYS[place : place + 1], keys) for place, cell in enumerate(columns))
    return (mixture, *(with_keys(of("enrollment"), "".join(keys)) for _ in clues), *rest)


def _with_key(cell: Sequence[Track], key: str, others: Iterator[str]) -> tuple[Track, ...]:
    """The tracks of a column: the first has the column's key, labelled sounds below it one of the others."""
    return tuple(
        replace(track, key="" if not track.sound else next(others, "") if place else key)
        for place, track in enumerate(cell)
    )


def _scores(facts: TrialFacts) -> dict[str, str]:
    """The value of the primary metric of each system, with its name and unit."""
    column, place = primary_column(facts.table), facts.table.primary
    if column is None or place is None:
        return {}
    found = {}
    for result in facts.results:
        score = result.scores[place]
        if score is not None:
            shown = text.number(score.value, column.facts.unit)
            found[result.entry.system] = f"{column.key} {shown} {column.facts.unit}".strip()
    return found
