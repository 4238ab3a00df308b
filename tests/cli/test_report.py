"""`tsebench report` and the report at the end of a run: formats, their settings, tracking."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.runs import rows_of

from tsebench.bench.rows import write_shard
from tsebench.cli import main as cli

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    rows = [
        row
        for system, gain in (("mixture", 0.0), ("net", 3.0))
        for row in rows_of([gain + 0.1 * trial for trial in range(8)], system, metric="snri", signature="snri|f64")
    ]
    write_shard(tmp_path / "run" / "rows" / "part-0.parquet", rows)
    return tmp_path / "run"


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_formats_with_settings(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run_dir.parent / "out"
    settings = ["latex.intervals=false", "figures.only=[box]", "figures.files=[svg, png]"]
    options = [word for text in settings for word in ("--option", text)]
    assert call("report", run_dir, "--out", out, "--format", "latex,figures", *options) == 0
    assert "valuewith" not in (out / "latex" / "table_set_FMQ-1-0.tex").read_text()
    names = {path.name for path in (out / "figures").iterdir()}
    stem = "box_set_FMQ-1-0"
    assert names == {"figures.md", f"{stem}.csv", f"{stem}.svg", f"{stem}.png"}
    printed = "".join(capsys.readouterr().out.split())
    assert f"{out}/latex:2files" in printed
    assert f"{out}/figures:4files" in printed


@pytest.mark.parametrize(
    ("rank_by", "code", "words"),
    [
        (["snri"], 0, ""),
        (["set=snri"], 0, ""),
        (["snrii"], 2, "rank_by: dataset 'set' has no metric 'snrii'; did you mean 'snri'"),
        (["sett=snri"], 2, "rank_by: unknown dataset 'sett'; did you mean 'set'"),
        (["snri", "set=snri"], 2, "--rank-by 'snri': give one METRIC for all sets"),
    ],
)
def test_rank_by(run_dir: Path, capsys: pytest.CaptureFixture[str], rank_by: list[str], code: int, words: str) -> None:
    options = [word for text in rank_by for word in ("--rank-by", text)]
    assert call("report", run_dir, "--out", run_dir.parent / "out", "--format", "csv", *options) == code
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "latx"], "unknown report 'latx'; did you mean 'latex'"),
        (["--format", ","], "--format ',' names no format"),
        (["--option", "latex.intervals=no"], "which --format does not name"),
        (["--format", "latex", "--option", "intervals=no"], "is not FORMAT.KEY=VALUE"),
        (["--format", "latex", "--option", "latex.interval=no"], "unknown key 'interval'"),
        (["--format", "figures", "--option", "figures.files=[gif]"], "files"),
        (["--format", "figures", "--option", "figures.only=[bax]"], "unknown figure 'bax'"),
    ],
)
def test_a_mistake_is_one_line(
    options: list[str], message: str, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("report", run_dir, "--out", run_dir.parent / "out", *options) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error


def test_a_misspelt_format_of_a_run_is_refused_before_it_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "quickstart", "--out", tmp_path / "run", "--format", "html,figure") == 2
    assert "did you mean 'figures'" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_a_report_of_rows_without_a_record_cannot_be_tracked(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{run_dir.parent}/mlflow.db"
    options = ["--format", "csv", "--tracking-uri", uri]
    assert call("report", run_dir, "--out", run_dir.parent / "out", *options) == 2
    assert "holds no run.json" in " ".join(capsys.readouterr().err.split())
