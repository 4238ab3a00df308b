"""Tables of papers against the published numbers and the configs, and the verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.runs import rows_of

from tsebench.bench.config import RunConfig, load_run_config
from tsebench.bench.rows import read_rows, write_shard
from tsebench.bench.run.prepare import plan_sets
from tsebench.bench.run.record import ConfigFacts, DatasetFacts, RunFacts
from tsebench.bench.run.system_facts import CostFacts, SystemFacts
from tsebench.bench.score_row import ScoreRow
from tsebench.bench.statistics.comparison import Difference
from tsebench.bench.statistics.pooling import decisions
from tsebench.cli import main as cli
from tsebench.core.config_files import find_config, read_yaml, shipped_names
from tsebench.core.errors import ConfigError
from tsebench.reports.formats.results import write_results
from tsebench.reports.leaderboard.assemble import rank_rows as leaderboard
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.papers.measured import RunResults
from tsebench.reports.papers.orderings import orderings, verdict_of
from tsebench.reports.papers.paper_table import Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted
from tsebench.reports.papers.print_tables import paper_results
from tsebench.reports.papers.published import published_table
from tsebench.reports.papers.table_files import PAPER_TABLES
from tsebench.systems.registry import SYSTEMS

SCALES = [
    (name, scale)
    for name in shipped_names("paper")
    for scale in ["full", *read_yaml(find_config(f"paper/{name}")).get("scales", {})]
]


# Tables -------------------------------------------------------------------------------------------


def measured(table: PaperTable) -> Iterator[Measured]:
    yield from (cell.ours for cell in table.cells if cell.ours is not None)
    for claim in table.claims:
        yield from (claim.better, claim.worse)


def quoted(table: PaperTable) -> list[Quoted]:
    return [cell.published for cell in table.cells if cell.published is not None]


@pytest.mark.parametrize("name", PAPER_TABLES.names())
def test_a_table_shows_every_number_of_its_table(name: str) -> None:
    table = PAPER_TABLES.get(name)
    if not table.table:
        assert not quoted(table)
        return
    published = published_table(table.paper, table.table)
    found = {
        published.find(system=q.system, metric=q.metric, variant=q.variant, condition=q.condition)
        for q in quoted(table)
    }
    # The level of the mixtures stands in captions, and PESQ is no part of the comparison.
    wanted = {r for r in published.results if r.system != "mixture" and r.metric != "pesq"}
    assert found - {None} == wanted


@pytest.mark.parametrize("name", PAPER_TABLES.names())
def test_a_claim_is_of_one_metric_and_the_paper_agrees(name: str) -> None:
    table = PAPER_TABLES.get(name)
    for claim in table.claims:
        assert claim.better.metric == claim.worse.metric
        if not table.table or claim.same:
            continue
        values = []
        for side in (claim.better, claim.worse):
            key = table.published_of(side)
            found = key and key.find(published_table(table.paper, table.table))
            values.append(found.value if found else math.nan)
        lower = claim.better.metric == "attenuation"
        assert not (values[0] > values[1] if lower else values[0] < values[1]), claim.text


def test_a_row_must_fit_the_headings() -> None:
    with pytest.raises(ValueError, match="does not fit the headings"):
        PaperTable(
            title="t", paper="p", table="", stub=("a",), columns=("b", "c"),
            rows=(PaperRow(names=("x",), cells=(PaperCell(),)),),
        )  # fmt: skip


# Configs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "scale"), SCALES)
def test_a_paper_config_has_what_its_table_asks_for(name: str, scale: str) -> None:
    config = load_run_config(f"paper/{name}", [f"scale={scale}"])
    sources = list(plan_sets(config))
    assert config.paper_tables == (name,)
    left_out = set(read_yaml(find_config(f"paper/{name}")).get("scales", {}).get(scale, {}).get("leave_out", ()))
    titles = {spec.title for spec in config.systems} | left_out
    roles = {spec.role: spec for spec in config.datasets}
    metrics = {metric.name for metric in config.metrics}
    for wanted in measured(PAPER_TABLES.get(name)):
        assert wanted.system in titles
        if wanted.metric in {"params", "macs_per_s"}:
            continue
        assert wanted.metric in metrics | {m.removesuffix("i") for m in metrics}
        named = roles[wanted.role].systems
        assert named is None or wanted.system in named
        assert wanted.condition in {label for s in sources for label in conditions(s.recipe)}
    for spec in config.systems:
        assert spec.name in SYSTEMS
    if scale != "full":
        assert config.name == f"{name}_{scale}"


def conditions(recipe) -> set[str]:
    """Labels of the strata of a recipe."""
    if recipe.builder == "av_mix":  # a video asks for the voice on the screen, an enrollment for the other one
        return {f"FMQ {len(kinds)}:0" for kinds in recipe.params.get("clues", [["video", "enrollment"]])}
    labels = set()
    for condition in recipe.params.get("conditions", ["1:0"]):
        if isinstance(condition, str):
            active, inactive = (int(number) for number in condition.split(":"))
            pairs = [(active, inactive)]
        else:
            pairs = [(condition["n_active"], n) for n in condition["n_inactive"]]
        for active, inactive in pairs:
            kind = "FUQ" if not active else "PMQ" if inactive else "FMQ"
            labels.add(f"{kind} {active}:{inactive}")
    return labels


# Verdicts -----------------------------------------------------------------------------------------


def row(system: str, trial: int, value: float, **more: object) -> ScoreRow:
    facts = {
        "dataset": "d", "metric": "snri", "signature": "s|1", "tags": {"target": "bell"},
        "trial_id": f"m{trial}_q0", "mixture_id": f"m{trial}", "cluster": f"m{trial}",
    }  # fmt: skip
    if math.isnan(value):
        facts |= {"status": "undefined", "reason": "silent_reference"}
    (made,) = rows_of([value], system, **{**facts, **more})
    return made


def results_of(rows: list[ScoreRow], tmp_path: Path, **roles: str) -> RunResults:
    write_shard(tmp_path / "rows/part-0.parquet", rows)
    names = {r.dataset for r in rows}
    run = RunFacts(
        run_id="r",
        name="run",
        config=ConfigFacts(),
        systems={
            name: SystemFacts(cost=CostFacts(params=2_500_000, macs_per_s=1.5e9)) for name in {r.system for r in rows}
        },
        datasets={name: DatasetFacts(role=roles.get(name, ""), sample_rate_hz=8000) for name in names},
    )
    board = leaderboard(read_rows(tmp_path), runs=[run], resamples=200)
    return RunResults(board, run)


def judge(claim: Claim, results: RunResults):
    table = PaperTable(title="t", paper="p", table="", stub=("a",), columns=(), rows=(), claims=(claim,))
    (ordering,) = orderings(table, None, results)
    return ordering


def snri(system: str, **more: str) -> Measured:
    return Measured(system=system, metric="snri", **more)


NOISE = np.random.default_rng(3).normal(0.0, 1.0, 40)


@pytest.mark.parametrize(("gap", "verdict"), [(1.0, "holds"), (-1.0, "fails"), (0.0, "undecided")])
def test_the_interval_of_the_paired_difference_decides(gap, verdict, tmp_path) -> None:
    # Values differ by far more between trials than between systems: only pairs can tell.
    noise = NOISE - NOISE.mean()
    rows = [row("a", i, 20.0 * NOISE[i] + gap + noise[i]) for i in range(40)]
    rows += [row("b", i, 20.0 * NOISE[i]) for i in range(40)]
    ordering = judge(Claim(text="", better=snri("a"), worse=snri("b")), results_of(rows, tmp_path))
    assert ordering.verdict == verdict
    assert ordering.difference is not None
    assert ordering.difference.n == 40
    assert ordering.difference.mean == pytest.approx(gap, abs=1e-9)


@pytest.mark.parametrize(
    ("gap", "shown"), [(1.0, "+1.00 dB"), (-0.0034, "−0.0034 dB"), (0.0, "0.00 dB"), (-12.345, "−12.35 dB")]
)
def test_a_small_difference_is_not_shown_as_none(gap: float, shown: str, tmp_path: Path) -> None:
    rows = [row("td_speakerbeam", i, gap, metric="si_sdri") for i in range(5)]
    rows += [row("separate_then_identify", i, 0.0, metric="si_sdri") for i in range(5)]
    board = results_of(rows, tmp_path).board
    run = board.runs[0].model_copy(update={"config": ConfigFacts(paper_tables=("tse_vs_cascade",))})
    (result,) = paper_results(replace(board, runs=(run,)))
    assert result.orderings is not None
    assert result.orderings.rows[0].cells[3].text == shown


def test_lower_is_better_for_attenuation(tmp_path) -> None:
    more = {"condition": "FUQ", "n_active": 0, "n_inactive": 1, "metric": "attenuation"}
    rows = [row("a", i, -30.0 + 0.1 * NOISE[i], **more) for i in range(20)]
    rows += [row("b", i, -20.0, **more) for i in range(20)]
    sides = [Measured(system=s, metric="attenuation", condition="FUQ 0:1") for s in ("a", "b")]
    results = results_of(rows, tmp_path)
    assert judge(Claim(text="", better=sides[0], worse=sides[1]), results).verdict == "holds"
    assert judge(Claim(text="", better=sides[1], worse=sides[0]), results).verdict == "fails"


def test_strata_are_paired_by_mixture_and_target(tmp_path) -> None:
    pmq = {"condition": "PMQ", "n_inactive": 3}
    rows = [row("a", i, 10.0 + NOISE[i]) for i in range(30)]
    # The trials of the other stratum stand in another order; one has another target.
    rows += [row("a", i, 8.0 + NOISE[i], trial_id=f"m{i}_q1", **pmq) for i in reversed(range(29))]
    rows += [row("a", 29, 99.0, trial_id="m29_q1", tags={"target": "rain"}, **pmq)]
    claim = Claim(text="", better=snri("a"), worse=snri("a", condition="PMQ 1:3"))
    ordering = judge(claim, results_of(rows, tmp_path))
    assert ordering.verdict == "holds"
    assert ordering.difference is not None
    assert ordering.difference.n == 29
    assert ordering.difference.mean == pytest.approx(2.0, abs=1e-9)


def test_sets_are_distinguished_by_their_roles(tmp_path) -> None:
    rows = [row("a", i, 5.0 + NOISE[i], dataset="one") for i in range(20)]
    rows += [row("a", i, 8.0 + NOISE[i], dataset="ten") for i in range(20)]
    claim = Claim(text="", better=snri("a", role="K=10"), worse=snri("a", role="K=1"))
    ordering = judge(claim, results_of(rows, tmp_path, one="K=1", ten="K=10"))
    assert ordering.difference is not None
    assert ordering.difference.mean == pytest.approx(3.0, abs=1e-9)
    assert ordering.verdict == "holds"


@pytest.mark.parametrize(("step", "verdict"), [(0.0, "holds"), (1e-12, "fails")])
def test_the_same_is_to_the_last_bit(step: float, verdict: str, tmp_path) -> None:
    values = [*NOISE[:9], math.nan]
    rows = [row("a", i, value) for i, value in enumerate(values)]
    rows += [row("b", i, value + step * (i == 4)) for i, value in enumerate(values)]
    claim = Claim(text="", better=snri("a"), worse=snri("b"), same=True)
    ordering = judge(claim, results_of(rows, tmp_path))
    assert (ordering.verdict, ordering.changed) == (verdict, int(step > 0))


def test_what_is_not_there_is_not_measured(tmp_path) -> None:
    results = results_of([row("a", i, 1.0) for i in range(3)], tmp_path)
    for better, worse in (
        (snri("a"), snri("b")),
        (snri("a"), snri("a", condition="PMQ 1:1")),
        (snri("a"), snri("a", role="seen")),
    ):
        ordering = judge(Claim(text="", better=better, worse=worse), results)
        assert (ordering.verdict, ordering.difference) == ("not measured", None)


def test_p_values_are_corrected_for_the_table(tmp_path) -> None:
    rows = [row("a", i, 1.0 + NOISE[i]) for i in range(40)]
    rows += [row("b", i, 0.7 + NOISE[(i + 1) % 40]) for i in range(40)]
    claim = Claim(text="", better=snri("a"), worse=snri("b"))
    one = judge(claim, results_of(rows, tmp_path))
    table = PaperTable(title="t", paper="p", table="", stub=(), columns=(), rows=(), claims=(claim,) * 3)
    three = orderings(table, None, results_of(rows, tmp_path))
    assert one.difference is not None
    assert 0.0 < one.difference.p_value < 1 / 3
    for ordering in three:
        assert ordering.difference is not None
        assert ordering.difference.p_adjusted == pytest.approx(3 * one.difference.p_value)


@pytest.mark.parametrize(
    ("low", "high", "p_adjusted", "verdict"),
    [
        (0.1, 0.5, 0.01, "holds"),
        (-0.5, -0.1, 0.01, "fails"),
        (-0.1, 0.5, 0.01, "undecided"),
        (0.1, 0.5, 0.06, "undecided"),  # alone it would hold, but there are others
        (math.nan, math.nan, 1.0, "undecided"),  # one mixture
    ],
)
def test_interval_and_corrected_p_value_decide(low, high, p_adjusted, verdict) -> None:
    difference = Difference(
        system="a", baseline="b", dataset="d", condition="FMQ 1:0", metric="m", n=9, n_clusters=9,
        mean=0.3, ci_low=low, ci_high=high, p_value=0.01,
        p_adjusted=p_adjusted,
    )  # fmt: skip
    assert verdict_of(difference, higher_is_better=True) == verdict
    opposite = {"holds": "fails", "fails": "holds"}
    assert verdict_of(difference, higher_is_better=False) == opposite.get(verdict, verdict)
    assert verdict_of(replace(difference, n=0), higher_is_better=True) == "not measured"


# Values -------------------------------------------------------------------------------------------


def test_values_costs_and_gaps(tmp_path) -> None:
    results = results_of([row("a", i, float(i)) for i in range(5)], tmp_path)
    value = results.value(snri("a"))
    assert value is not None
    assert (value.mean, value.unit, value.signature) == (2.0, "dB", "s|1")
    assert value.ci_low < 2.0 < value.ci_high
    params = results.value(Measured(system="a", metric="params", condition=""))
    macs = results.value(Measured(system="a", metric="macs_per_s", condition=""))
    assert params is not None
    assert macs is not None
    assert (params.mean, params.unit, macs.mean, macs.unit) == (2.5, "M", 1.5, "G/s")
    assert results.value(snri("b")) is None
    assert results.value(Measured(system="b", metric="params", condition="")) is None
    table = results.table(snri("a"))
    assert table is not None
    assert table.n_trials == 5


def test_the_best_is_the_best_of_its_own_run(tmp_path) -> None:
    """Another run on the same set has a better system, and two that are worse."""
    levels = {"a": 9.0, "b": 5.0, "elsewhere": 15.0, "c": 0.0}
    rows = [row(name, i, gap + 0.1 * NOISE[i]) for name, gap in levels.items() for i in range(20)]
    merged = results_of(rows, tmp_path)
    systems = {name: merged.run.systems[name] for name in ("a", "b")}
    own = merged.run.model_copy(update={"systems": systems})
    found = {name: merged.value(snri(name)) for name in levels}
    assert [name for name, value in found.items() if value and value.best] == ["elsewhere"]
    alone = RunResults(merged.board, own)
    found = {name: alone.value(snri(name)) for name in ("a", "b")}
    assert [name for name, value in found.items() if value and value.best] == ["a"]


def test_f1_is_taken_at_the_threshold_of_the_row(tmp_path) -> None:
    # Class x: probabilities 0.9 (there), 0.3 (there), 0.2 (not there).
    decided = [(0.9, ["x"]), (0.3, ["x"]), (0.2, [])]
    rows = [
        row("a", i, 1.0, metric="macro_f1",
            detail=decisions(["x"], [p], there, 0.5))
        for i, (p, there) in enumerate(decided)
    ]  # fmt: skip
    results = results_of(rows, tmp_path)
    # At 0.5 one of two is found: 2·1/(1+2); at 0.25 both; at 0.1 one besides: 2·2/(3+2).
    for threshold, f1 in ((0.5, 2 / 3), (0.25, 1.0), (0.1, 0.8)):
        wanted = Measured(system="a", metric="macro_f1", threshold=threshold)
        value = results.value(wanted)
        assert value is not None
        assert value.mean == pytest.approx(f1)


# Reports ------------------------------------------------------------------------------------------

SPEECH = """
name: spoken
builder: speech_mix
corpora: {speech: {kind: synthetic_speech}}
params: {count: 8, sample_rate_hz: 8000, n_speakers: 2, mode: min, speech: {corpus: speech}}
"""
RUN = """
name: cascade
datasets: [spoken.yaml]
systems:
  - mixture
  - {name: oracle_irm, label: td_speakerbeam}
  - {name: silence, label: separate_then_identify}
metrics: [sdri, si_sdri, wrong_target_rate]
measure_cost: false
paper_tables: [tse_vs_cascade]
"""


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("TSEBENCH_CORPORA", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("spoken.yaml").write_text(SPEECH)
    Path("run.yaml").write_text(RUN)
    return tmp_path


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_a_run_prints_and_writes_its_papers_table(spoken: Path, capsys) -> None:
    options = ("--device", "cpu", "--jobs", "1", "--tracking-uri", "none")
    assert call("run", "run.yaml", "--out", "r", *options) == 0
    said = capsys.readouterr().out
    assert "TD-SpeakerBeam" in said
    assert "17.51" in said  # what ESPnet gives
    assert "must not be" in said
    # Two verdicts, and the note below them: a silent answer is no other voice's. Eight mixtures:
    # flips of six have no p-value that stays below 0.05 after the correction.
    assert said.count("holds") == 3
    here = str(Path.cwd())  # a path may be of any length
    assert max(len(line) for line in said.splitlines() if "report" not in line and here not in line) <= 80
    text = Path("r/report/results.md").read_text()
    assert "| TD-SpeakerBeam |" in text
    assert "| 17.51 |" in text
    assert "spoken at 8 kHz, 16 trials in a stratum (scale full)" in text
    rows = read_rows("r")
    own = rows[(rows["system"] == "td_speakerbeam") & (rows["metric"] == "si_sdri")]
    assert f"{own['value'].mean():.2f}" in text
    for path in Path("r/report/results").glob("*.tex"):
        assert "\\toprule" in path.read_text()
    assert len(list(Path("r/report/results").glob("*.tex"))) == 2
    # The same from the rows alone.
    assert call("report", "r", "--out", "again", "--format", "results") == 0
    assert Path("again/results.md").read_text() == text


def test_an_unknown_table_stops_before_the_run(spoken: Path, capsys) -> None:
    assert call("run", "run.yaml", "--set", "paper_tables=[tse_cascade]", "--out", "r") == 2
    assert "unknown paper table 'tse_cascade'; did you mean 'tse_vs_cascade'" in (capsys.readouterr().err)
    assert not Path("r").exists()


def test_without_a_papers_table_the_leaderboard_is_written(tmp_path: Path) -> None:
    rows = [row("a", i, 1.0) for i in range(3)]
    board: Leaderboard = results_of(rows, tmp_path).board
    assert paper_results(board) == ()
    first, *tables = write_results(board, tmp_path / "out")
    assert "No run of this report names a paper's table" in first.read_text()
    assert "| a |" in first.read_text()
    assert len(tables) == 1


def test_two_runs_have_a_part_each(tmp_path: Path) -> None:
    frames, runs = [], []
    for name, gap in (("one", 1.0), ("two", -1.0)):
        folder = tmp_path / name
        rows = [row("td_speakerbeam", i, gap + NOISE[i], metric="si_sdri") for i in range(20)]
        rows += [row("separate_then_identify", i, NOISE[i], metric="si_sdri") for i in range(20)]
        write_shard(folder / "rows/part-0.parquet", rows)
        frames.append(read_rows(folder).assign(run_id=name))
        runs.append(
            RunFacts(
                run_id=name, name=name, config=ConfigFacts(paper_tables=("tse_vs_cascade",)),
                datasets={"d": DatasetFacts(sample_rate_hz=8000)},
            )
        )  # fmt: skip
    board = leaderboard(pd.concat(frames, ignore_index=True), runs=runs, resamples=200)
    first, second = paper_results(board)
    assert [first.run, second.run] == ["one", "two"]
    assert [o.verdict for o in first.judged] == ["holds", "not measured", "not measured"]
    assert [o.verdict for o in second.judged] == ["fails", "not measured", "not measured"]


def test_scales_are_checked_when_a_config_is_read() -> None:
    with pytest.raises(ConfigError, match="unknown scale 'tiny'"):
        load_run_config("paper/soundbeam_table1", ["scale=tiny"])
    assert isinstance(load_run_config("paper/soundbeam_table1"), RunConfig)
