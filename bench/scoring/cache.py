"""Scores that were computed before, keyed by all that determines a value.

A key names the system (card, weights, program, code), the content of the dataset, and the metric with its settings; a
file holds one chunk of trials. Failed values are never stored: they are computed again.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ... import __version__
from ...core.content_hash import file_sha256
from ...core.progress import Notify, silent
from ...datasets.seeding import digest
from ...systems.protocol import AnySystem
from ..inference.isolation import Isolated
from ..outcome import Score
from .loaded_code import loaded_code
from .package_code import versions_of


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity of a system.

    Attributes:
        digest: SHA-256 (hex) of all that is known to determine its answers.
        unseen: what else may determine them, in words: then no scores are reused; "" if nothing.
        stale: the code that runs is itself unknown, whatever the user says.
    """

    digest: str
    unseen: str = ""
    stale: bool = False


ANSWERING = ("core", "datasets", "systems", "bench/inference")
"""Folders of tsebench whose code makes queries and answers."""


def default_cache_dir() -> Path:
    """`$TSEBENCH_CACHE`, or `~/.cache/tsebench`."""
    named = os.environ.get("TSEBENCH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tsebench"


def system_identity(
    system: AnySystem, entry: Callable[..., Any] | None = None, options: Mapping[str, Any] | None = None
) -> str:
    """SHA-256 (hex) of all that determines a system's answers, as far as it can be seen; see `identity_of`."""
    return identity_of(system, entry, options).digest


def identity_of(
    system: AnySystem, entry: Callable[..., Any] | None = None, options: Mapping[str, Any] | None = None
) -> Identity:
    """Identity of a system, and what of it cannot be known.

    It covers the card with its options and the hash of its weights; version and code of tsebench as far as they make
    queries and answers; the versions of the packages that compute; and of a class from elsewhere its package with all
    that this imports, and the options as they were given, files and folders among them by content.

    Args:
        entry: what the registry holds; the class of the system if None.
        options: as given to the entry.
    """
    if isinstance(system, Isolated):
        return Identity(**system.host.identity)  # its class is not imported here
    card = asdict(system.card)
    for key in ("description", "licence", "training_data", "unseen"):
        card.pop(key)
    if card["sha256"] is not None:
        card.pop("checkpoint")  # the weights are what counts, not where they lie
    card["clues"] = sorted(card["clues"])
    facts = json.dumps(card, sort_keys=True, default=str)
    code = loaded_code(entry or type(system), type(system), options or {})
    doubts = [system.card.unseen, "" if system.card.sha256 else code.unseen, code.stale]
    packages = versions_of("torch", "numpy", "soxr", *_extras(entry or type(system)))
    parts = ("system", __version__, facts, code.digest, packages, _systems_code())
    return Identity(digest(*parts), "; ".join(filter(None, doubts)), stale=bool(code.stale))


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
            return [Score(**record) for record in json.loads(self._path(key, chunk).read_bytes())]
        except (OSError, ValueError, TypeError):  # missing, or damaged: it is computed again, and replaced
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
            draft.write_text(json.dumps([asdict(score) for score in scores]))
            draft.replace(path)
        except OSError as error:
            self._broken = True
            with suppress(OSError):
                draft.unlink()
            problem = f"scores are not cached: cannot write to {str(self._root)!r}: {error.strerror}"
            self._notify(f"{problem}; set TSEBENCH_CACHE to another folder, or free the disk")

    def _path(self, key: str, chunk: int) -> Path:
        return self._root / "scores" / key[:2] / key / f"{chunk:05d}.json"


def _extras(entry: Callable[..., Any]) -> tuple[str, ...]:
    """Optional packages that compute answers of a shipped system."""
    return ("asteroid", "asteroid-filterbanks", "onnxruntime") if "asteroid" in entry.__module__ else ()


@cache
def _systems_code() -> str:
    """Hash of the code of tsebench that may determine an answer: from signals to the system's estimate."""
    root = Path(__file__).resolve().parents[2]
    paths = [path for name in ANSWERING for path in sorted((root / name).rglob("*.py"))]
    return digest(*(file_sha256(path) for path in paths))
