"""Code of a class from elsewhere together with its options, and whether it is still the code that was loaded."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ...core.content_hash import ContentHash, content_hash, exists
from ...core.hub.reference import is_reference
from ...datasets.seeding import digest
from .package_code import Code, code_of

_OWN = __name__.partition(".")[0]
_FIRST: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_UNKNOWN: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class LoadedCode:
    """Digest of code and options; `unseen` and `stale` say what cannot be known.

    Attributes:
        unseen: what the code may find by itself, which a hash of the weights on a card makes up for.
        stale: the code that runs is not known: it has no source, or was edited after it was loaded.
    """

    digest: str
    unseen: str = ""
    stale: str = ""


def loaded_code(entry: Callable[..., Any], kind: type, options: Mapping[str, Any]) -> LoadedCode:
    """Code and options of an object that an entry of a registry made.

    The code of tsebench's own is hashed elsewhere, and their cards hash the files that their options name.

    Args:
        entry: a class or function.
        kind: type of the object.
        options: as they were given.
    """
    if not _is_outside(entry) and not _is_outside(kind):
        facts = json.dumps(_without_paths(options), sort_keys=True, default=str)
        return LoadedCode(digest(kind.__module__, kind.__qualname__, facts))
    code = code_of(entry, kind)
    stale = code.source_unseen
    if stale:
        # Unlike any other, since it may have changed since any score.
        code = Code(_UNKNOWN.setdefault(kind, uuid.uuid4().hex), code.unseen)
    elif _FIRST.setdefault(kind, code.digest) != code.digest:
        stale = f"the code of {kind.__qualname__!r} was edited after it was loaded: start Python again"
    given, beyond = _given(options)
    unseen = "; ".join(filter(None, [code.unseen, *beyond]))
    return LoadedCode(
        digest(code.digest, kind.__qualname__, json.dumps(given, sort_keys=True, default=str)), unseen, stale
    )


def _is_outside(maker: Any) -> bool:
    return str(getattr(maker, "__module__", "")).partition(".")[0] != _OWN


def _without_paths(value: Any) -> Any:
    """Options without the paths of files and folders, and without references to a hub."""
    if isinstance(value, Mapping):
        return {str(key): _without_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_paths(item) for item in value]
    if is_reference(value):
        return None
    return None if isinstance(value, str | Path) and exists(os.path.expanduser(value)) else value  # noqa: PTH111


def _given(value: Any) -> tuple[Any, list[str]]:
    """Options with the contents of the files and folders that they name in place of the paths; what is too large."""
    if isinstance(value, Mapping):
        pairs = {str(key): _given(item) for key, item in value.items()}
        return {key: item for key, (item, _) in pairs.items()}, [
            text for _, (_, more) in pairs.items() for text in more
        ]
    if isinstance(value, list | tuple):
        items = [_given(item) for item in value]
        return [item for item, _ in items], [text for _, more in items for text in more]
    if isinstance(value, str | Path):
        text = os.path.expanduser(value)  # noqa: PTH111 - an unknown user is no error
        if exists(text):
            return _contents(Path(text))
    return value, []


def _contents(path: Path) -> tuple[str, list[str]]:
    try:
        found: ContentHash = content_hash([path])
    except OSError as error:
        return str(path), [f"{str(path)!r} cannot be read ({error.strerror})"]
    return f"contents:{found.digest}", [found.beyond] if found.beyond else []
