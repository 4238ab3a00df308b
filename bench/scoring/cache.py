"""Scores that were computed before, keyed by all that determines a value.

A key names the system (`identity.identity_of`), the content of the dataset, and the metric with its settings; a file
holds one chunk of trials. Failed values are never stored: they are computed again.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core.progress import Notify, silent
from ..outcome import SCORE_FIELDS, Score

_SHARED = ("trial_id", "metric", "signature", "status", "reason")


def default_cache_dir() -> Path:
    """`$TSEBENCH_CACHE`, or `~/.cache/tsebench`."""
    named = os.environ.get("TSEBENCH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tsebench"


def _score(record: dict[str, Any]) -> Score:
    """A stored score; scores of thousands of trials share texts that are equal."""
    shared = {name: sys.intern(record[name]) for name in _SHARED}
    return Score(**{**record, **shared})


class ScoreCache:
    """Scores on disk by key and chunk; safe to share between runs at the same time.

    Args:
        read: without it, all is replaced.
        notify: takes one line when the cache cannot be written; the scores are in the rows all the same.
    """

    def __init__(self, root: Path, *, read: bool = True, notify: Notify = silent) -> None:
        self._root, self._read, self._notify = root, read, notify
        self._broken = False

    def load(self, key: str, chunk: int) -> list[Score] | None:
        """The scores of one chunk, or None if they are not all there."""
        if not self._read:
            return None
        try:
            return [_score(record) for record in json.loads(self._path(key, chunk).read_bytes())]
        except (OSError, ValueError, TypeError, KeyError):  # missing, or damaged: it is computed again, and replaced
            return None

    def store(self, key: str, chunk: int, scores: Sequence[Score]) -> None:
        """Keep the scores of one chunk, unless one of them failed or the cache could not be written before."""
        if self._broken or any(score.status == "failed" for score in scores):
            return
        path = self._path(key, chunk)
        # A name of its own: two runs may store the same chunk at the same time.
        draft = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps([{name: getattr(score, name) for name in SCORE_FIELDS} for score in scores]))
            draft.replace(path)
        except OSError as error:
            self._broken = True
            with suppress(OSError):
                draft.unlink()
            problem = f"scores are not cached: cannot write to {str(self._root)!r}: {error.strerror}"
            self._notify(f"{problem}; set TSEBENCH_CACHE to another folder, or free the disk")

    def _path(self, key: str, chunk: int) -> Path:
        return self._root / "scores" / key[:2] / key / f"{chunk:05d}.json"
