"""Identity of a system: all that determines its answers, and what of it cannot be known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ... import __version__
from ...core.content_hash import file_sha256
from ...datasets.seeding import digest
from ...systems.protocol import AnySystem
from ..inference.isolation import Isolated
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


def _extras(entry: Callable[..., Any]) -> tuple[str, ...]:
    """Optional packages that compute answers of a shipped system."""
    return ("asteroid", "asteroid-filterbanks", "onnxruntime") if "asteroid" in entry.__module__ else ()


@cache
def _systems_code() -> str:
    """Hash of the code of tsebench that may determine an answer: from signals to the system's estimate."""
    root = Path(__file__).resolve().parents[2]
    paths = [path for name in ANSWERING for path in sorted((root / name).rglob("*.py"))]
    return digest(*(file_sha256(path) for path in paths))
