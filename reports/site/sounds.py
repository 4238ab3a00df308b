"""Sounds of a trial: mixture, enrollments, target and estimates, with reasons for missing ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...bench.score_row import FILES
from ..trial_audio import RunAudio
from ..trial_signals import Estimate
from .films import LipFilm
from .trial_facts import TrialFacts, TrialResult

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A track to be written.

    Attributes:
        role: "mixture", "enrollment", "target", "part" (a source of the target), "estimate" or "output" (a labelled
            one of a system).
        samples: [T], or None for the given `reason`.
        system: of an estimate.
        film: video of the lips, of a mixture whose query has one.
    """

    role: str
    title: str
    samples: Samples | None
    sample_rate_hz: int = 0
    system: str = ""
    reason: str = ""
    film: LipFilm | None = None


def sounds_of(facts: TrialFacts, audio: Mapping[str, RunAudio]) -> tuple[tuple[Sound, ...], tuple[str, ...]]:
    """The tracks of a trial, and reasons why tracks are missing; `audio` is by run id."""
    run_ids = dict.fromkeys(result.run_id for result in facts.results if result.run_id)
    known = [audio[run_id] for run_id in run_ids if run_id in audio]
    given, missing = given_sounds(known, facts.dataset, facts.trial_id)
    if not given:
        unknown = [run_id for run_id in run_ids if run_id not in audio]
        reasons = [f"the folder of run {run_id} has no run.json, or was not given" for run_id in unknown]
        missing = (*reasons, *missing)
    estimates = [sound for result in facts.results for sound in _estimate(facts, result, audio)]
    if not any(sound.samples is not None for sound in estimates):
        estimates = []
        if facts.dataset != FILES:  # which have no config, and a reason of their own
            missing = (*missing, "the run stored no estimates; set `keep_estimates: true` in its config")
    return (*given, *_parts(known, facts), *estimates), missing


def _parts(runs: Iterable[RunAudio], facts: TrialFacts) -> Iterator[Sound]:
    """Sources of a target that is a sum, each with its label, from the first run that can render them."""
    for run in runs:
        signals, _ = run.signals(facts.dataset, facts.trial_id)
        if signals is not None:
            for label, samples in signals.parts:
                title = f"Target: {label}"
                yield Sound(role="part", title=title, samples=samples, sample_rate_hz=signals.sample_rate_hz)
            return


def given_sounds(runs: Iterable[RunAudio], dataset: str, trial_id: str) -> tuple[tuple[Sound, ...], tuple[str, ...]]:
    """Mixture, enrollments and target from the first run that can render them, else the reasons of all."""
    reasons: dict[str, None] = {}
    for run in runs:
        signals, reason = run.signals(dataset, trial_id)
        if signals is not None:
            sound, clips = partial(Sound, sample_rate_hz=signals.sample_rate_hz), signals.enrollments
            several = len(clips) > 1
            why = "no clean reference" if signals.unreferenced else "absent: the right answer is silence"
            absent = "" if signals.target is not None else why
            film = None if signals.video is None else LipFilm(pictures=signals.video[0], fps=signals.video[1])
            return (
                sound(role="mixture", title="Mixture", samples=signals.mixture, film=film),
                *(
                    sound(role="enrollment", title=f"Enrollment {n}" if several else "Enrollment", samples=clip)
                    for n, clip in enumerate(clips, 1)
                ),
                sound(role="target", title="Target", samples=signals.target, reason=absent),
            ), ()
        reasons[reason] = None
    return (), tuple(reasons)


def estimate_sound(run: RunAudio, dataset: str, trial_id: str, *, run_title: str, title: str, system: str) -> Sound:
    """The estimate of a system; `run_title` is its name in the run."""
    return _sound(run.estimate(dataset, run_title, trial_id), title=title, system=system)


def _sound(found: Estimate, *, title: str, system: str) -> Sound:
    return Sound(
        role="estimate",
        title=title,
        system=system,
        samples=found.samples,
        sample_rate_hz=found.sample_rate_hz,
        reason=found.reason,
    )


def _estimate(facts: TrialFacts, result: TrialResult, audio: Mapping[str, RunAudio]) -> Iterator[Sound]:
    """The estimate of a system, then its labelled outputs."""
    run, name = audio.get(result.run_id), result.entry.system
    if run is None:
        reason = "no estimate is available" if result.run_id else "no row of this trial"
        yield Sound(role="estimate", title=name, system=name, samples=None, reason=reason)
        return
    found = run.estimate(facts.dataset, result.title, facts.trial_id)
    yield _sound(found, title=name, system=name)
    if found.outputs_reason:
        title = f"{name}: labelled outputs"
        yield Sound(role="output", title=title, system=name, samples=None, reason=found.outputs_reason)
    for label, samples in found.outputs:
        title = f"{name}: {label}"
        yield Sound(role="output", title=title, system=name, samples=samples, sample_rate_hz=found.sample_rate_hz)
