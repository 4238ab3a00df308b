"""Texts of outcomes and scores are made safe where they come to be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tsebench.bench.outcome import FailedValueError, Outcome, UndefinedValueError, attempt, failed
from tsebench.bench.rows import read_shard, write_shard
from tsebench.bench.score_row import ScoreRow


class UnspeakableError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("kind", [ValueError, UndefinedValueError, FailedValueError])
def test_an_error_of_a_metric_has_a_safe_reason(kind: type[Exception]) -> None:
    def job() -> float:
        raise kind("\ud800\x00" + "\x1b" * 10_000)

    assert r"\ud800\x00\x1b" in attempt(job).reason
    assert len(attempt(job).reason) <= 500


def test_an_error_without_a_text_is_named_by_its_type() -> None:
    def job() -> float:
        raise UnspeakableError

    assert attempt(job).reason == "UnspeakableError: <UnspeakableError without a text: __str__ raised RuntimeError>"


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\x1b[31m", "\u202e", "x" * 3_000_000, 5, None, UnspeakableError()])
def test_any_text_can_be_written_and_read_back(tmp_path: Path, text: Any) -> None:
    row = ScoreRow(
        run_id="r", system="s", dataset="d", mixture_id="m", condition="FMQ", n_active=1, n_inactive=0, cluster="m",
        trial_id="t", metric="x", signature="x", value=math.nan, status="failed", reason=text, detail=text,
        tags={"note": text},
    )  # fmt: skip
    write_shard(tmp_path / "part.parquet", [row])
    found = read_shard(tmp_path / "part.parquet").iloc[0]
    assert (found["reason"], found["detail"]) == (row.reason, row.detail)
    assert len(found["reason"]) <= 500
    assert len(found["detail"]) <= 1_000_000
    assert "\x1b" not in found["reason"] + found["detail"] + found["tag_note"]


def test_an_ordinary_text_stays_as_it_is() -> None:
    assert failed("time_limit").reason == "time_limit"
    assert Outcome(value=1.0, status="ok", detail="ONE TWO\nतीन").detail == "ONE TWO\nतीन"
