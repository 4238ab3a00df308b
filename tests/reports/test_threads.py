"""Threads of reports and comparisons."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tsebench.core import processors
from tsebench.reports.compare import compare_runs
from tsebench.reports.formats import registry
from tsebench.reports.leaderboard import assemble
from tsebench.reports.leaderboard.board import Leaderboard


def test_products_of_matrices_take_one_thread_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    count, limit = processors._openblas()
    before = count()
    seen: list[int] = []

    def stop(*_: object, **__: object) -> None:
        seen.append(count())
        raise LookupError

    monkeypatch.setattr(compare_runs, "match_runs", stop)
    monkeypatch.setattr(assemble, "check_arguments", stop)
    monkeypatch.setattr(registry, "load_report", stop)
    limit(2)
    try:
        with pytest.raises(LookupError):
            compare_runs.compare_runs(tmp_path, tmp_path, compare_runs.CompareOptions())
        with pytest.raises(LookupError):
            assemble.rank_rows(pd.DataFrame())
        with pytest.raises(LookupError):
            registry.write_board(Leaderboard(tables=(), issues=()), tmp_path, ["csv"])
        assert seen == [1, 1, 1]
    finally:
        limit(before)
