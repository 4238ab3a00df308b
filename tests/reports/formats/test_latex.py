"""The report `latex`: known tie groups in bold, notes at what failed, a document that compiles."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tsebench.bench.rows import read_rows, write_shard
from tsebench.bench.run.record import RunFacts
from tsebench.bench.run.system_facts import CostFacts, SystemFacts
from tsebench.bench.score_row import ScoreRow
from tsebench.core.errors import ConfigError
from tsebench.reports.formats.latex import write_latex
from tsebench.reports.formats.registry import REPORTS, load_report
from tsebench.reports.leaderboard.assemble import rank_rows as leaderboard
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.columns import Column
from tsebench.reports.leaderboard.metric_facts import metric_facts
from tsebench.reports.leaderboard.ranking import tie_groups
from tsebench.reports.tables.board_tables import print_costs, print_table
from tsebench.reports.tables.cost_lines import rtf_text
from tsebench.reports.tables.table import PrintedTable

EVIL = r"\input{x} 5% & $a_b$ <b> #{"
RUN = RunFacts(
    run_id="r",
    name="run",
    systems={
        "mixture": SystemFacts(family="baseline"),
        "oracle": SystemFacts(privileged=True, family="oracle"),
        "twin_a": SystemFacts(
            cost=CostFacts(params=760_000, rtf=0.02, rtf_low=0.01, rtf_high=0.04, notes=("on 1 thread",))
        ),
    },
)


def board(tmp_path: Path, *, n: int = 20, extra: tuple[str, ...] = ()) -> Leaderboard:
    """`twin_b` is `twin_a` with the signs of a small part exchanged: they cannot differ.

    Both are 3 dB over the mixture, the oracle is 10 dB over it; by `sdr` the mixture is best.
    """
    rng = np.random.default_rng(5)
    jitter = 0.01 * rng.permutation(np.tile([1.0, -1.0], n // 2))
    gains = {
        "mixture": np.zeros(n),
        "twin_a": 3.0 + jitter,
        "twin_b": 3.0 - jitter,
        "oracle": 10.0 + jitter,
        EVIL: 1.0 + jitter,
        **{name: 2.0 + jitter + 0.02 * i for i, name in enumerate(extra)},
    }
    rows = []
    for system, values in gains.items():
        for trial, value in enumerate(values):
            failed = system == EVIL and trial < 2
            for metric, sign in (("snri", 1.0), ("sdr", -1.0)):
                lost = failed and metric == "snri"
                rows.append(
                    ScoreRow(
                        run_id="r",
                        system=system,
                        dataset="set_1",
                        trial_id=f"t{trial}",
                        mixture_id=f"m{trial}",
                        condition="PMQ",
                        n_active=1,
                        n_inactive=3,
                        cluster=f"m{trial}",
                        metric=metric,
                        signature=f"{metric}|f64",
                        value=math.nan if lost else sign * value,
                        status="failed" if lost else "ok",
                        reason="too_short" if lost else "",
                    )
                )
    write_shard(tmp_path / "run" / "rows" / "part-0.parquet", rows)
    return leaderboard(read_rows(tmp_path / "run"), runs=[RUN], resamples=100)


def cell_of(table: PrintedTable, system: str, head: str) -> tuple[str, bool, bool, tuple[str, ...]]:
    row = next(row for row in table.rows if row.cells[1].text == system)
    cell = row.cells[[h.text for h in table.heads].index(head)]
    return cell.text, cell.bold, cell.underlined, cell.marks


def test_groups_of_every_column(tmp_path: Path) -> None:
    made = board(tmp_path)
    (table,) = made.tables
    keys = [column.key for column in table.columns]
    # The twins do not differ, and the mixture is a baseline: nothing sets ranked systems apart.
    assert tie_groups(made, table, keys.index("snri")) == {}
    by_sdr = tie_groups(made, table, keys.index("sdr"))
    # It failed in snri alone, so that it may be compared by sdr.
    assert by_sdr == {EVIL: 1, "twin_a": 2, "twin_b": 2}


def test_systems_without_differences_have_no_groups(tmp_path: Path) -> None:
    made = board(tmp_path, n=4)  # 2^(1-4) > 0.05: nothing can be significant
    assert tie_groups(made, made.tables[0], 0) == {}
    table = print_table(made, made.tables[0])
    assert not any(cell.bold or cell.underlined for row in table.rows for cell in row.cells)
    assert "bold" not in table.notes[0].text


def test_cells_of_a_printed_table(tmp_path: Path) -> None:
    made = board(tmp_path)
    table = print_table(made, made.tables[0])
    assert table.caption == "set_1 · PMQ 1:3, 20 trials"
    assert [head.text for head in table.heads] == ["#", "system", "SNRi dB ↑", "SDR dB ↑"]
    assert cell_of(table, "twin_a", "SNRi dB ↑") == ("3.00", False, False, ())
    assert cell_of(table, "mixture", "SNRi dB ↑") == ("0.00", False, False, ())
    assert cell_of(table, "oracle", "SNRi dB ↑") == ("10.00", False, False, ())
    assert cell_of(table, EVIL, "SDR dB ↑")[1:3] == (True, False)
    assert cell_of(table, "twin_b", "SDR dB ↑")[1:3] == (False, True)
    assert cell_of(table, "mixture", "SDR dB ↑") == ("0.00", False, False, ())
    assert cell_of(table, "mixture", "#")[0] == "†"
    assert cell_of(table, "oracle", "#")[0] == "○"
    notes = {note.mark: note.text for note in table.notes}
    (mark,) = cell_of(table, EVIL, "SNRi dB ↑")[3]
    assert notes[mark] == "n=18, 2 failed; failed: too_short"
    (mark,) = cell_of(table, EVIL, "system")[3]
    assert notes[mark] == "not ranked: 2 trials failed"
    assert [note.text for note in table.notes if note.code] == ["snri|f64", "sdr|f64"]


def test_intervals_are_those_of_the_aggregate_or_left_out(tmp_path: Path) -> None:
    made = board(tmp_path)
    entry = made.tables[0].entry("twin_a")
    assert entry is not None
    assert entry.cells[0] is not None
    row = next(r for r in print_table(made, made.tables[0]).rows if r.cells[1].text == "twin_a")
    assert row.cells[2].detail == f"[{entry.cells[0].ci_low:.2f}, {entry.cells[0].ci_high:.2f}]"
    bare = load_report("latex", {"intervals": False})(made, tmp_path / "bare")
    assert "valuewith" not in bare[1].read_text()
    assert "intervals" not in bare[1].read_text()
    assert "valuewith" in write_latex(made, tmp_path / "full")[1].read_text()


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (CostFacts(), "—"),
        (CostFacts(rtf=0.0241), "0.0241"),
        (CostFacts(rtf=0.0241, rtf_low=0.0241, rtf_high=0.0241), "0.0241"),
        (CostFacts(rtf=0.0241, rtf_low=0.02371, rtf_high=0.03), "0.0241 [0.0237, 0.03]"),
    ],
)
def test_a_real_time_factor_has_its_spread(cost: CostFacts, text: str) -> None:
    assert rtf_text(cost) == text


def test_costs(tmp_path: Path) -> None:
    table = print_costs(board(tmp_path))
    assert table is not None
    assert [cell.text for cell in table.rows[0].cells][:2] == ["twin_a", "760 k"]
    assert (table.rows[0].cells[4].text, table.rows[0].cells[4].detail) == ("0.02", "[0.01, 0.04]")
    assert table.notes[0].text.endswith("Peak memory holds weights and tensors.")
    assert table.notes[1].text == "on 1 thread"
    assert print_costs(Leaderboard(tables=(), issues=())) is None


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"report 'latex': unknown key 'interval'.*intervals"):
        load_report("latex", {"interval": False})
    with pytest.raises(ConfigError, match="intervals = 'perhaps'"):
        load_report("latex", {"intervals": "perhaps"})


@pytest.mark.parametrize(
    ("key", "name"), [("si_sdri", "SI-SDRi"), ("snri [2]", "SNRi [2]"), ("wer", "WER"), ("my_thing", "my thing")]
)
def test_metrics_are_written_as_in_papers(key: str, name: str) -> None:
    facts = metric_facts(key.partition(" ")[0])
    assert Column(key=key, facts=facts, signature="").title == name


def test_the_document_compiles_and_nothing_sticks_out(tmp_path: Path) -> None:
    """With twelve systems more, whose names are long."""
    engine = shutil.which("tectonic") or shutil.which("pdflatex")
    if engine is None:
        pytest.skip("there is no tectonic and no pdflatex")
    long = tuple(f"a_system_with_a_long_name-and-options(theta=0.{i})" for i in range(12))
    paths = REPORTS.get("latex")(board(tmp_path, extra=long), tmp_path / "out")
    flags = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in engine else []
    done = subprocess.run(
        [engine, *flags, "tables.tex"],
        check=False,
        cwd=paths[0].parent,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Overfull" not in done.stdout
    assert paths[0].with_suffix(".pdf").stat().st_size > 1000
