"""The client of the hub, and its errors as one line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

from ..errors import HubError, one_line, shortened
from .reference import HubReference

_LOGIN = "log in by `hf auth login`, or set HF_TOKEN"
_KNOWN = (
    ("GatedRepoError", "{it} is gated: accept the conditions on its page at {hub}, and " + _LOGIN),
    (
        "RepositoryNotFoundError",
        "there is no {it} at {hub}, or this login may not see it; check the name, and " + _LOGIN,
    ),
    ("RevisionNotFoundError", "{at} has no revision {revision!r}; give a branch, a tag or a commit"),
    ("RemoteEntryNotFoundError", "{it} is not there: the repository has no such file at this revision"),
    ("HFValidationError", "{it} cannot be the name of a repository: {why}"),
)
"""Lines for errors of huggingface_hub by their names; the first that fits is taken."""


def hub() -> ModuleType:
    """The package huggingface_hub, whose warnings are left to the errors here.

    Raises:
        HubError: it is not installed.
    """
    try:
        package = import_module("huggingface_hub")
        utils: Any = import_module("huggingface_hub.utils")
    except ImportError as error:
        needed = error.name or "huggingface_hub"
        raise HubError(f"{needed!r} is not installed, and hf:// needs it; pip install 'tsebench[hub]'") from None
    utils.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        utils.disable_progress_bars()
    return package


def unreachable() -> tuple[type[Exception], ...]:
    """Exceptions where no hub answers: it cannot be reached, or HF_HUB_OFFLINE forbids it."""
    errors: Any = hub().errors
    return errors.HTTPError, errors.OfflineModeIsEnabled


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids the network."""
    return bool(hub().constants.is_offline_mode())


@contextmanager
def hub_errors(reference: HubReference) -> Iterator[None]:
    """Make one line of each error of the client.

    Raises:
        HubError: the repository is missing, private, or has no such revision or file; the hub cannot be reached, or
            refuses; a transfer was cut.
    """
    package = hub()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of calls inside of the client
            yield
    except HubError:
        raise
    except (package.errors.HTTPError, OSError, RuntimeError, ValueError, *_others(package)) as error:
        line = _line(error, reference, package)
        token = package.get_token()
        raise HubError(one_line(line.replace(token, "***") if token else line)) from None


def _others(package: ModuleType) -> tuple[type[Exception], ...]:
    errors = package.errors
    return errors.EntryNotFoundError, errors.RevisionResolutionError, errors.OfflineModeIsEnabled


def _line(error: BaseException, reference: HubReference, package: ModuleType) -> str:
    errors, where, why = package.errors, package.constants.ENDPOINT, _first_line(error)
    for name, line in _KNOWN:
        if isinstance(error, getattr(errors, name)):
            repository = replace(reference, path="", revision="main")
            return line.format(it=reference, at=repository, revision=reference.revision, hub=where, why=why)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return _refusal(int(status), error, reference, where)
    cause, looked_up = error.__cause__, (errors.LocalEntryNotFoundError, errors.RevisionResolutionError)
    if cause is not None and isinstance(error, looked_up):
        return _line(cause, reference, package)
    if isinstance(error, (errors.OfflineModeIsEnabled, *looked_up)):
        cache = package.constants.HF_HUB_CACHE
        return (
            f"{reference} is not in the hub's cache {cache!r}, and HF_HUB_OFFLINE forbids the network; fetch it first"
        )
    if isinstance(error, errors.HTTPError):
        why = f"the hub at {where} cannot be reached ({type(error).__name__}: {why})"
    elif isinstance(error, RuntimeError) and cause is not None:  # of the transfer of one file
        why = f"{why} {_line(cause, reference, package).partition('; ')[0]}"
    return f"{reference}: {why}; start the same command again"


def _refusal(status: int, error: BaseException, reference: HubReference, where: str) -> str:
    """The line for an answer of the hub that is no success."""
    said = shortened(" ".join(str(getattr(error, "server_message", None) or "").split()), 120)
    why = f": {said}" if said else ""
    if status == 401:
        return f"the hub at {where} does not accept the login for {reference}, or has no such thing (401); {_LOGIN}"
    if status == 403:
        return f"this login may not do that with {reference} (403){why}; use a token with the right to write"
    return f"the hub at {where} answers {status} for {reference}{why}; try again later"


def _first_line(error: BaseException) -> str:
    return shortened((str(error).strip() or type(error).__name__).partition("\n")[0], 160)
