"""Reports: known ranks and gaps, every format parsed back, nothing lost and all escaped."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from tsebench.bench.rows import read_rows, write_shard
from tsebench.bench.run.record import RunFacts, read_runs
from tsebench.bench.score_row import ScoreRow
from tsebench.core.errors import ConfigError, OutputError, UnknownNameError
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.formats.registry import REPORTS, write_board
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.assemble import rank_rows as leaderboard
from tsebench.reports.leaderboard.board import Leaderboard, Table
from tsebench.reports.leaderboard.metric_facts import metric_facts
from tsebench.reports.leaderboard.wording import interval, number, p_value
from tsebench.reports.site.charts.axes import axis, bars, ticks
from tsebench.reports.site.charts.conditions import panels
from tsebench.reports.site.site import render
from tsebench.reports.terminal.print_leaderboard import print_leaderboard

EVIL = "<script>alert('x')</script> & |pipe|"
RUN = {
    "run_id": "r1",
    "name": "trial run",
    "created": "2025-01-01T00:00:00+00:00",
    "device": "cpu: x86",
    "git": "abc123",
    "seed": 3,
    "config": {"bootstrap": {"resamples": 200, "level": 0.9}},
    "versions": {"tsebench": "0.1.0"},
    "systems": {
        "mixture": {"privileged": False, "family": "baseline"},
        "oracle": {"privileged": True, "family": "oracle", "card": {"licence": "CC0"}},
        "net": {"family": "discriminative"},
    },
    "datasets": {"set": {"fingerprint": "f1", "licences": {"esc": "CC BY-NC 3.0"}}},
    "something_new": 1,
}


def row(system: str, trial: int, value: float, **changes: object) -> ScoreRow:
    failed = math.isnan(value)
    fields: dict[str, object] = {
        "run_id": "r1",
        "system": system,
        "dataset": "set",
        "trial_id": f"t{trial:03d}",
        "mixture_id": f"m{trial // 2}",
        "condition": "FMQ",
        "n_active": 1,
        "n_inactive": 0,
        "cluster": f"m{trial // 2}",
        "metric": "snri",
        "signature": "snri|f64",
        "value": value,
        "status": "failed" if failed else "ok",
        "reason": "non_finite" if failed else "",
    }
    return ScoreRow(**{**fields, **changes})  # type: ignore[arg-type]


def make_run(folder: Path, rows: Iterable[ScoreRow], facts: object = RUN) -> Path:
    write_shard(folder / "rows" / "part-0000.parquet", list(rows))
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


def board_of(folder: Path, rows: Iterable[ScoreRow], **options: object) -> Leaderboard:
    run = make_run(folder, rows)
    return leaderboard(read_rows(run), runs=read_runs([run]), resamples=200, **options)  # type: ignore[arg-type]


def ordinary() -> list[ScoreRow]:
    """40 trials: net is 3 dB above the mixture, an old net 2 dB, the oracle 10 dB."""
    rng = np.random.default_rng(1)
    gains = {"mixture": 0.0, "net": 3.0, "old": 2.0, "oracle": 10.0}
    return [
        row(system, trial, gain + (0.0 if system == "mixture" else float(rng.normal(scale=0.2))))
        for system, gain in gains.items()
        for trial in range(40)
    ]


def fuq(system: str, value: float, **changes: object) -> list[ScoreRow]:
    """Ten absent-target trials, with the rows of a metric that does not apply to them."""
    where = {"condition": "FUQ", "n_active": 0, "n_inactive": 1}
    absent = {"status": "undefined", "reason": "absent_target"}
    return [
        made
        for trial in range(100, 110)
        for made in (
            row(system, trial, value, **where, metric="attenuation", signature="att", **changes),
            row(system, trial, math.nan, **where, **absent),
        )
    ]


def only(board: Leaderboard) -> Table:
    (table,) = board.tables
    return table


def test_ranks_leader_rival_and_gap(tmp_path: Path) -> None:
    table = only(board_of(tmp_path, ordinary()))
    assert [(entry.system, entry.rank) for entry in table.entries] == [
        ("oracle", None),
        ("net", 1),
        ("old", 2),
        ("mixture", None),
    ]
    assert table.entries[0].note == "oracle: reads the truth"
    assert (table.leader, table.rival) == ("net", "old")
    assert table.columns[0].best == ("net",)
    gap = table.entries[2].gap
    assert gap is not None
    assert gap.mean == pytest.approx(-1.0, abs=0.1)
    assert gap.significant
    assert gap.p_adjusted <= 0.05
    assert table.entries[1].gap is None


def close() -> list[ScoreRow]:
    """Forty trials of 20 mixtures: two nets that differ by noise, an old one 2 dB below."""
    rng = np.random.default_rng(4)
    gains = {"net": 5.0, "twin": 5.0, "old": 3.0, "oracle": 20.0}
    return [
        row(system, trial, gain + float(rng.normal(scale=0.5))) for system, gain in gains.items() for trial in range(40)
    ]


def test_systems_that_do_not_differ_share_a_rank(tmp_path: Path) -> None:
    table = only(board_of(tmp_path, close()))
    first, second = (entry.system for entry in table.entries[1:3])
    assert {first, second} == {"net", "twin"}
    ranks = [(entry.system, entry.rank) for entry in table.entries]
    assert ranks == [("oracle", None), (first, 1), (second, 1), ("old", 3)]
    assert (table.leader, table.rival) == (first, second)
    means = [cell.mean for entry in table.entries if (cell := table.primary_cell(entry))]
    assert means == sorted(means, reverse=True)  # inside a group too
    gaps = {entry.system: entry.gap for entry in table.entries}
    assert gaps[second] is not None
    assert not gaps[second].significant
    # The family: the three pairs of ranked systems, and the oracle with the leader.
    assert gaps["old"] is not None
    assert gaps["old"].p_value == 1 / 10_000
    assert gaps["old"].p_adjusted == pytest.approx(4 / 10_000)


def test_too_few_mixtures_for_ranks(tmp_path: Path) -> None:
    """Five mixtures: the smallest p-value is 1/16, however far the systems are apart."""
    table = only(board_of(tmp_path, [r for r in ordinary() if r.trial_id < "t010"]))
    assert [entry.rank for entry in table.entries] == [None, 1, 1, None]
    gap = table.entries[2].gap
    assert gap is not None
    assert gap.p_value == 1 / 16


def test_all_formats_tell_groups_and_p_values(tmp_path: Path) -> None:
    board = board_of(tmp_path / "run", close())
    table = only(board)
    first, second = table.entries[1:3]
    assert second.gap is not None
    p_text = f"p = {second.gap.p_adjusted:.3f}"
    page = Page(render(board))
    shown = {line[1].split()[0]: line for line in page.rows if len(line) > 3}
    assert [shown[name][0].strip() for name in (first.system, second.system, "old")] == [*"113"]
    assert f"{p_text}, not significant" in shown[second.system][-1]
    assert "p < 0.001" in shown["old"][-1]
    text = board_markdown(board)
    assert f"| 1 | {second.system} |" in text
    assert "| 3 | old |" in text
    assert p_text in text
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=100))
    lines = stream.getvalue().splitlines()
    line = next(line for line in lines if line.split()[:2] == ["1", second.system])
    assert line.split()[-1] == f"{second.gap.p_adjusted:.3f}"
    line = next(line for line in lines if line.split()[:2] == ["3", "old"])
    assert line.split()[-1] == "<.001"
    (path,) = REPORTS.get("csv")(board, tmp_path / "out")
    csv = pd.read_csv(path).set_index("system")
    assert csv.loc[["net", "twin", "old"], "rank"].tolist() == [1, 1, 3]
    assert csv.loc["old", "p_adjusted"] == pytest.approx(4 / 10_000)
    assert csv.loc[second.system, "difference"] == pytest.approx(second.gap.mean)
    for seen in (" ".join(page.text), text, " ".join(stream.getvalue().split())):
        assert "anks are groups: systems of one rank do not differ significantly" in seen
        assert f"shares rank 1 with {second.system}" in seen


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "p < 0.001"),
        (0.0312, "p = 0.031"),
        (0.04996, "p = 0.049960"),  # 0.050 would look as if it were not significant
        (1.0, "p = 1.000"),
        (math.nan, ""),
    ],
)
def test_p_values_as_text(tmp_path: Path, p: float, text: str) -> None:
    gap = only(board_of(tmp_path, close())).entries[-1].gap
    assert gap is not None
    assert p_value(replace(gap, p_adjusted=p)) == text


def test_lower_attenuation_wins_and_metrics_that_do_not_apply_are_left_out(tmp_path: Path) -> None:
    rows = [*fuq("net", -20.0), *fuq("mixture", 0.0), *fuq("oracle", -120.0, reason="floored")]
    table = only(board_of(tmp_path, rows))
    assert [column.key for column in table.columns] == ["attenuation"]
    assert [entry.system for entry in table.entries] == ["oracle", "net", "mixture"]
    assert table.leader == "net"
    cell = table.entries[0].cells[0]
    assert cell is not None
    assert cell.n_floored == 10


def test_missing_and_failed_trials_take_the_rank_away(tmp_path: Path) -> None:
    rows = [r for r in ordinary() if (r.system, r.trial_id) != ("old", "t007")]
    rows = [r for r in rows if (r.system, r.trial_id) != ("net", "t003")]
    rows.append(row("net", 3, math.nan))
    board = board_of(tmp_path, rows)
    table = only(board)
    notes = {entry.system: (entry.rank, entry.note) for entry in table.entries}
    assert notes["net"] == (None, "not ranked: 1 trial failed")
    assert notes["old"] == (None, "not ranked: 1 trial missing")
    assert notes["mixture"] == (None, "baseline: not ranked")
    assert [entry.system for entry in table.entries][-2:] == ["net", "old"]
    found = [(i.system, i.status, i.reason, i.n_trials, i.first_trials) for i in board.issues]
    assert found == [("old", "missing", "no row", 1, ("t007",)), ("net", "failed", "non_finite", 1, ("t003",))]


def test_trials_that_every_system_lacks(tmp_path: Path) -> None:
    board = board_of(tmp_path, ordinary(), expected={("set", "FMQ 1:0"): 42})
    assert {entry.n_missing for entry in only(board).entries} == {2}
    assert only(board).leader is None
    assert {issue.n_trials for issue in board.issues} == {2}
    facts = {**RUN, "datasets": {"set": {"counts": {"trials": 41, "trials_FMQ_1:0": 41}}}}
    other = make_run(tmp_path / "other", ordinary(), facts)
    again = leaderboard(read_rows(other), runs=read_runs([other]), resamples=50)
    assert {entry.n_missing for entry in only(again).entries} == {1}


def test_a_system_without_any_row_is_missed(tmp_path: Path) -> None:
    sets = {"set": {"counts": {"trials_FMQ_1:0": 40}, "systems": ["net", "gone"]}}
    run = make_run(tmp_path, ordinary(), {**RUN, "datasets": sets})
    board = leaderboard(read_rows(run), runs=read_runs([run]), resamples=50)
    assert [(i.system, i.reason, i.n_trials) for i in board.issues] == [("gone", "no row at all", 40)]
    assert "gone" in render(board)


def test_the_shared_baseline_of_two_runs_counts_once(tmp_path: Path) -> None:
    rows = ordinary()
    first = make_run(tmp_path / "a", rows)
    again = [
        row(r.system, int(r.trial_id[1:]), r.value + (0.5 if r.system == "net" else 0.0), run_id="r2") for r in rows
    ]
    second = make_run(tmp_path / "b", again, {**RUN, "run_id": "r2", "name": "later"})
    dirs = [first, second]
    board = leaderboard(read_rows(dirs), runs=read_runs(dirs), resamples=50)
    assert board.systems == ("mixture", "net (later)", "net (trial run)", "old", "oracle")
    assert only(board).leader == "net (later)"
    assert {cell.n for entry in only(board).entries for cell in entry.cells if cell} == {40}
    entry = only(board).entry("net (later)")
    assert entry is not None
    assert entry.facts.family == "discriminative"


def test_two_signatures_are_two_columns(tmp_path: Path) -> None:
    rows = [r for r in ordinary() if r.system != "old"]
    rows += [row("old", trial, 99.0, signature="snri|other") for trial in range(40)]
    table = only(board_of(tmp_path, rows))
    assert [(c.key, c.signature) for c in table.columns] == [("snri [1]", "snri|f64"), ("snri [2]", "snri|other")]
    assert table.leader == "net"
    assert {e.system: e.rank for e in table.entries}["old"] is None


def test_different_datasets_of_one_name_are_refused(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", ordinary())
    facts = {**RUN, "run_id": "r2", "datasets": {"set": {"fingerprint": "f2"}}}
    second = make_run(tmp_path / "b", ordinary(), facts)
    with pytest.raises(ConfigError, match=r"'set' is 'f1' in run 'r1' and 'f2' in run 'r2'"):
        read_runs([first, second])


def test_run_json_is_optional_and_checked(tmp_path: Path) -> None:
    assert read_runs([tmp_path]) == (RunFacts(run_id=tmp_path.name),)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ConfigError, match=r"run\.json"):
        read_runs([tmp_path])
    (tmp_path / "run.json").write_text('{"seed": "many"}')
    with pytest.raises(ConfigError, match="seed = 'many'"):
        read_runs([tmp_path])


def test_facts_of_metrics_and_improvements() -> None:
    assert metric_facts("snri").unit == "dB"
    assert metric_facts("snri").higher_is_better is True
    assert metric_facts("attenuation").higher_is_better is False
    assert metric_facts("unknown_metric").higher_is_better is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (math.nan, "dB", "—"),
        (-1.234, "dB", "−1.23"),
        (-0.001, "dB", "0.00"),
        (math.inf, "dB", "∞"),
        (-math.inf, "dB", "−∞"),
        (0.91234, "0..1", "0.912"),
        (12.34, "%", "12.3"),
    ],
)
def test_numbers(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_no_interval_is_no_text() -> None:
    assert interval(math.nan, math.nan, "dB") == ""
    assert interval(-1.0, 2.0, "dB", signed=True) == "[−1.00, +2.00]"


class Page(HTMLParser):
    """Page as a browser sees it: tags, ids, text of cells, and outside links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "link", "br", "input", "img"}:
            self.open.append(tag)
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text.append(data)
            if "td" in self.open or "th" in self.open:
                self.rows[-1][-1] += f" {data.strip()}"


def full(folder: Path) -> Leaderboard:
    """Two strata, a failed trial, a metric without any value, and a name full of markup."""
    rows = [*ordinary(), *fuq("net", -20.0), *fuq("mixture", 0.0)]
    rows += [row(EVIL, trial, 1.0 if trial else math.nan) for trial in range(40)]
    pesq = {"metric": "pesq", "signature": "pesq|wb", "reason": "pesq_no_utterance"}
    rows += [row("mixture", trial, math.nan, **pesq) for trial in range(40)]
    return board_of(folder, rows)


def test_every_page_of_the_site_is_safe(tmp_path: Path) -> None:
    """Tags are balanced, links lead somewhere inside the site, and only our own scripts may run."""
    out = tmp_path / "site"
    pages = REPORTS.get("html")(full(tmp_path / "run"), out)
    assert pages[0] == out / "report.html"
    assert len(pages) == len(set(pages))
    kinds = {path.parent.name for path in pages}
    assert kinds == {"site", "systems", "trials"}
    for path in pages:
        html = path.read_text(encoding="utf-8")
        page = Page(html)
        assert page.open == []
        assert len(page.ids) == len(set(page.ids))
        local = [link[1:] for link in page.links if link.startswith("#")]
        assert set(local) <= set(page.ids)
        for link in page.links:
            if not link.startswith(("#", "data:")):
                target = (path.parent / link.partition("#")[0]).resolve()
                assert target in pages
        assert page.tags.count("script") == (2 if path == pages[0] else 1)
        assert "http" not in html.replace('http-equiv="', "").replace('"http"', "")
        assert EVIL not in html


def test_the_leaderboard_page_tells_where_numbers_come_from(tmp_path: Path) -> None:
    seen = " ".join(Page(render(full(tmp_path))).text)
    assert EVIL in seen
    for fact in ("CC BY-NC 3.0", "f1", "cpu: x86", "abc123", "snri|f64", "trial run"):
        assert fact in seen


def test_html_shows_failures_and_no_nan(tmp_path: Path) -> None:
    page = Page(render(full(tmp_path)))
    cells = [cell for line in page.rows for cell in line]
    assert not re.search(r"\bnan\b", " ".join(page.text), re.IGNORECASE)
    assert any("—" in cell and "40 failed" in cell for cell in cells)
    evil = next(line for line in page.rows if any(EVIL in cell for cell in line))
    assert "not ranked: 1 trial failed" in " ".join(evil)
    assert "41 trials with a value that failed" in " ".join(page.text)
    assert any("non_finite" in " ".join(line) and "t000" in " ".join(line) for line in page.rows)


def test_markdown_tables_keep_their_shape(tmp_path: Path) -> None:
    text = board_markdown(full(tmp_path))
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        widths = {line.replace("\\|", "").count("|") for line in table.splitlines()}
        assert len(widths) == 1
    assert "<script" not in text
    assert "nan" not in text
    assert "`snri|f64`" in text
    assert "— n=0" not in text
    assert "— (n=0, 40 failed)" in text


def test_csv_gives_the_aggregates_back(tmp_path: Path) -> None:
    board = full(tmp_path / "run")
    (path,) = REPORTS.get("csv")(board, tmp_path / "out")
    lines = pd.read_csv(path).set_index(["condition", "system", "metric"])
    count = 0
    for table in board.tables:
        for entry in table.entries:
            for column, cell in zip(table.columns, entry.cells, strict=True):
                if cell is None:
                    continue
                line = lines.loc[(table.condition, entry.system, column.key)]
                for name in ("mean", "median", "ci_low", "ci_high", "n", "n_failed", "n_floored"):
                    np.testing.assert_equal(line[name], getattr(cell, name))
                assert line["privileged"] == entry.facts.privileged
                count += 1
    assert count == len(lines)


@pytest.mark.parametrize("width", [80, 100])
def test_console_fits(tmp_path: Path, width: int) -> None:
    stream = io.StringIO()
    print_leaderboard(full(tmp_path), Console(file=stream, width=width))
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    for part in ("FMQ 1:0", "FUQ 0:1", "oracle", "41 trials with a value", "net is", "snri"):
        assert part in text
    assert "nan" not in text


@pytest.mark.parametrize("width", [46, 60, 80, 120])
def test_console_loses_no_column(tmp_path: Path, width: int) -> None:
    """Where there is no room, half intervals stand below the means, and the columns go on in another grid."""
    names = [f"metric_{letter}" for letter in "abcdef"]
    rows = [row("a_net_of_some_length", n, 10.0 + n, metric=name, signature=name) for name in names for n in range(8)]
    stream = io.StringIO()
    print_leaderboard(board_of(tmp_path, rows), Console(file=stream, width=width))
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    for name in names:
        assert name in text
    assert text.count("13.500") == len(names)
    assert text.count("±") >= len(names)


def test_write_board(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ordinary())
    paths = write_board(open_board([run]), tmp_path / "out" / "deep", ["html", "csv", "md", "html"])
    whole = tmp_path / "out" / "deep"
    names = [path.name for path in paths if path.parent == whole]
    assert names == ["report.html", "report.csv", "report.md"]
    assert all(path.stat().st_size > 500 for path in paths)
    first = [path.read_bytes() for path in paths]
    assert [p.read_bytes() for p in write_board(open_board([run]), tmp_path / "again", ["html", "csv", "md"])] == first
    assert "90%" in paths[-1].read_text()  # the level that the run asks for
    with pytest.raises(UnknownNameError, match="unknown report 'htm'; did you mean 'html'"):
        write_board(open_board([run]), tmp_path, ["htm"])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_board(open_board([run]), tmp_path / "file", ["csv"])


def test_every_report_writes_what_it_says(tmp_path: Path) -> None:
    board = full(tmp_path / "run")
    for name in REPORTS:
        paths = REPORTS.get(name)(board, tmp_path / name)
        assert paths
        assert sorted(paths) == sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())


def test_bars_and_axis(tmp_path: Path) -> None:
    """A perfect oracle is cut; zero, means and whiskers lie where the values say."""
    rows = [r for r in ordinary() if r.system != "oracle"]
    rows += [row("oracle", trial, 120.0) for trial in range(40)]
    table = only(board_of(tmp_path, rows))
    low, high = axis([table])
    cells = {e.system: table.primary_cell(e) for e in table.entries}
    best = cells["net"]
    assert best is not None
    assert (low, high) == (0.0, best.ci_high)
    drawn = {bar.entry.system: bar for bar in bars(table).bars}
    assert drawn["oracle"].cut
    assert drawn["oracle"].start + drawn["oracle"].width == 100.0
    assert not drawn["net"].cut
    assert drawn["net"].width == pytest.approx(100.0 * best.mean / (1.05 * high))
    assert drawn["net"].whisker is not None
    assert drawn["net"].whisker[1] == pytest.approx(100.0 / 1.05)


def test_profile_has_one_panel_for_each_primary_metric(tmp_path: Path) -> None:
    board = full(tmp_path)
    drawn = panels(board, "set")
    assert [panel.heading for panel in drawn] == ["snri", "attenuation"]
    net = next(line for line in drawn[0].lines if line.system == "net")
    old = next(line for line in drawn[0].lines if line.system == "old")
    assert net.dots[0].y < old.dots[0].y  # SVG counts downwards: the better lies higher
    assert net.dots[0].high < net.dots[0].y < net.dots[0].low


def test_a_single_stratum_has_no_profile(tmp_path: Path) -> None:
    assert panels(board_of(tmp_path, ordinary()), "set") == ()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
        (-50.0, 0.0, [-50.0, -40.0, -30.0, -20.0, -10.0, 0.0]),
        (-0.3, 12.1, [0.0, 5.0, 10.0]),
    ],
)
def test_ticks(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
