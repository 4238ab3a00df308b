"""Boards take packs that can be verified, show claimed ones apart, and refuse all others with the reason."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from helpers.packs import changed, finished_run

from tsebench.bench.packs.rescore import RescoreOptions
from tsebench.bench.packs.write_pack import packed_rows, write_pack
from tsebench.bench.rows import read_rows
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.core.errors import ConfigError, TsebenchError
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.sealed.split import seal
from tsebench.reports.submissions.add_pack import Admission, RefusedError, add_pack
from tsebench.reports.submissions.board_record import read_board
from tsebench.reports.submissions.pages import write_pages

AGAIN = RescoreOptions(device="cpu", jobs=0)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TSEBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "scores"))
        patched.setenv("TSEBENCH_CORPORA", "")
        yield


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a team with its run, and two packs of it: with its estimates and without."""
    folder = tmp_path_factory.mktemp("lab")
    run = finished_run(folder)
    write_pack(run, folder / "lab.zip", team="lab")
    write_pack(run, folder / "same.zip", team="other", estimates=False)
    changed(folder / "same.zip", folder / "other.zip", other_hashes)
    return folder


def other_hashes(contents: dict[str, bytes]) -> None:
    """Estimates that are not in the pack, and not those of `lab`."""
    record = json.loads(contents["pack.json"])
    for each in record["estimates"]:
        each["files"] = dict.fromkeys(each["files"], "0" * 64)
    contents["pack.json"] = json.dumps(record).encode()


@pytest.fixture
def how(lab: Path) -> Admission:
    return Admission(datasets=[str(lab / "tiny_sounds")], rescore=AGAIN)


@pytest.fixture(scope="module")
def kept(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with the verified pack of `lab`."""
    folder = tmp_path_factory.mktemp("kept") / "board"
    add_pack(folder, lab / "lab.zip", Admission(datasets=[str(lab / "tiny_sounds")], rescore=AGAIN))
    return folder


@pytest.fixture
def board(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept, tmp_path / "board")


def as_team(contents: dict[str, bytes], team: str) -> None:
    record = json.loads(contents["pack.json"])
    record["team"] = team
    contents["pack.json"] = json.dumps(record).encode()


def test_verified_and_claimed_values_are_on_pages_of_their_own(board: Path, lab: Path, how: Admission) -> None:
    claimed = changed(lab / "other.zip", board.parent / "c.zip", lambda c: claims(c, 3.0), rehash=True)
    assert add_pack(board, claimed, how).status == "claimed"
    record = read_board(board)
    assert {each.team: each.status for each in record.entries} == {"lab": "verified", "other": "claimed"}
    write_pages(board)
    verified, other = (board / "report" / name for name in ("report.md", "claimed/report.md"))
    tables = [path.read_text().partition("## ")[0] + path.read_text() for path in (verified, other)]
    assert "| lab |" in tables[0]
    assert "| other |" not in tables[0]
    assert "| other |" in tables[1]
    assert "| lab |" not in tables[1]
    assert "scored again from their estimates: lab (" in tables[0]
    assert "nobody has scored the values" in tables[1]
    assert (board / "report" / "report.html").is_file()
    rows = read_rows(board / "verified" / "lab")
    direct = read_rows(lab / "run").replace({"system": {"mine": "lab"}})
    both = direct.merge(rows, on=["system", "trial_id", "metric"])
    assert len(both) == len(direct) == len(rows)
    assert both.value_x.equals(both.value_y)


def claims(contents: dict[str, bytes], shift: float) -> None:
    edit(contents, lambda rows: rows.assign(value=rows["value"] + shift))


def edit(contents: dict[str, bytes], change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    rows = pd.read_parquet(io.BytesIO(contents["rows.parquet"]))
    contents["rows.parquet"] = packed_rows(change(rows))


def other_fingerprint(contents: dict[str, bytes]) -> None:
    record = json.loads(contents["run.json"])
    record["datasets"]["tiny_sounds"]["fingerprint"] = "0" * 64
    contents["run.json"] = json.dumps(record).encode()


REFUSALS = {
    "fingerprint": ("other.zip", other_fingerprint, "these are different trials"),
    "signature": (
        "other.zip",
        lambda c: edit(c, lambda rows: rows.assign(signature=rows["signature"] + "|mine")),
        "and the board's is",
    ),
    "missing trials": (
        "other.zip",
        lambda c: edit(c, lambda rows: rows[rows["trial_id"] != rows["trial_id"].iloc[0]]),
        "lacks 1 of 6 trials of set 'tiny_sounds'",
    ),
    "a metric of some trials": (
        "other.zip",
        lambda c: edit(
            c, lambda rows: rows[(rows["metric"] != "snri") | (rows["trial_id"] != rows["trial_id"].iloc[0])]
        ),
        "lacks 1 of 6 trials",
    ),
    "another stratum": (
        "other.zip",
        lambda c: edit(c, lambda rows: rows.assign(condition="FMQ", n_active=1, n_inactive=0)),
        "in another stratum or cluster",
    ),
    "unknown trials": (
        "other.zip",
        lambda c: edit(c, lambda rows: rows.assign(trial_id="x" + rows["trial_id"])),
        "rows of trials that set 'tiny_sounds' lacks",
    ),
    "changed rows": ("lab.zip", lambda c: claims(c, 1.0), "the rows are not those of the estimates.*values differ"),
    "another team's estimates": ("lab.zip", lambda c: as_team(c, "thief"), "have the very estimates of team 'lab'"),
    "the mixture's name": ("lab.zip", lambda c: as_team(c, "mixture"), "a team is called 'mixture'"),
    "a second pack": ("lab.zip", lambda c: c.update(), "team 'lab' has a pack on the board already; --replace"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_pack_is_refused_with_the_reason(name: str, board: Path, lab: Path, how: Admission) -> None:
    pack, change, reason = REFUSALS[name]

    def edited(contents: dict[str, bytes]) -> None:
        if name == "changed rows":
            as_team(contents, "cheat")
        change(contents)

    path = changed(lab / pack, board.parent / "a.zip", edited, rehash=True)
    if name == "changed rows":  # of estimates that nobody else has
        fresh(path, lab)
    before = read_board(board)
    with pytest.raises(TsebenchError, match=reason):
        add_pack(board, path, how)
    after = read_board(board)
    assert after.entries == before.entries
    assert [each.file for each in after.refused] == ["a.zip"]
    assert str(path.parent) not in after.refused[0].reason
    assert not (board / "claimed").exists()


def fresh(path: Path, lab: Path) -> None:
    """Other estimates in a pack, which its rows do not fit."""
    with_others = changed(path, path.with_suffix(".b.zip"), reversed_estimates, rehash=True)
    shutil.move(with_others, path)


def reversed_estimates(contents: dict[str, bytes]) -> None:
    for name in [name for name in contents if name.endswith(".wav")]:
        head, samples = contents[name][:80], contents[name][80:]
        contents[name] = head + samples[: len(samples) // 8 * 4] + bytes(len(samples) - len(samples) // 8 * 4)


def test_the_very_pack_is_refused_and_a_new_one_replaces_the_old(board: Path, lab: Path, how: Admission) -> None:
    with pytest.raises(RefusedError, match="on the board already, as team 'lab'"):
        add_pack(board, lab / "lab.zip", how)
    again = changed(lab / "lab.zip", board.parent / "again.zip", lambda contents: None)
    entry = add_pack(board, again, Admission(datasets=how.datasets, rescore=AGAIN, replace=True))
    assert [each.sha256 for each in read_board(board).entries] == [entry.sha256]


def test_sets_that_the_board_lacks_do_not_make_a_pack_claimed(lab: Path, how: Admission, tmp_path: Path) -> None:
    def with_own_set(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([rows, rows.assign(dataset="elsewhere")], ignore_index=True)

    more = changed(lab / "lab.zip", tmp_path / "more.zip", lambda contents: edit(contents, with_own_set), rehash=True)
    assert add_pack(tmp_path / "board", more, how).status == "verified"
    assert {*read_rows(tmp_path / "board" / "verified" / "lab")["dataset"]} == {"tiny_sounds"}


def test_a_board_needs_the_organisers_set(board: Path, lab: Path) -> None:
    other = changed(lab / "other.zip", board.parent / "a.zip", lambda contents: None)
    with pytest.raises(ConfigError, match="give the folder or config of your set 'tiny_sounds' with --dataset"):
        add_pack(board, other, Admission(rescore=AGAIN))


@pytest.mark.long
def test_a_sealed_set_has_verified_values_alone_and_other_names_of_trials(lab: Path, tmp_path: Path) -> None:
    parts = seal(load_dataset(lab / "tiny_sounds"), tmp_path / "challenge")
    run = finished_run(tmp_path, dataset=parts.public, metrics=["si_sdri"])
    write_pack(run, tmp_path / "team.zip", team="team")
    write_pack(run, tmp_path / "same.zip", team="shy", estimates=False)
    changed(tmp_path / "same.zip", tmp_path / "shy.zip", other_hashes)
    again = RescoreOptions(metrics=(MetricSpec(name="si_sdri"),), device="cpu", jobs=0)
    how = Admission(datasets=[str(parts.sealed)], rescore=again)
    assert add_pack(tmp_path / "board", tmp_path / "team.zip", how).status == "verified"
    with pytest.raises(RefusedError, match="the references of the set are sealed"):
        add_pack(tmp_path / "board", tmp_path / "shy.zip", how)
    write_pages(tmp_path / "board")
    names = [trial.id.encode() for trial in load_dataset(parts.public).trials]
    pages = b"".join(path.read_bytes() for path in (tmp_path / "board" / "report").rglob("*") if path.is_file())
    assert b"team" in pages
    assert not [name for name in names if name in pages]
