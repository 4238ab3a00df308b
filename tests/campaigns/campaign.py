"""All attempts of a campaign: kills in turn, two processes on one folder, and no room."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from .jobs import Job
from .kills import KINDS, Result, attempt, undisturbed
from .room import no_room
from .two import two_at_once

Progress = Callable[[Result], None]


def campaign(jobs: dict[str, Job], *, place: Path, number: int, seed: int, report: Progress) -> list[Result]:
    """Disturb the commands in turn, in all ways, `number` times."""
    generator = random.Random(seed)
    usual = {name: undisturbed(job, place / f"usual-{name}", place=place) for name, job in jobs.items()}
    results: list[Result] = []

    def add(result: Result) -> None:
        results.append(result)
        report(result)

    order = [(job, kind) for kind in KINDS for job in jobs.values()]
    for index in range(number):
        job, kind = order[index % len(order)]
        out = place / f"kill-{index}"
        moment = generator.uniform(0.05, 1.0)
        add(attempt(job, usual[job.name], kind, place=place, out=out, moment=moment))
    for job in jobs.values():
        out = place / f"other-{job.name}"
        add(two_at_once(job, usual[job.name], place=place, out=out))
        for result in no_room(job, usual[job.name], place=place, out=out):
            add(result)
    return results
