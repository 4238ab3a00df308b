"""Runs with `streaming: true`: the scores are those of the streamed answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.scripted import config, rows_of
from helpers.streams import Echo, card

from tsebench.bench.run.runner import RunOptions, run
from tsebench.core.errors import ConfigError
from tsebench.systems.registry import SYSTEMS

pytestmark = pytest.mark.usefixtures("own_cache", "code_read_once")


class Peeking(Echo):
    """Registered: its answers to whole mixtures are those of another level."""

    def __init__(self, *, device: str = "cpu") -> None:
        super().__init__(card=card(name="peeking"), peeks=True)


@pytest.fixture
def peeking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS._entries, "peeking", Peeking)


def go(out: Path, dataset: Path, *systems: object) -> dict[str, float]:
    options = RunOptions(out=out, device="cpu", jobs=0)
    run(config(dataset, systems=list(systems), metrics=["snri"]), options)
    rows = rows_of(out)
    return dict(rows[rows["metric"] == "snri"].groupby("system")["value"].mean())


@pytest.mark.usefixtures("peeking")
def test_streamed_scores_are_those_of_the_stream(sounds: Path, tmp_path: Path) -> None:
    named = {"name": "peeking", "isolation": "none"}
    systems = [named, {**named, "label": "streamed", "streaming": True}]
    values = go(tmp_path / "run", sounds, *systems)
    assert abs(values["peeking"] - values["streamed"]) > 0.01
    with pytest.raises(ConfigError, match="system 'mixture' does not stream"):
        go(tmp_path / "no", sounds, {"name": "mixture", "streaming": True})
