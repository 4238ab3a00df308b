"""Uploads to the hub: some files as one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import HubError
from .client import hub, hub_errors
from .reference import HubReference, RepositoryKind

_KEPT = ".gitattributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Files for a repository.

    Attributes:
        kind: of repository that they are for.
        files: content, or the path of a local file, by path in the repository.
        message: of the commit.
        replaces: whether other files of the repository are removed.
    """

    kind: RepositoryKind
    files: Mapping[str, bytes | Path]
    message: str
    replaces: bool = False

    def sizes(self) -> dict[str, int]:
        """Bytes of each file by path in the repository."""
        return {
            name: len(given) if isinstance(given, bytes) else given.stat().st_size for name, given in self.files.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Result of an upload.

    Attributes:
        reference: of the commit that holds the files.
        created: whether the repository is new.
        changed: whether a commit was made; False if the hub had the same files.
        private: whether the repository is.
    """

    reference: HubReference
    created: bool
    changed: bool
    private: bool


def check_target(reference: HubReference, upload: Upload) -> None:
    """Check that a repository is of the kind that files are for.

    Raises:
        HubError: it is not, the reference names a file, or a commit, which cannot be added to.
    """
    if reference.kind != upload.kind:
        wanted = HubReference(kind=upload.kind, repo=reference.repo)
        raise HubError(f"{reference} is a {reference.kind} repository; this goes into a {upload.kind}: write {wanted}")
    if reference.path or reference.is_pinned:
        wanted = HubReference(kind=reference.kind, repo=reference.repo)
        raise HubError(f"{reference}: files are pushed to a branch of a repository; write {wanted}")


def push(upload: Upload, reference: HubReference, *, private: bool | None = None, message: str = "") -> Pushed:
    """Send files as one commit; a repository or branch that is missing is made.

    The login is that of the hub's own client: HF_TOKEN, or `hf auth login`.

    Args:
        private: visibility of a new repository, private if None; of one that is there it must be the same.
        message: in place of that of the upload.

    Raises:
        HubError: the login is missing or refused, visibility differs, or the transfer was cut; nothing is committed.
    """
    check_target(reference, upload)
    package = hub()
    with hub_errors(reference):
        api = package.HfApi()
        info = _repository(reference)
        created = info is None
        if info is not None and private not in {None, info.private}:
            now, wanted = ("private", "public") if info.private else ("public", "private")
            raise HubError(f"{reference} is {now}, and not {wanted}; change that in its settings on the hub first")
        if created:
            sdk = "static" if reference.kind == "space" else None
            api.create_repo(reference.repo, repo_type=reference.kind, private=private is not False, space_sdk=sdk)
        if reference.revision != "main":
            api.create_branch(reference.repo, branch=reference.revision, repo_type=reference.kind, exist_ok=True)
        before = api.repo_info(reference.repo, repo_type=reference.kind, revision=reference.revision)
        operations = [
            package.CommitOperationAdd(name, given if isinstance(given, bytes) else str(given))
            for name, given in upload.files.items()
        ]
        if upload.replaces:
            there = {each.rfilename for each in before.siblings or ()}
            gone = sorted(there - upload.files.keys() - {_KEPT})
            operations += [package.CommitOperationDelete(name) for name in gone]
        commit = api.create_commit(
            reference.repo,
            operations,
            commit_message=message or upload.message,
            repo_type=reference.kind,
            revision=reference.revision,
        )
    return Pushed(
        reference=reference.at(commit.oid),
        created=created,
        changed=commit.oid != before.sha,
        private=bool(private is not False if info is None else info.private),
    )


def _repository(reference: HubReference) -> Any:
    """Facts on a repository; None if there is none that this login may see."""
    package = hub()
    try:
        return package.HfApi().repo_info(reference.repo, repo_type=reference.kind)
    except package.errors.GatedRepoError:
        raise
    except package.errors.RepositoryNotFoundError as error:
        if error.response.status_code == 401:  # without a login, every missing repository is answered so
            raise
        return None
