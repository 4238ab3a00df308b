"""The challenge of the page on submissions, command by command as it is written."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from helpers.markdown_blocks import blocks
from helpers.paths import ROOT

from tsebench.bench.rows import read_rows
from tsebench.cli.main import main

PAGE = ROOT / "docs" / "submissions.md"

pytestmark = pytest.mark.long


def test_a_challenge_in_five_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TSEBENCH_CORPORA", "")
    configs = [block.text for block in blocks(PAGE) if block.language == "yaml"]
    for name, text in zip(("challenge.yaml", "team.yaml"), configs, strict=True):
        Path(name).write_text(text, encoding="utf-8")
    (commands,) = [block.text for block in blocks(PAGE) if block.language == "bash"]
    lines = [shlex.split(line, comments=True)[1:] for line in commands.splitlines()]
    assert [words[0] for words in lines] == ["seal", "run", "pack", "verify", "board"]
    for words in lines:
        with pytest.raises(SystemExit, match=r"^0$"):
            main(words)
    rows = read_rows("board/verified/my_lab")
    scored = rows[(rows["metric"] == "si_sdri") & (rows["status"] == "ok")]
    assert {*scored["system"]} == {"my_lab", "mixture"}
    assert scored[scored["system"] == "my_lab"]["value"].mean() > 1.0  # dB; the network was trained on these classes
    assert "my_lab" in Path("board/report/report.html").read_text(encoding="utf-8")
