"""Small examples of pages, run as they are written: Python blocks, and the configs of "Use my data"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.markdown_blocks import Block, blocks
from helpers.paths import ROOT
from helpers.plug_ins import registries_restored
from helpers.runs import make_run, rows_of

from tsebench.cli.main import main

DOCS = ROOT / "docs"
NOT_RUN = {
    "my_model.md": "needs the reader's network",
    "other_toolkits.md": "needs a public checkpoint",
    "mlflow.md": "needs an MLflow store",
    "notebook.md": "its blocks follow each other, see test_notebook_page.py",
}
"""Pages whose Python is compiled only, and why."""


def python_blocks() -> list[Block]:
    pages = [page for page in sorted(DOCS.rglob("*.md")) if page.name not in NOT_RUN]
    return [block for page in pages for block in blocks(page) if block.language == "python"]


def write_tones(folder: Path, names: list[str], *, rate_hz: int = 8000, seconds: float = 1.0) -> None:
    """Wav files with noise of their own."""
    folder.mkdir(parents=True)
    for name in names:
        rng = np.random.default_rng([ord(letter) for letter in f"{folder}{name}"])
        soundfile.write(folder / f"{name}.wav", 0.1 * rng.standard_normal(int(rate_hz * seconds)), rate_hz)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folder of a reader: scored runs, a report, and folders of wav files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "runs").mkdir()
    make_run(tmp_path / "runs" / "quickstart", rows_of([1.0, 2.0, 3.0, 4.0], "net") + rows_of([0.0] * 4, "mixture"))
    for folder in ("estimates", "references", "mixtures"):
        write_tones(tmp_path / "my" / folder, ["a", "b"])
    return tmp_path


@pytest.mark.parametrize("block", python_blocks(), ids=str)
def test_python_of_a_page_runs(block: Block, desk: Path) -> None:
    if "report/leaderboard.json" in block.text:
        with pytest.raises(SystemExit, match="0"):
            main(["report", "runs/quickstart", "--out", "report", "--format", "json"])
    with registries_restored():
        exec(compile(block.text, str(block), "exec"), {})


def dataset_configs() -> list[Block]:
    return [block for block in blocks(DOCS / "my_data.md") if block.language == "yaml" and "builder:" in block.text]


@pytest.mark.parametrize("block", dataset_configs(), ids=str)
def test_datasets_of_a_page_build(block: Block, desk: Path) -> None:
    listed = "metadata: clips.csv" in block.text
    folds, lines = "12345", ["file,class,fold,recording"]
    for label in ("dog", "siren", "rain", "glass"):
        folder = desk / "sounds" / "audio" / label if listed else desk / "sounds" / label
        write_tones(folder, list(folds), rate_hz=16000, seconds=2.5)
        lines += [f"{label}/{fold}.wav,{label},{fold},{label}{fold}" for fold in folds]
    if listed:
        (desk / "sounds" / "clips.csv").write_text("\n".join(lines) + "\n")
    text = block.text.replace("count: 200", "count: 2").replace("count: 100", "count: 2")
    (desk / "set.yaml").write_text(text, encoding="utf-8")
    corpus = "speakers" if "speakers:" in text else "sounds"
    with pytest.raises(SystemExit, match="0"):
        main(["build", "set.yaml", "--out", "data", "--corpus", f"{corpus}={desk / 'sounds'}"])
    assert len(list((desk / "data").glob("*/trials.jsonl"))) == 1
