"""Names of systems and datasets are plain text in every Markdown report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from helpers.markdown_page import HOSTILE, plain_text, structure
from helpers.runs import facts_of, make_run, rows_of

from tsebench.reports.formats.figures import write_figures
from tsebench.reports.formats.md import write_markdown
from tsebench.reports.formats.registry import load_report
from tsebench.reports.formats.results import write_results
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard

WRITERS: dict[str, Callable[[Leaderboard, Path], list[Path]]] = {
    "md": write_markdown,
    "results": partial(write_results, latex=False),
    "figures": partial(write_figures, only=("box",), files=()),
}


def page(folder: Path, name: str, writer: Callable[[Leaderboard, Path], list[Path]]) -> str:
    """The page of a board whose system, dataset, metric's tag, run and failures have a name."""
    values = [10.0 + 0.3 * i for i in range(8)]
    rows = [
        *rows_of(values, name, dataset=name),
        *rows_of([float("nan"), *values[1:]], f"{name}2", dataset=name, reason=[name, *[""] * 7]),
        *rows_of([v - 1 for v in values], "mixture", dataset=name),
    ]
    cost = {"params": 7, "rtf": 0.5, "device": name, "notes": [name]}
    sets = {name: {"systems": [name], "overlaps": {name: {"named": [name], "trials": 3}}}}
    facts = facts_of(name=name, systems={name: {"cost": cost}}, datasets=sets, trials=None)
    return writer(open_board([make_run(folder / "run", rows, facts)]), folder / "out")[0].read_text()


@pytest.mark.parametrize("writer", WRITERS)
def test_hostile_names_are_plain_text(writer: str, tmp_path: Path) -> None:
    wanted = structure(page(tmp_path / "plain", "x", WRITERS[writer]))
    for place, name in enumerate(HOSTILE):
        text = page(tmp_path / str(place), name, WRITERS[writer])
        assert structure(text) == wanted, name
        assert " ".join(name.split()) in plain_text(text)


EVERYWHERE = "".join(["n", *"\x00\x07\x1b\x7f\x9b\u202e\u2066\u200b\ud800\ufffe", "=[a](javascript:alert(1))"])


@pytest.mark.parametrize("kind", ["html", "md", "latex", "csv", "json", "results", "figures"])
def test_no_report_holds_a_hidden_character(kind: str, tmp_path: Path) -> None:
    values = [10.0 + 0.3 * i for i in range(8)]
    rows = [
        *rows_of(
            values,
            EVERYWHERE,
            dataset=EVERYWHERE,
            tags={"note": EVERYWHERE},
            trial_id=[f"t{i}{EVERYWHERE}" for i in range(8)],
        ),
        *rows_of([float("nan"), *values[1:]], "other", dataset=EVERYWHERE, reason=[EVERYWHERE, *[""] * 7]),
        *rows_of([v - 1 for v in values], "mixture", dataset=EVERYWHERE),
    ]
    rows = [
        replace(r, **{k: getattr(r, k).replace("\ud800", "") for k in ("system", "dataset", "trial_id")}) for r in rows
    ]
    facts = facts_of(
        name=rows[0].system,
        systems={rows[0].system: {"cost": {"params": 7, "device": rows[0].system}}},
        datasets={rows[0].dataset: {}},
    )
    board = open_board([make_run(tmp_path / "run", rows, facts)])
    for path in load_report(kind)(board, tmp_path / "out"):
        if path.suffix in {".html", ".md", ".tex", ".csv", ".json"}:
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066\ufffe]", path.read_text()), path
