"""The demo page: a table of sounds, one row of players for each chosen trial, with its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ConfigError
from ...core.files import make_folder, write_atomic
from ..leaderboard import wording as text
from ..leaderboard.board import Leaderboard
from ..trial_audio import RunAudio, open_audio
from .choose_demo import DemoChoice, choose_demo
from .choose_trials import primary_column
from .pages import render_page
from .players import Player, Sound, Track, write_player
from .trial_facts import TrialFacts, facts_of, sounds_of

PAGE = "index.html"
UNPROCESSED, TRUTH = "Unprocessed", "Ground truth"
_MIXTURE = "mixture"  # the system that gives its input: the column "Unprocessed" has it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A trial: the tracks of each column, of which an enrollment may have several."""

    trial: TrialFacts
    cells: tuple[tuple[Track, ...], ...]
    scores: Mapping[str, str]
    why: str

    @property
    def said(self) -> str:
        return f"“{self.trial.transcript}”" if self.trial.transcript else self.trial.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The rows of one dataset."""

    dataset: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]


def write_demo(
    board: Leaderboard,
    out: Path,
    choice: DemoChoice,
    *,
    title: str = "",
    corpus_dirs: Mapping[str, Path] | None = None,
) -> list[Path]:
    """Write `index.html` with its sounds and pictures.

    Args:
        board: with rows and folders.
        out: folder of the page.
        choice: which trials and systems.
        title: of the page; the runs' names by default.
        corpus_dirs: folders of corpora by name, beside those of the user file.

    Returns:
        All files, the page first.

    Raises:
        ConfigError: a trial, system or metric is not there, no estimates were kept, or nothing can
            be rendered.
        OutputError: the folder cannot be written.
    """
    chosen = choose_demo(board, choice)
    audio = open_audio(board.folders, corpus_dirs=corpus_dirs)
    _check_kept(board, audio)
    make_folder(out)
    groups: list[_Group] = []
    files: list[Path] = []
    for dataset in dict.fromkeys(name for name, _ in chosen):
        pairs = {pair: why for pair, why in chosen.items() if pair[0] == dataset}
        heard = [(facts, sounds_of(facts, audio)) for facts in facts_of(board, list(pairs), audio)]
        _check_heard(dataset, heard)
        players = [(facts, write_player(sounds, out)) for facts, (sounds, _) in heard]
        groups.append(_group(dataset, players, pairs, choice.systems or _shown(board)))
        files += [path for _, player in players for path in player.files]
    names = ", ".join(dict.fromkeys(run.title for run in board.runs if run.title))
    page = render_page(
        "demo.html.j2",
        scripts=("theme.js", "players.js"),
        title=title or f"Demo: {names or ', '.join(board.datasets)}",
        groups=groups,
        count=len(chosen),
        how=choice.how,
    )
    write_atomic(out / PAGE, page)
    return [out / PAGE, *dict.fromkeys(files)]


def _check_kept(board: Leaderboard, audio: Mapping[str, RunAudio]) -> None:
    if not any(run.keeps_estimates for run in audio.values()):
        folders = ", ".join(repr(str(folder)) for folder in board.folders)
        raise ConfigError(
            f"{folders} holds no estimates, so there is nothing to hear; write "
            "`keep_estimates: true` into the run's config and start it again into the same folder: "
            "known scores are not computed twice"
        )


def _check_heard(
    dataset: str, heard: Sequence[tuple[TrialFacts, tuple[Sequence[Sound], Sequence[str]]]]
) -> None:
    reasons = dict.fromkeys(why for _, (_, why_not) in heard for why in why_not)
    if not any(sound.samples is not None for _, (sounds, _) in heard for sound in sounds):
        raise ConfigError(f"dataset {dataset!r} cannot be heard: {'; '.join(reasons)}")


def _shown(board: Leaderboard) -> list[str]:
    """All systems but the one that gives the mixture, which has a column of its own."""
    return [name for name in board.systems if name != _MIXTURE]


def _group(
    dataset: str,
    players: Sequence[tuple[TrialFacts, Player]],
    why: Mapping[tuple[str, str], str],
    systems: Sequence[str],
) -> _Group:
    tracks = [track for _, player in players for track in player.tracks]
    clues = ("Enrollment",) if any(track.role == "enrollment" for track in tracks) else ()
    shown = [name for name in systems if any(track.system == name for track in tracks)]
    return _Group(
        dataset=dataset,
        columns=(UNPROCESSED, *clues, *shown, TRUTH),
        rows=tuple(
            _Row(
                trial=facts,
                cells=_cells(player.tracks, clues, shown),
                scores=_scores(facts),
                why=why[facts.dataset, facts.trial_id],
            )
            for facts, player in players
        ),
    )


def _cells(
    tracks: Sequence[Track], clues: Sequence[str], systems: Sequence[str]
) -> tuple[tuple[Track, ...], ...]:
    def of(role: str, system: str = "") -> tuple[Track, ...]:
        return tuple(track for track in tracks if (track.role, track.system) == (role, system))

    return (
        of("mixture"),
        *(of("enrollment") for _ in clues),
        *(of("estimate", name) for name in systems),
        of("target"),
    )


def _scores(facts: TrialFacts) -> dict[str, str]:
    """The value of the primary metric of each system, with its name and unit."""
    column, place = primary_column(facts.table), facts.table.primary
    if column is None or place is None:
        return {}
    found = {}
    for answer in facts.answers:
        score = answer.scores[place]
        if score is not None:
            shown = text.number(score.value, column.facts.unit)
            found[answer.entry.system] = f"{column.key} {shown} {column.facts.unit}".strip()
    return found
