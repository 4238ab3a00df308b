"""Checkpoints, packs and boards on a hub: what is pushed comes back, and gives the same values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from helpers.hub_server import TOKEN, Hub, hub_server
from helpers.packs import SOUNDS, finished_run

from tsebench.bench.config import RunConfig
from tsebench.bench.packs.verify import verify_pack
from tsebench.bench.packs.write_pack import write_pack
from tsebench.bench.rows import read_rows
from tsebench.bench.run.record import read_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.scoring.identity import system_identity
from tsebench.cli.main import main
from tsebench.core.errors import CheckpointError, HubError
from tsebench.core.hub.download import local_file
from tsebench.core.hub.reference import parse_reference
from tsebench.core.hub.upload import push
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig
from tsebench.reports.hub.uploads import upload_of
from tsebench.reports.submissions.board_record import BoardRecord, write_board_record
from tsebench.systems.checkpoints.checkpoint import CARD, WEIGHTS, ZOO, load_checkpoint
from tsebench.systems.checkpoints.tensor_files import TENSORS, load_tensors
from tsebench.systems.registry import SYSTEMS, load_system

SHIPPED, NET = "soundbeam_mini_1hot", "hf://lab/net"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "scores"))
    with hub_server(tmp_path, monkeypatch) as found:
        yield found


def cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def pushed(what: str, where: str = NET) -> str:
    """The reference of the commit that holds what was pushed."""
    reference = parse_reference(where)
    return str(push(upload_of(what, reference), reference).reference)


def test_a_checkpoint_comes_back_and_gives_the_same_scores(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("push", SHIPPED, NET) == 0
    said = capsys.readouterr()
    commit = hub.repositories["models/lab/net"].branches["main"]
    assert "hf://lab/net@main: a new private repository, pushed" in said.out
    assert f"hf://lab/net@{commit}" in said.out
    assert TOKEN not in said.out + said.err
    assert hub.repositories["models/lab/net"].private
    build(DatasetConfig.model_validate(SOUNDS), tmp_path / "set", corpus_dirs={})
    systems = [
        {"name": "soundbeam", "label": label, "options": {"checkpoint": checkpoint}}
        for label, checkpoint in (("here", SHIPPED), ("there", NET))
    ]
    config = {"name": "try", "datasets": [str(tmp_path / "set")], "systems": systems, "metrics": ["si_sdri", "snri"]}
    options = RunOptions(out=tmp_path / "run", device="cpu", jobs=0)
    run(RunConfig.model_validate({**config, "measure_cost": False}), options)
    rows = read_rows(tmp_path / "run").set_index(["system", "trial_id", "metric"])["value"]
    assert len(rows["here"]) > 0
    assert rows["here"].equals(rows["there"])
    record = read_record(tmp_path / "run")
    assert record is not None
    card = record.systems["there"].card
    assert card["checkpoint"] == f"hf://lab/net@{commit}"
    files = hub.repositories["models/lab/net"].files()
    assert card["sha256"] == json.loads(files[CARD])["sha256"]
    assert not any(line.endswith((".pt", ".bin")) for line in hub.requests)
    assert not hub.leaked
    again = hub.repositories["models/lab/net"].commit("main", {**files, "note.txt": b"more"})
    moved = load_system("soundbeam", checkpoint=NET)
    assert moved.card.checkpoint == f"hf://lab/net@{again}"
    given = [{"checkpoint": f"hf://lab/net@{each}"} for each in (commit, again)]
    identities = [system_identity(moved, SYSTEMS.get("soundbeam"), options) for options in given]
    assert identities == 2 * [record.systems["there"].identity]  # the weights are the same: scores are reused


def test_the_page_of_a_checkpoint_says_what_its_card_says(hub: Hub) -> None:
    reference = parse_reference(NET)
    files = upload_of(SHIPPED, reference).files
    page = bytes(files["README.md"]).decode()  # type: ignore[arg-type]
    front = yaml.safe_load(page.split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["library_name"] == "tsebench"
    assert "checkpoint: hf://lab/net@main" in page
    state = load_tensors(bytes(files[TENSORS]), where="it")  # type: ignore[arg-type]
    shipped = load_checkpoint(SHIPPED, architecture="soundbeam")
    assert state.keys() == shipped.state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in shipped.state.items())
    assert f"| parameters | {sum(t.numel() for t in state.values())} |" in page
    assert shipped.card.data_fingerprint in page
    assert hub.requests == []


def test_a_pickle_is_opened_as_weights_alone_and_only_without_safetensors(hub: Hub) -> None:
    card = (ZOO / SHIPPED / CARD).read_bytes()
    archive = (ZOO / SHIPPED / WEIGHTS).read_bytes()
    repository = hub.repository("models/lab/net")
    repository.commit("main", {CARD: card, WEIGHTS: archive})
    assert load_system("soundbeam", checkpoint=NET).card.sha256 == json.loads(card)["sha256"]
    upload = upload_of(SHIPPED, parse_reference(NET)).files
    both = {name: bytes(content) for name, content in upload.items()}  # type: ignore[arg-type]
    evil = b"cos\nsystem\n(S'touch /tmp/evil'\ntR."
    repository.commit("main", {**both, WEIGHTS: evil})
    assert load_system("soundbeam", checkpoint=NET).card.sha256 == json.loads(both[CARD])["sha256"]
    repository.commit("main", {CARD: card, WEIGHTS: evil})
    with pytest.raises(CheckpointError, match="not a torch archive"):
        load_system("soundbeam", checkpoint=NET)


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({}, r"hf://lab/net@\w{40} has no card.json; name another revision, or push it by `tsebench push`"),
        ({CARD: b"{}"}, r"has no model.safetensors or model.pt; name another revision"),
        ({CARD: b"{}", TENSORS: b"x"}, "architecture"),
        ({CARD: (ZOO / SHIPPED / CARD).read_bytes(), TENSORS: b"x" * 99}, "it is no safetensors file, or damaged"),
    ],
)
def test_repositories_that_hold_no_checkpoint_are_one_line(files: dict[str, bytes], match: str, hub: Hub) -> None:
    hub.repository("models/lab/net").commit("main", files)
    with pytest.raises(CheckpointError, match=match):
        load_checkpoint(NET, architecture="soundbeam")


def test_other_weights_than_the_card_says_are_refused(hub: Hub) -> None:
    pushed(SHIPPED)
    files = hub.repositories["models/lab/net"].files()
    changed = files[TENSORS][:-4] + b"\0\0\0\0"
    hub.repositories["models/lab/net"].commit("main", {**files, TENSORS: changed})
    with pytest.raises(CheckpointError, match="does not match the sha256"):
        load_checkpoint(NET, architecture="soundbeam")


def test_a_pack_comes_back_and_is_verified(hub: Hub, tmp_path: Path) -> None:
    finished = finished_run(tmp_path)
    write_pack(finished, tmp_path / "team.zip", team="lab")
    commit = pushed(str(tmp_path / "team.zip"), "hf://datasets/lab/packs")
    fetched = local_file(f"{commit}/team.zip")
    assert fetched.read_bytes() == (tmp_path / "team.zip").read_bytes()
    assert verify_pack(fetched, datasets=[str(tmp_path / "tiny_sounds")]).verified
    assert hub.repositories["datasets/lab/packs"].messages[-1].startswith("Pack of lab, 1 systems on 1 sets, sha256 ")


def test_a_board_takes_the_place_of_its_earlier_pages(hub: Hub, tmp_path: Path) -> None:
    write_board_record(tmp_path, BoardRecord())
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("one")
    (tmp_path / "report" / "old.csv").write_text("old")
    (tmp_path / "verified").mkdir()
    (tmp_path / "verified" / "secret.txt").write_text("the organiser's")
    first = pushed(str(tmp_path), "hf://spaces/lab/board")
    assert pushed(str(tmp_path), "hf://spaces/lab/board") == first  # the same files make no commit
    (tmp_path / "report" / "old.csv").unlink()
    assert pushed(str(tmp_path), "hf://spaces/lab/board") != first
    files = hub.repositories["spaces/lab/board"].files()
    assert files.keys() == {"README.md", "report.html"}
    assert yaml.safe_load(files["README.md"].decode().split("---")[1])["app_file"] == "report.html"


def test_a_dry_run_sends_nothing(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("push", SHIPPED, NET, "--dry-run") == 0
    assert "nothing was sent; the commit would say 'Checkpoint of soundbeam, sha256" in capsys.readouterr().out
    assert hub.requests == []


def test_branch_message_and_visibility(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("push", SHIPPED, f"{NET}@try", "--public", "--message", "first") == 0
    repository = hub.repositories["models/lab/net"]
    assert not repository.private
    assert repository.files("main") == {}
    assert repository.messages[-1] == "first"
    assert TENSORS in repository.files("try")
    assert cli("push", SHIPPED, NET, "--private") == 2
    assert "is public, and not private; change that in its settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((SHIPPED, "lab/net"), "is no reference to the hub"),
        ((SHIPPED, "hf://datasets/lab/net"), "this goes into a model: write hf://lab/net@main"),
        (
            (SHIPPED, f"hf://lab/net@{40 * 'a'}"),
            "files are pushed to a branch of a repository; write hf://lab/net@main",
        ),
        (("nothing_here", NET), "no checkpoint at 'nothing_here'"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: tuple[str, ...], match: str, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("push", *arguments) == 2
    said = capsys.readouterr().err
    assert match in said
    assert len(said.splitlines()) == 1
    assert hub.requests == []


def test_an_upload_that_is_cut_commits_nothing(hub: Hub) -> None:
    repository = hub.repository("models/lab/net")
    hub.refuse["PUT /lfs"] = 400
    with pytest.raises(HubError, match=r"Error while uploading 'model.safetensors' to the Hub\. .*; start the same"):
        pushed(SHIPPED)
    assert repository.files() == {}
    hub.refuse.clear()
    pushed(SHIPPED)
    assert TENSORS in repository.files()


@pytest.mark.parametrize("token", [None, "hf_wrong"])
def test_a_login_that_is_missing_or_wrong_is_one_line(
    token: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_server(tmp_path, monkeypatch, token=token) as hub:
        assert cli("push", SHIPPED, NET) == 2
        hub.repository("models/lab/net")
        assert cli("push", SHIPPED, NET) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "or has no such thing (401); log in by `hf auth login`, or set HF_TOKEN" in lines[0]
    assert "(403): this token cannot write; use a token with the right to write" in lines[1]
    assert "hf_wrong" not in "".join(lines)
