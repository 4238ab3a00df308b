"""Downloads: once, at one commit, without network from the cache; every refusal of the hub is one line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.hub_server import TOKEN, Hub, hub_server

from tsebench.core.errors import LINE_LENGTH, HubError
from tsebench.core.hub.download import fetch, fetch_first, local_options, pinned
from tsebench.core.hub.reference import parse_reference

NET = parse_reference("hf://lab/net")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server(tmp_path, monkeypatch) as found:
        found.repository("models/lab/net").commit(
            "main", {"a.txt": b"one", "sub/w.pt": b"weights", "sub/config.json": b"{}"}
        )
        yield found


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_a_file_is_fetched_once_and_read_without_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.repositories["models/lab/net"].branches["main"]
    wanted = parse_reference(f"hf://lab/net@{commit}/a.txt")
    assert fetch(wanted).read_bytes() == b"one"
    asked = len(hub.requests)
    assert fetch(wanted).read_bytes() == b"one"
    assert len(hub.requests) == asked
    assert str(pinned(NET)) == f"hf://lab/net@{commit}"
    offline(monkeypatch)
    asked = len(hub.requests)
    assert fetch(parse_reference("hf://lab/net/a.txt")).read_bytes() == b"one"  # the branch as it was last seen
    assert len(hub.requests) == asked


def test_a_branch_that_moved_is_noticed(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    repository = hub.repositories["models/lab/net"]
    before = pinned(NET).revision
    assert before == repository.branches["main"]
    assert caplog.messages == []
    after = repository.commit("main", {"a.txt": b"two"})
    with caplog.at_level(logging.WARNING, "tsebench"):
        assert pinned(NET).revision == after
        assert pinned(NET).revision == after
    assert len(caplog.messages) == 1
    assert f"has moved from commit {before[:12]} to {after[:12]}" in caplog.text
    assert f"write hf://lab/net@{before}" in caplog.text
    assert fetch(parse_reference("hf://lab/net/a.txt")).read_bytes() == b"two"


def test_a_hub_that_is_down_gives_what_is_in_the_cache(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    commit = pinned(NET).revision
    fetch(parse_reference("hf://lab/net/a.txt"))
    hub.refuse["GET /api"] = 503
    assert fetch(parse_reference("hf://lab/net/a.txt")).read_bytes() == b"one"
    assert f"is taken from its cache, at commit {commit[:12]}" in caplog.text


def test_options_name_copies_of_files_and_commits_of_repositories(hub: Hub) -> None:
    commit = hub.repositories["models/lab/net"].branches["main"]
    found = local_options({"checkpoint": "hf://lab/net", "model": "hf://lab/net/sub/w.pt", "steps": 3, "name": "net"})
    assert found["checkpoint"] == f"hf://lab/net@{commit}"
    assert Path(found["model"]).read_bytes() == b"weights"
    assert Path(found["model"]).with_name("config.json").read_bytes() == b"{}"  # opened next to it by some systems
    assert not Path(found["model"]).with_name("card.json").exists()
    assert (found["steps"], found["name"]) == (3, "net")


def test_the_first_of_several_files_is_taken(hub: Hub) -> None:
    assert fetch_first(NET, ["none.txt", "a.txt", "sub/w.pt"]).name == "a.txt"
    with pytest.raises(HubError, match=r"hf://lab/net@\w{40} has no none.txt or b.txt; name another revision"):
        fetch_first(NET, ["none.txt", "b.txt"])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("hf://lab/gone/a.txt", "there is no hf://lab/gone@main/a.txt at http.*; check the name, and log in"),
        ("hf://lab/net@v9/a.txt", "hf://lab/net@main has no revision 'v9'; give a branch, a tag or a commit"),
        ("hf://lab/net/b.txt", r"hf://lab/net@\w{40}/b.txt is not there: the repository has no such file"),
        ("hf://lab/gated/a.txt", "hf://lab/gated@main/a.txt is gated: accept the conditions"),
        ("hf://lab/--x/a.txt", "cannot be the name of a repository"),
        ("hf://lab/net", "is a repository, and a file of it is wanted"),
    ],
)
def test_what_is_not_there_is_one_line(text: str, match: str, hub: Hub) -> None:
    hub.repository("models/lab/gated", gated=True)
    with pytest.raises(HubError, match=match) as caught:
        fetch(parse_reference(text))
    assert len(str(caught.value)) <= LINE_LENGTH


@pytest.mark.parametrize(
    ("status", "match"),
    [(401, r"does not accept the login .*\(401\); log in by"), (403, r"\(403\)"), (500, "answers 500")],
)
def test_refusals_are_one_line_without_the_token(status: int, match: str, hub: Hub) -> None:
    hub.refuse["GET /api"] = status
    with pytest.raises(HubError, match=match) as caught:
        fetch(parse_reference("hf://lab/net/a.txt"))
    assert TOKEN not in str(caught.value)


def test_without_network_or_cache(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    for text in ("hf://lab/net/a.txt", f"hf://lab/net@{40 * 'a'}/a.txt"):
        with pytest.raises(HubError, match=r"is not in the hub's cache .*, and HF_HUB_OFFLINE forbids the network"):
            fetch(parse_reference(text))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=r"'huggingface_hub' is not installed.*pip install 'tsebench\[hub\]'"):
        fetch(parse_reference("hf://lab/net/a.txt"))
