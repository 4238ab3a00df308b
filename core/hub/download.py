"""Downloads from the hub into its own cache, each at one commit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import HubError
from .client import hub, hub_errors, offline, unreachable
from .reference import HubReference, is_reference, parse_reference

_LOGGER = logging.getLogger("tsebench")
_BESIDE = ("card.json", "config.json")
"""Files that are opened next to a file of weights, where they are there."""


class NoSuchFileError(HubError):
    """A repository has none of the files that are wanted."""


def pinned(reference: HubReference) -> HubReference:
    """The reference with the commit that its revision is at now; without network, the one that was fetched last.

    A line says when the revision has moved since it was fetched last, and when the hub cannot be reached.

    Raises:
        HubError: no such repository or revision, or the hub cannot be reached and nothing is in its cache.
    """
    if reference.is_pinned:
        return reference
    with hub_errors(reference):
        before, now = _commit_in_cache(reference), _commit_on_hub(reference)
        if now is None:
            now = before or _resolved(reference)  # the latter raises, with the reason
            if not offline():
                _LOGGER.warning(
                    "the hub cannot be reached: %s is taken from its cache, at commit %s", reference, now[:12]
                )
        elif before != now:
            if before is not None:
                _LOGGER.warning(
                    "%s has moved from commit %s to %s since it was fetched last; to stay, write %s",
                    *(reference, before[:12], now[:12], reference.at(before)),
                )
            now = _resolved(reference)  # keeps it in the cache
    return reference.at(now)


def fetch(reference: HubReference) -> Path:
    """The file that a reference names, in the hub's cache; nothing is downloaded twice.

    Raises:
        HubError: see `pinned`; or there is no such file.
    """
    if not reference.path:
        raise HubError(f"{reference} is a repository, and a file of it is wanted; write {reference}/FILE")
    reference = pinned(reference)
    with hub_errors(reference):
        found = hub().hf_hub_download(
            reference.repo, reference.path, repo_type=reference.kind, revision=reference.revision
        )
    return Path(found)


def fetch_first(reference: HubReference, names: Sequence[str]) -> Path:
    """The first of several files that a repository has, see `fetch`.

    Raises:
        NoSuchFileError: it has none of them.
    """
    reference = pinned(reference)
    errors: Any = hub().errors
    with hub_errors(reference):
        for name in names:
            if _is_known_to_be_absent(reference, name):
                continue
            try:
                found = hub().hf_hub_download(
                    reference.repo, name, repo_type=reference.kind, revision=reference.revision
                )
            except errors.RemoteEntryNotFoundError:
                continue
            return Path(found)
    wanted = " or ".join(names)
    raise NoSuchFileError(f"{reference} has no {wanted}; name another revision, or push it by `tsebench push`")


def local_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in which a file on the hub is the path of its copy, and a repository is pinned to its commit.

    Raises:
        HubError: see `fetch`.
    """
    return {name: _local(value) if is_reference(value) else value for name, value in options.items()}


def local_file(text: str) -> Path:
    """A path, or the path of a copy of a file on the hub.

    Raises:
        HubError: see `fetch`.
    """
    return fetch(parse_reference(text)) if is_reference(text) else Path(text)


def _local(text: str) -> str:
    reference = pinned(parse_reference(text))
    if not reference.path:
        return str(reference)
    found = fetch(reference)
    for name in _BESIDE:
        with suppress(NoSuchFileError):
            fetch_first(reference, [str(PurePosixPath(reference.path).with_name(name))])
    return str(found)


def _commit_on_hub(reference: HubReference) -> str | None:
    """None where the hub cannot be reached."""
    package = hub()
    try:
        info = package.HfApi().repo_info(reference.repo, repo_type=reference.kind, revision=reference.revision)
    except package.errors.HfHubHTTPError as error:
        if error.response.status_code < 500:
            raise
        return None
    except unreachable():
        return None
    return str(info.sha)


def _commit_in_cache(reference: HubReference) -> str | None:
    try:
        return _resolved(reference, local_files_only=True)
    except hub().errors.RevisionResolutionError:
        return None


def _resolved(reference: HubReference, *, local_files_only: bool = False) -> str:
    found = (
        hub()
        .HfApi()
        .resolve_revision(
            reference.repo, repo_type=reference.kind, revision=reference.revision, local_files_only=local_files_only
        )
    )
    return str(found.resolved)


def _is_known_to_be_absent(reference: HubReference, name: str) -> bool:
    found = hub().try_to_load_from_cache(reference.repo, name, repo_type=reference.kind, revision=reference.revision)
    return found is not None and not isinstance(found, str)
