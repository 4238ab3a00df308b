"""Players for the trials that got worse most: mixture, clue, target, and both runs' estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import TsebenchError
from ...core.files import make_folder, write_atomic
from ..site.pages import render_page
from ..site.players import Player, Sound, write_player
from ..site.trial_facts import given_sounds
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


def write_listening(
    comparison: Comparison, out: Path, *, corpus_dirs: Mapping[str, Path] | None = None
) -> Listening:
    """Write `listen.html`, with sounds and pictures, where both runs stored estimates.

    Args:
        comparison: the comparison.
        out: folder of the page.
        corpus_dirs: folders of corpora by name, in addition to those of the user file.

    Raises:
        OutputError: the folder cannot be written.
    """
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
        files=(out / PAGE, *files),
        links={one.trial: f"{PAGE}#trial-{place}" for place, one in enumerate(trials, 1)},
    )


def _playable(trial: ChangedTrial, runs: Sequence[RunAudio], out: Path) -> _PlayableTrial | None:
    """Player of a trial; None unless both estimates exist."""
    estimates = [
        _estimate(trial, run, name, which)
        for run, name, which in zip(runs, trial.names, ("base", "candidate"), strict=True)
    ]
    if any(sound.samples is None for sound in estimates):
        return None
    given, remarks = _given(trial, runs)
    player = write_player([*given, *estimates], out)
    longest_s = max(track.duration_s for track in player.tracks if not track.own_clock)
    return _PlayableTrial(trial=trial, player=player, longest_s=longest_s, remarks=remarks)


def _estimate(trial: ChangedTrial, run: RunAudio, name: str, which: str) -> Sound:
    found = run.estimate(trial.dataset, name, trial.trial_id)
    return Sound(
        role="estimate",
        title=f"{name} ({which})",
        system=which,
        samples=found.samples,
        sample_rate_hz=found.sample_rate_hz,
        reason=found.reason,
    )


def _given(trial: ChangedTrial, runs: Sequence[RunAudio]) -> tuple[tuple[Sound, ...], tuple[str, ...]]:
    """Mixture, enrollments and target, from the first run that can render them."""
    reasons = []
    for run in runs:
        try:
            signals, reason = run.signals(trial.dataset, trial.trial_id)
        except TsebenchError as error:
            signals, reason = None, str(error)
        if signals is not None:
            return tuple(given_sounds(signals)), ()
        reasons.append(reason)
    return (), tuple(dict.fromkeys(reasons))
