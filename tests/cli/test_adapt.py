"""`tsebench adapt`, and runs that adapt: on real few-shot sets, with seen classes as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from tsebench.bench.config import RunConfig
from tsebench.bench.rows import read_rows
from tsebench.bench.run.runner import RunOptions, run
from tsebench.cli import main as cli
from tsebench.systems.checkpoints.adaptation_card import Adaptation
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, load_checkpoint, save_checkpoint
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet

pytestmark = pytest.mark.slow

SEEN, NEW = ("bell", "rain", "siren"), ("bubbles", "cricket")
FEWSHOT = {
    "name": "few",
    "builder": "fewshot",
    "split": "test",
    "seed": 1,
    "corpora": {"sounds": {"kind": "synthetic_sounds"}},
    "params": {
        "family": "few",
        "part": "test",
        "shots": 2,
        "reserved": 2,
        "shots_split": "train",
        "count": 4,
        "sample_rate_hz": 8000,
        "duration_s": 1.0,
        "event_s": [0.5, 0.8],
        "enrollment_s": 0.5,
        "seen": {"corpus": "sounds", "labels": list(SEEN)},
        "new": {"corpus": "sounds", "labels": list(NEW)},
        "conditions": ["1:0"],
        "clues": ["classes", "enrollment"],
    },
}
NET = {
    "variant": "mixed", "num_filters": 16, "filter_length": 16, "bottleneck": 12, "hidden": 14,
    "blocks": 2, "stacks": 2, "embedding_dim": 12,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TSEBENCH_CORPORA", raising=False)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    config = SoundBeamConfig.model_validate(NET)
    card = CheckpointCard(
        architecture="soundbeam", net=config.model_dump(mode="json"), classes=SEEN,
        sample_rate_hz=8000, sha256="", training_data=("seen:train",),
    )  # fmt: skip
    save_checkpoint(Path("base"), state=SoundBeamNet(config, classes=SEEN).state_dict(), card=card)
    write("few", part="test", ask="new")
    write("seen", part="test", ask="seen", targets="all")
    write("adaptation", split="train", part="adaptation", count=8)


def write(name: str, *, split: str = "test", **params: object) -> None:
    changed = {**FEWSHOT, "name": name, "split": split}
    changed["params"] = {**FEWSHOT["params"], **params}
    Path(f"{name}.yaml").write_text(yaml.safe_dump(changed))


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


ADAPT = (
    *("adapt", "base", "--to", "adaptation.yaml", "--enroll-from", "few.yaml", "--device", "cpu"),
    *("--mixtures", 8, "--batch-size", 4, "--epochs", 2, "--lr", 0.1),
)


def spec(**more: object) -> dict[str, object]:
    return {
        "name": "r",
        "datasets": ["seen.yaml", "few.yaml"],
        "systems": [
            {"name": "soundbeam", "label": "parent", "options": {"checkpoint": "base"}},
            {"name": "soundbeam", "label": "adapted", "options": {"checkpoint": "out"}},
        ],
        "metrics": ["snri", "sdri"],
        "measure_cost": False,
        **more,
    }


def go(out: str, *, fresh: bool = False, **more: object) -> pd.DataFrame:
    config = RunConfig.model_validate(spec(**more))
    run(config, RunOptions(out=Path(out), device="cpu", jobs=0, fresh=fresh))
    return read_rows(out)


def values(rows: pd.DataFrame, system: str, dataset: str) -> pd.Series:
    own = rows[(rows["system"] == system) & (rows["dataset"] == dataset)]
    return own.set_index(["trial_id", "metric"])["value"].sort_index()


@pytest.mark.parametrize("init", ["avg", "rnd"])
def test_seen_classes_score_the_same_bits_and_new_ones_are_answered(init: str, capsys) -> None:
    assert call(*ADAPT, "--init", init, "--out", "out") == 0
    said = capsys.readouterr().out
    assert said.count("epoch") == 2
    assert "out: added bubbles" in said
    rows = go("runs")
    seen = values(rows, "parent", "seen")
    assert len(seen) == 4 * 2 * 4  # mixtures, targets, and snr, snri, sdr, sdri
    pd.testing.assert_series_equal(seen, values(rows, "adapted", "seen"), check_exact=True)
    assert seen.notna().all()
    # The adapted network is asked by class; the parent knows the new ones by enrollment alone.
    new = values(rows, "adapted", "few")
    assert new.notna().all()
    assert not new.equals(values(rows, "parent", "few"))


def test_the_card_tells_what_was_added_from_what(capsys) -> None:
    assert call(*ADAPT, "--out", "out", "--seed", 3) == 0
    assert "(2 clips)" in capsys.readouterr().out
    card = load_checkpoint("out", architecture="soundbeam").card
    adapted = card.adapted
    assert adapted is not None
    assert adapted.parent_sha256 == load_checkpoint("base", architecture="soundbeam").card.sha256
    assert adapted.classes == NEW
    assert card.classes == (*SEEN, *NEW)
    assert (adapted.init, adapted.epochs, adapted.lr, adapted.seed) == ("avg", 2, 0.1, 3)
    assert dict(adapted.shots) == dict.fromkeys(NEW, 2)
    assert len(adapted.losses) == 2
    # The known clips are those that the set's own trials enroll with.
    assert call("build", "few.yaml", "--out", "sets") == 0
    trials = [json.loads(line) for line in Path("sets/few/trials.jsonl").read_text().splitlines()]
    for label in NEW:
        enrolled = {
            f"{clip['corpus']}/{clip['path']}"
            for trial in trials
            if trial["clue"]["classes"] == [label]
            for clip in trial["clue"]["enrollments"]
        }
        assert enrolled
        assert set(adapted.clips[label]) == enrolled
        assert all("/train-" in path for path in enrolled)


def test_no_epochs_keep_the_averages(capsys) -> None:
    assert call(*ADAPT, "--epochs", 0, "--out", "out") == 0
    rows = go("runs")
    # Eq. 8: the average of the enrollments is what the parent itself makes of the same clips.
    pd.testing.assert_series_equal(values(rows, "parent", "few"), values(rows, "adapted", "few"), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--init", "mean"), "adapt: init = 'mean': must be 'avg' or 'rnd'"),
        (("--epochs", -1), "adapt: epochs = -1: must be 0 or more"),
        (("--mixtures", 0), "adapt: mixtures = 0: "),
        (("--to", "seen"), "no config 'seen'"),
        (("--enroll-from", "seen.yaml"), "no enrollment of new class 'bubbles'"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[object, ...], line: str, capsys) -> None:
    capsys.readouterr()
    assert call(*ADAPT, "--out", "out", *arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert line in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not Path("out").exists()


# Runs that adapt ----------------------------------------------------------------------------------


SYSTEM = {
    "name": "soundbeam",
    "label": "adapted",
    "options": {"checkpoint": "base"},
    "adapt": {"dataset": "adaptation.yaml", "enroll_from": "few.yaml", "epochs": 1, "mixtures": 8, "lr": 0.1},
}


@pytest.mark.long
def test_a_run_adapts_once_and_again_when_the_recipe_changes() -> None:
    rows = go("runs", systems=[SYSTEM])
    weights = Path("runs/adapted/adapted/model.pt")
    assert values(rows, "adapted", "few").notna().all()
    first = weights.stat().st_mtime_ns
    again = go("runs", systems=[SYSTEM])
    assert weights.stat().st_mtime_ns == first
    pd.testing.assert_frame_equal(rows, again)
    more = {**SYSTEM, "adapt": {**SYSTEM["adapt"], "epochs": 2}}
    changed = go("runs", systems=[more])
    assert weights.stat().st_mtime_ns != first
    assert not values(changed, "adapted", "few").equals(values(rows, "adapted", "few"))
    second = weights.stat().st_mtime_ns
    fresh = go("runs", systems=[more], fresh=True)
    assert weights.stat().st_mtime_ns != second
    pd.testing.assert_frame_equal(changed, fresh)


def test_a_damaged_checkpoint_is_adapted_again() -> None:
    rows = go("runs", systems=[SYSTEM])
    Path("runs/adapted/adapted/model.pt").write_bytes(b"PK\x03\x04 cut")
    pd.testing.assert_frame_equal(rows, go("runs", systems=[SYSTEM]))


def test_only_a_checkpoint_can_be_adapted() -> None:
    Path("run.yaml").write_text(yaml.safe_dump(spec(systems=[{"name": "mixture", "adapt": {"dataset": "few.yaml"}}])))
    assert call("run", "run.yaml", "--out", "r", "--device", "cpu") == 2


def test_same_recipe_looks_past_the_results() -> None:
    one = Adaptation(parent_sha256="a", classes=("x",), dataset="d", data_fingerprint="f")
    assert one.same_recipe(one.model_copy(update={"losses": (1.0,), "shots": {"x": 3}}))
    for change in ({"seed": 1}, {"parent_sha256": "b"}, {"data_fingerprint": "g"}, {"epochs": 3}):
        assert not one.same_recipe(one.model_copy(update=change))
