"""A finished run with kept estimates, and its pack."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.packs import finished_run

from tsebench.bench.packs.write_pack import write_pack


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="session")
def team(finished: Path) -> Path:
    out = finished.parent / "team.zip"
    write_pack(finished, out, team="lab")
    return out


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "scores"))
    monkeypatch.setenv("TSEBENCH_CORPORA", "")
