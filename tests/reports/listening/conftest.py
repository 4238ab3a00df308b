"""A run that can be heard, and its MUSHRA test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.packs import finished_run

from tsebench.reports.listening.export_test import ExportedTest, ExportOptions, export_test

TRIALS, LISTENERS = 3, 10


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TSEBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "scores"))
        patched.setenv("TSEBENCH_CORPORA", "")
        yield


@pytest.fixture(scope="session")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("heard"))


@pytest.fixture(scope="session")
def mushra(heard: Path) -> ExportedTest:
    return export_test(
        heard, heard.parent / "mushra", ExportOptions(trials=TRIALS, listeners=LISTENERS, web_mushra=True)
    )
