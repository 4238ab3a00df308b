"""Players for the trials that got worse most: mixture, clue, target, and both runs' estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..site.pages import render_page
from ..site.players import Player, write_player
from ..site.sounds import estimate_sound, given_sounds
from ..trial_audio import RunAudio
from .result import ChangedTrial, Comparison
from .worst import named_trials

PAGE = "listen.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A page of players.

    Attributes:
        files: the page first; empty unless both runs stored estimates.
        links: to the trials on the page, relative to its folder.
    """

    files: tuple[Path, ...] = ()
    links: Mapping[ChangedTrial, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlayableTrial:
    """A trial with its player; `remarks` give the reasons for missing sounds."""

    trial: ChangedTrial
    player: Player
    longest_s: float
    remarks: tuple[str, ...]


def write_listening(comparison: Comparison, out: Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> Listening:
    """Write `listen.html`, with sounds and pictures, where both runs stored estimates."""
    runs = tuple(RunAudio(folder, corpus_dirs=corpus_dirs) for folder in comparison.folders)
    if not all(run.keeps_estimates for run in runs):
        return Listening()
    make_folder(out)
    found = (_playable(trial, runs, out) for trial in named_trials(comparison))
    trials = [trial for trial in found if trial is not None]
    if not trials:
        return Listening()
    page = render_page(
        "compare.html.j2",
        scripts=("theme.js", "players.js"),
        title=f"{comparison.base.title} → {comparison.candidate.title}",
        trials=trials,
    )
    write_atomic(out / PAGE, page)
    files = dict.fromkeys(path for one in trials for path in one.player.files)
    return Listening(
        files=(out / PAGE, *files), links={one.trial: f"{PAGE}#trial-{place}" for place, one in enumerate(trials, 1)}
    )


def _playable(trial: ChangedTrial, runs: Sequence[RunAudio], out: Path) -> _PlayableTrial | None:
    """Player of a trial; None unless both estimates exist."""
    estimates = [
        estimate_sound(run, trial.dataset, trial.trial_id, run_title=name, title=f"{name} ({which})", system=which)
        for run, name, which in zip(runs, trial.names, ("base", "candidate"), strict=True)
    ]
    if any(sound.samples is None for sound in estimates):
        return None
    given, remarks = given_sounds(runs, trial.dataset, trial.trial_id)
    player = write_player([*given, *estimates], out)
    longest_s = max((track.duration_s for track in player.tracks if not track.own_clock), default=1.0)
    return _PlayableTrial(trial=trial, player=player, longest_s=longest_s, remarks=remarks)
