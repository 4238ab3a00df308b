"""References to the hub: their parts, how they are written again, and what is none."""

from __future__ import annotations

import pytest

from tsebench.core.errors import HubError
from tsebench.core.hub.reference import HubReference, parse_reference

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "parts", "again"),
    [
        ("hf://lab/net", ("model", "lab/net", "main", ""), "hf://lab/net@main"),
        ("hf://lab/net@v1.2", ("model", "lab/net", "v1.2", ""), "hf://lab/net@v1.2"),
        (f"hf://lab/net@{COMMIT}", ("model", "lab/net", COMMIT, ""), f"hf://lab/net@{COMMIT}"),
        ("hf://models/lab/net@v1/a/b.ckpt", ("model", "lab/net", "v1", "a/b.ckpt"), "hf://lab/net@v1/a/b.ckpt"),
        ("hf://lab/net@refs/pr/3/b.pt", ("model", "lab/net", "refs/pr/3", "b.pt"), "hf://lab/net@refs/pr/3/b.pt"),
        ("hf://lab/net@my%2Fbranch", ("model", "lab/net", "my/branch", ""), "hf://lab/net@my%2Fbranch"),
        (
            "hf://datasets/lab/packs/a.zip",
            ("dataset", "lab/packs", "main", "a.zip"),
            "hf://datasets/lab/packs@main/a.zip",
        ),
    ],
)
def test_parts(text: str, parts: tuple[str, ...], again: str) -> None:
    found = parse_reference(text)
    assert (found.kind, found.repo, found.revision, found.path) == parts
    assert str(found) == again
    assert parse_reference(again) == found
    assert found.is_pinned == (found.revision == COMMIT)


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://lab",
        "hf://lab/",
        "hf://lab/net@",
        "hf://lab/net@v1/../x",
        "hf://lab/net//x",
        "hf:/lab/net",
        "hf://a b/c",
    ],
)
def test_what_is_no_reference_is_one_line(text: str) -> None:
    with pytest.raises(HubError, match="is no reference to the hub; write hf://ORG/NAME@REVISION"):
        parse_reference(text)


def test_a_pinned_reference_is_another_one() -> None:
    found = HubReference(kind="space", repo="lab/board").at(COMMIT)
    assert str(found) == f"hf://spaces/lab/board@{COMMIT}"
