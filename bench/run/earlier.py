"""Scores that a run takes over from an earlier start in its folder, of systems that may depend on unknown files.

Rows of a finished run are computed again for these. A run that was interrupted goes on with its own rows, and a line
says so.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..scoring.identity import Identity
from .record import RunRecord

_DIGITS = 12


def goes_on(before: RunRecord | None, run_id: str) -> bool:
    """Whether the folder holds an unfinished run of the same id."""
    return before is not None and not before.finished and before.run_id == run_id


def forget(shards: Sequence[Path], *, estimates: Path | None, title: str) -> None:
    """Remove rows of one system on one set and its kept estimates, those of other identities included.

    Args:
        estimates: where this run keeps them, or None if it does not.
    """
    for path in shards:
        path.unlink(missing_ok=True)
    if estimates is not None:
        name = re.compile(re.escape(title) + rf"-[0-9a-f]{{{_DIGITS}}}")
        for folder in estimates.parent.glob("*"):
            if name.fullmatch(folder.name):
                shutil.rmtree(folder)


def lines(
    identities: Mapping[str, Identity], *, before: RunRecord | None, taken: Mapping[str, int], trials: Mapping[str, int]
) -> list[str]:
    """Notices about systems whose answers may depend on unknown files.

    Args:
        before: record of the earlier start, if there was one.
        taken: answers that are taken over, by title.
        trials: all answers, by title: one to each trial, or several samples.
    """
    found = []
    for title, identity in identities.items():
        if not identity.unseen or title not in trials:
            continue
        if count := taken.get(title, 0):
            found.append(
                f"system {title!r}: {count} of {trials[title]} trials are taken over from the interrupted run, "
                f"although {identity.unseen}; if that changed since, start anew with --fresh"
            )
        else:
            again = "all trials are computed again" if before and title in before.systems else "no scores are reused"
            found.append(f"system {title!r}: {again}, because {identity.unseen}{'' if identity.stale else _REMEDY}")
    return found


_REMEDY = "; to reuse them give the system `depends: [FILE or FOLDER]`, or `cache: true`"
