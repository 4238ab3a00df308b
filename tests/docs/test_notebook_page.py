"""The page on Python: all of its blocks run, in order, as in one notebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.markdown_blocks import blocks
from helpers.paths import ROOT
from helpers.plug_ins import registries_restored


def test_the_page_on_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    cells = {"__name__": "__main__"}
    with registries_restored():
        for block in blocks(ROOT / "docs" / "notebook.md"):
            if block.language == "python":
                exec(compile(block.text, str(block), "exec"), cells)
    printed = capsys.readouterr()
    assert printed.err == ""
    for line in ("<Dataset mini_speech: 6 trials of 3 mixtures", "'si_sdri': ", "did you mean 'mini_speech'", "half"):
        assert line in printed.out
    assert (tmp_path / "runs" / "first" / "report" / "report.md").is_file()
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "cache"}
