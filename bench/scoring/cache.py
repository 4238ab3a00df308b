"""Scores that were computed before, keyed by all that determines a value.

A key names the system (card, weights, program, code), the content of the dataset, and the metric with its settings; a
file holds one chunk of trials. Failed values are never stored: they are computed again.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from ... import __version__
from ...core.errors import OutputError
from ...datasets.seeding import digest
from ...systems.protocol import AnySystem
from ..outcome import Score


def default_cache_dir() -> Path:
    """`$TSEBENCH_CACHE`, or `~/.cache/tsebench`."""
    named = os.environ.get("TSEBENCH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tsebench"


def system_identity(system: AnySystem) -> str:
    """SHA-256 (hex) of all that determines a system's answers, as far as it can be seen.

    The card with its options and the hash of its weights, the version of tsebench, all of `tsebench.systems`, and the
    module that defines the class.
    """
    card = asdict(system.card)
    for key in ("description", "licence", "training_data"):
        card.pop(key)
    if card["sha256"] is not None:
        card.pop("checkpoint")  # the weights are what counts, not where they lie
    card["clues"] = sorted(card["clues"])
    facts = json.dumps(card, sort_keys=True, default=str)
    return digest("system", __version__, facts, _source(type(system)), _systems_code())


class ScoreCache:
    """Scores on disk by key and chunk; safe to share between runs at the same time. Without `read`, all is replaced."""

    def __init__(self, root: Path, *, read: bool = True) -> None:
        self._root, self._read = root, read

    def load(self, key: str, chunk: int) -> list[Score] | None:
        """The scores of one chunk, or None if they are not all there."""
        if not self._read:
            return None
        try:
            return [Score(**record) for record in json.loads(self._path(key, chunk).read_bytes())]
        except (OSError, ValueError, TypeError):  # missing, or damaged: it is computed again, and replaced
            return None

    def store(self, key: str, chunk: int, scores: Sequence[Score]) -> None:
        """Keep the scores of one chunk, unless one of them failed.

        Raises:
            OutputError: the cache cannot be written.
        """
        if any(score.status == "failed" for score in scores):
            return
        path = self._path(key, chunk)
        # A name of its own: two runs may store the same chunk at the same time.
        draft = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps([asdict(score) for score in scores]))
            draft.replace(path)
        except OSError as error:
            problem = f"cannot write to the score cache {str(self._root)!r}: {error.strerror}"
            raise OutputError(f"{problem}; set TSEBENCH_CACHE to another folder") from None

    def _path(self, key: str, chunk: int) -> Path:
        return self._root / "scores" / key[:2] / key / f"{chunk:05d}.json"


@cache
def _source(kind: type) -> str:
    """Hash of the module of a class; unlike any other if it has none, as in a notebook."""
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return uuid.uuid4().hex


@cache
def _systems_code() -> str:
    """Hash of every module of `tsebench.systems`: any of them may determine an answer."""
    folder = Path(__file__).resolve().parents[2] / "systems"
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()
