"""Issues of a leaderboard: reasons that differ in numbers alone are one issue."""

from __future__ import annotations

import math
from pathlib import Path

from helpers.runs import make_run, rows_of

from tsebench.reports.leaderboard.assemble import open_board


def test_reasons_with_other_numbers_are_one_issue(tmp_path: Path) -> None:
    reasons = [f"length: estimate has {16000 - n} samples, reference has 16384" for n in (3, 1, 2)]
    rows = [
        *rows_of([math.nan] * 5, reason=[*reasons, "no_estimate", reasons[0]]),
        *rows_of(
            [1.0, 2.0], "old", reason=["padded from 15960 to 16000 samples", "padded from 15990 to 16000 samples"]
        ),
    ]
    issues = open_board([make_run(tmp_path, rows)]).issues
    found = {(i.system, i.status, i.reason): i for i in issues if i.status != "missing"}
    assert set(found) == {
        ("net", "failed", f"{reasons[0]} (and 2 more with other numbers)"),
        ("net", "failed", "no_estimate"),
        ("old", "ok", "padded from 15960 to 16000 samples (and 1 more with other numbers)"),
    }
    issue = found["net", "failed", f"{reasons[0]} (and 2 more with other numbers)"]
    assert (issue.n_trials, issue.first_trials) == (4, ("t000", "t001", "t002"))
