"""Pages of a run whose system draws several samples: the first one plays, and the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.site_runs import SET
from helpers.stochastic import Noisy

from tsebench.bench.config import RunConfig
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.site.choose_demo import DemoChoice
from tsebench.reports.site.demo import write_demo
from tsebench.reports.site.site import write_site
from tsebench.systems.registry import SYSTEMS


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from helpers.scripted import keep_code

    monkeypatch.setitem(SYSTEMS._entries, "noisy", Noisy)
    keep_code(monkeypatch)
    (tmp_path / "speech.yaml").write_text(SET)
    config = RunConfig(
        name="drawn",
        datasets=[str(tmp_path / "speech.yaml")],  # type: ignore[arg-type]
        systems=["mixture", {"name": "noisy", "samples": 2}],  # type: ignore[arg-type]
        metrics=(MetricSpec(name="si_sdri"),),
        keep_estimates=True,
        measure_cost=False,
        isolation="none",
    )
    run(config, RunOptions(out=tmp_path / "run", jobs=1, device="cpu", cache=tmp_path / "cache"))
    return tmp_path


def test_pages_say_that_the_first_sample_plays(made: Path) -> None:
    board = open_board([made / "run"])
    paths = write_site(board, made / "report", trials=1)
    (trial,) = (path for path in paths if path.parent.name == "trials")
    assert "the first one plays and is transcribed; values are means of all" in trial.read_text()
    page, *_ = write_demo(board, made / "demo", DemoChoice(count=2))
    text = page.read_text()
    assert "the first one plays, and the value is the mean of all" in text
    heads = [
        text.index(f'<th scope="col">{name}</th>') for name in ("Unprocessed", "Enrollment", "noisy", "Ground truth")
    ]
    assert heads == sorted(heads)
    assert "“" in text  # the words of the target
