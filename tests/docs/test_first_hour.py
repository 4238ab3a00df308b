"""The first hour as a notebook: its cells run from top to bottom, and leave what they say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.plug_ins import registries_restored
from PIL import Image

SCRIPT = ROOT / "docs" / "examples" / "first_hour.py"


def test_cells_have_the_percent_format() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    cells = re.split(r"^# %%", text, flags=re.MULTILINE)[1:]
    assert text.startswith("# %% [markdown]\n# # ")
    assert len(cells) > 15
    for cell in cells:
        kind, _, body = cell.partition("\n")
        assert kind in {"", " [markdown]"}
        if kind:
            assert all(not line or line.startswith("#") for line in body.splitlines()), body
        else:
            compile(body, str(SCRIPT), "exec")


def test_the_first_hour_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    with registries_restored():
        values = runpy.run_path(str(SCRIPT), run_name="__main__")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "<Dataset mini_speech: 12 trials of 6 mixtures" in printed.out
    assert "{'ok': 240}" in printed.out
    assert values["dataset"].card.fingerprint == values["built"].card.fingerprint
    means = values["values"].mean()
    assert means["oracle_irm"] > means["td_speakerbeam"] > 5.0
    assert means["td_speakerbeam"] > means["spectral_match"]
    assert values["scores"].values["si_sdri"] == pytest.approx(values["values"].loc["test-000000_s1", "td_speakerbeam"])
    place = tmp_path / "first_hour"
    assert {path.name for path in place.iterdir()} == {"data", "run", "improvement.png"}
    with Image.open(place / "improvement.png") as picture:
        assert picture.size == (600, 384)
    assert (place / "run" / "report" / "report.md").is_file()
