"""References to what lies on the Hugging Face hub: `hf://org/name@revision`, and a file of it after a slash.

The grammar is that of huggingface_hub: `hf://datasets/org/name` and `hf://spaces/org/name` name other kinds of
repository, a revision is a branch, a tag, a commit or `refs/pr/1`, and a slash in it is written `%2F`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, unquote

from ..errors import HubError, shortened

RepositoryKind = Literal["model", "dataset", "space"]
PREFIX = "hf://"
_KINDS: dict[str, RepositoryKind] = {"models": "model", "datasets": "dataset", "spaces": "space"}
_FORM = re.compile(
    r"(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[^/@]+))?(?:/(?P<path>.+))?",
    re.ASCII,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DEFAULT = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubReference:
    """A repository at a revision, or a file in it.

    Attributes:
        repo: organisation and name, with a slash between.
        revision: branch, tag or commit.
        path: of a file in the repository; "" for the repository.
    """

    kind: RepositoryKind
    repo: str
    revision: str = _DEFAULT
    path: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a whole commit hash, whose content never changes."""
        return _COMMIT.fullmatch(self.revision) is not None

    def at(self, revision: str) -> HubReference:
        """The same at another revision."""
        return replace(self, revision=revision)

    def __str__(self) -> str:
        kind = "" if self.kind == "model" else f"{self.kind}s/"
        revision = self.revision if self.revision.startswith("refs/") else quote(self.revision, safe="")
        return f"{PREFIX}{kind}{self.repo}@{revision}{f'/{self.path}' if self.path else ''}"


def is_reference(text: object) -> bool:
    """Whether a text names something on the hub."""
    return isinstance(text, str) and text.startswith(PREFIX)


def parse_reference(text: str) -> HubReference:
    """The parts of a reference.

    Raises:
        HubError: it is not of the form `hf://org/name@revision/file`.
    """
    body = text.removeprefix(PREFIX)
    first, _, rest = body.partition("/")
    kind, body = (_KINDS[first], rest) if first in _KINDS else ("model", body)
    found = _FORM.fullmatch(body)
    path = (found["path"] or "") if found else ""
    if found is None or not is_reference(text) or any(part in {"", ".", ".."} for part in path.split("/") if path):
        raise HubError(
            f"{shortened(text, 160)!r} is no reference to the hub; write hf://ORG/NAME@REVISION, with /FILE at its end "
            "for one file, or hf://datasets/ORG/NAME for a data set"
        )
    return HubReference(kind=kind, repo=found["repo"], revision=unquote(found["revision"] or _DEFAULT), path=path)
