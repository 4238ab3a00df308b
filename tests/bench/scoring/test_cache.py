"""The score cache: keys, versions, failed values, damage, and two writers at once."""

from __future__ import annotations

import errno
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from tsebench.bench.outcome import Score
from tsebench.bench.scoring import identity as identity_module
from tsebench.bench.scoring.cache import ScoreCache, default_cache_dir
from tsebench.bench.scoring.identity import system_identity
from tsebench.systems.protocol import SystemCard
from tsebench.systems.registry import load_system

SCORE = Score(trial_id="t", metric="snr", signature="snr|x", value=1.5, status="ok", reason="floored")
UNDEFINED = replace(SCORE, trial_id="u", value=math.nan, status="undefined", reason="absent_target")
FAILED = replace(SCORE, trial_id="v", value=math.nan, status="failed", reason="length")


class Fake:
    """A system whose card can be anything."""

    def __init__(self, **card: object) -> None:
        fields: dict[str, object] = {"name": "fake", "family": "external", "description": "", **card}
        self.card = SystemCard(**fields)  # type: ignore[arg-type]


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


# Entries ------------------------------------------------------------------------------------------


def test_scores_come_back_as_they_were_stored(tmp_path: Path) -> None:
    rich = replace(SCORE, value=-math.pi / 3, weight=7.0, detail='{"text": "ä"}', reason="")
    cache = ScoreCache(tmp_path)
    cache.store("key", 3, [rich, UNDEFINED])
    found = ScoreCache(tmp_path).load("key", 3)
    assert found is not None
    assert found[0] == rich
    assert math.isnan(found[1].value)
    assert replace(found[1], value=0.0) == replace(UNDEFINED, value=0.0)


def test_keys_and_chunks_are_kept_apart(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path)
    entries = {("key", 0): 0.0, ("key", 1): 1.0, ("kez", 0): 2.0}
    for (key, chunk), value in entries.items():
        cache.store(key, chunk, [replace(SCORE, value=value)])
    for (key, chunk), value in entries.items():
        assert cache.load(key, chunk) == [replace(SCORE, value=value)]
    assert cache.load("kez", 1) is None


@pytest.mark.parametrize("scores", [[FAILED], [SCORE, FAILED], [FAILED, UNDEFINED]])
def test_a_chunk_with_a_failed_value_is_never_stored(scores: list[Score], tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path)
    cache.store("key", 0, scores)
    assert cache.load("key", 0) is None
    assert files(tmp_path) == []


def test_without_reading_an_entry_is_replaced(tmp_path: Path) -> None:
    ScoreCache(tmp_path).store("key", 0, [SCORE])
    fresh = ScoreCache(tmp_path, read=False)
    assert fresh.load("key", 0) is None
    other = replace(SCORE, value=2.5)
    fresh.store("key", 0, [other])
    assert fresh.load("key", 0) is None
    assert ScoreCache(tmp_path).load("key", 0) == [other]


@pytest.mark.parametrize("damage", ["", "[", "{}", '["a"]', '[{"no": 1}]', "\x00"])
def test_a_damaged_entry_is_computed_again(damage: str, tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path)
    assert cache.load("key", 0) is None
    cache.store("key", 0, [SCORE])
    assert cache.load("key", 0) == [SCORE]
    (file,) = files(tmp_path)
    file.write_text(damage)
    assert not cache.load("key", 0)
    cache.store("key", 0, [SCORE])
    assert cache.load("key", 0) == [SCORE]
    assert files(tmp_path) == [file]


def test_writers_of_one_chunk_at_the_same_time_leave_one_whole_entry(tmp_path: Path) -> None:
    scores = [replace(SCORE, trial_id=f"t{number}") for number in range(200)]
    start = Barrier(8)

    def store(value: float) -> None:
        own = [replace(score, value=value) for score in scores]
        start.wait()
        for _ in range(10):
            ScoreCache(tmp_path).store("key", 0, own)
            assert ScoreCache(tmp_path).load("key", 0) is not None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store, map(float, range(8))))
    found = ScoreCache(tmp_path).load("key", 0)
    assert found is not None
    assert len(found) == len(scores)
    assert len({score.value for score in found}) == 1
    assert len(files(tmp_path)) == 1  # no drafts


def test_a_cache_that_cannot_be_written_is_a_warning_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lines: list[str] = []
    cache = ScoreCache(tmp_path / "file", notify=lines.append)
    for chunk in range(3):
        cache.store("key", chunk, [SCORE])
    assert len(lines) == 1
    assert "scores are not cached" in lines[0]
    assert "TSEBENCH_CACHE" in lines[0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_full_disk_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code))

    lines: list[str] = []
    monkeypatch.setattr(Path, "replace", full)
    ScoreCache(tmp_path, notify=lines.append).store("key", 0, [SCORE])
    assert os.strerror(code) in lines[0]
    assert not files(tmp_path)


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("TSEBENCH_CACHE")
    assert default_cache_dir() == Path.home() / ".cache" / "tsebench"


# Identities ---------------------------------------------------------------------------------------


def test_identity_tells_systems_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    same = [system_identity(load_system("oracle_irm")) for _ in range(2)]
    other = system_identity(load_system("oracle_irm", beta=0.6))
    psm = system_identity(load_system("oracle_psm"))
    assert same[0] == same[1]
    assert len({same[0], other, psm}) == 3
    # A class without a source file, as in a notebook, may have changed since any score.
    typed = {}
    for name in ("one", "two"):
        card = SystemCard(name="noted", family="external", description="")
        typed[name] = type("Noted", (), {"card": card, "__module__": "__main__"})
    monkeypatch.delattr("__main__.__file__", raising=False)
    identities = {system_identity(kind()) for kind in typed.values()}
    assert len(identities) == 2
    assert system_identity(typed["one"]()) in identities


def test_another_version_of_tsebench_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = system_identity(Fake())
    monkeypatch.setattr(identity_module, "__version__", "999.0")
    assert system_identity(Fake()) != before


def test_another_code_of_the_systems_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = system_identity(Fake())
    monkeypatch.setattr(identity_module, "_systems_code", lambda: "edited")
    assert system_identity(Fake()) != before


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"options": {"beta": 0.5}},
        {"sample_rate_hz": 8000},
        {"classes": ("cat", "dog")},
        {"padding_neutral": False},
        {"sha256": "ab"},
        {"checkpoint": "here"},
    ],
)
def test_what_changes_an_answer_changes_the_identity(change: dict[str, object]) -> None:
    assert system_identity(Fake(**change)) != system_identity(Fake())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"description": "a"}, {"description": "b"}),
        ({"licence": "MIT"}, {"licence": "GPL"}),
        ({"training_data": ("wsj0",)}, {}),
        ({"clues": frozenset({"text", "classes"})}, {"clues": frozenset({"classes", "text"})}),
        # The weights determine the answers, not the place where they lie.
        ({"checkpoint": "here", "sha256": "ab"}, {"checkpoint": "there", "sha256": "ab"}),
    ],
)
def test_the_rest_of_the_card_does_not(one: dict[str, object], other: dict[str, object]) -> None:
    assert system_identity(Fake(**one)) == system_identity(Fake(**other))
