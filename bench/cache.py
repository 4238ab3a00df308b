"""Scores that were computed before, keyed by all that determines a value.

A key names the system (card, weights, program, code), the content of the dataset, and the metric
with its settings; a file holds one chunk of trials. Failed values are never kept: what failed is
tried again.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from .. import __version__
from ..datasets.seeding import digest
from ..files import write_atomic
from ..systems.protocol import AnySystem
from .scoring import Score


def default_cache_dir() -> Path:
    """`$TSEBENCH_CACHE`, or `~/.cache/tsebench`."""
    named = os.environ.get("TSEBENCH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tsebench"


def system_identity(system: AnySystem) -> str:
    """SHA-256 (hex) of all that determines a system's answers, as far as it can be seen.

    The card with its options and the hash of its weights, the release of tsebench, the source of
    its networks, and the module that defines the system.
    """
    card = asdict(system.card)
    for key in ("description", "checkpoint", "licence", "training_data"):
        card.pop(key)
    card["clues"] = sorted(card["clues"])
    module = inspect.getsourcefile(type(system))
    source = _hash_files((Path(module),)) if module else ""
    return digest("system", __version__, json.dumps(card, sort_keys=True), source, _systems_code())


class ScoreCache:
    """Scores on disk by key and chunk; safe to share between runs, also at the same time.

    Args:
        root: folder of the cache.
        read: False computes everything again and replaces what is there.
    """

    def __init__(self, root: Path, *, read: bool = True) -> None:
        self._root = root
        self._read = read

    def load(self, key: str, chunk: int) -> list[Score] | None:
        """The scores of one chunk, or None if they are not all there."""
        path = self._path(key, chunk)
        if not self._read or not path.is_file():
            return None
        try:
            return [Score(**record) for record in json.loads(path.read_bytes())]
        except (ValueError, TypeError):
            path.unlink(missing_ok=True)  # damaged: compute it again
            return None

    def store(self, key: str, chunk: int, scores: Sequence[Score]) -> None:
        """Keep the scores of one chunk, unless one of them failed."""
        if any(score.status == "failed" for score in scores):
            return
        path = self._path(key, chunk)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps([asdict(score) for score in scores]))

    def _path(self, key: str, chunk: int) -> Path:
        return self._root / "scores" / key[:2] / key / f"{chunk:05d}.json"


@lru_cache(maxsize=1)
def _systems_code() -> str:
    folder = Path(__file__).resolve().parents[1] / "systems"
    return _hash_files(tuple(sorted((folder / "nets").glob("*.py"))))


def _hash_files(paths: tuple[Path, ...]) -> str:
    content = hashlib.sha256()
    for path in paths:
        content.update(path.read_bytes())
    return content.hexdigest()
