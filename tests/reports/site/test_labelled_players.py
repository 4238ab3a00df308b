"""Players of systems with labelled outputs: every sound of the target, and every output, has a track with its label."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from tsebench.bench.config import RunConfig
from tsebench.bench.run.runner import RunOptions, run
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.site.choose_demo import DemoChoice
from tsebench.reports.site.demo import write_demo
from tsebench.reports.site.site import write_site
from tsebench.reports.site.sounds import sounds_of
from tsebench.reports.site.trial_facts import facts_of
from tsebench.reports.trial_audio import open_audio

SET = {
    "name": "scenes",
    "builder": "sound_mix",
    "corpora": {"sounds": {"kind": "synthetic_sounds"}},
    "params": {
        "count": 1,
        "sample_rate_hz": 8000,
        "duration_s": 1.0,
        "event_s": [0.5, 0.9],
        "n_classes": [2, 2],
        "events": {"corpus": "sounds", "labels": ["bell", "dog_bark", "flute", "siren"]},
        "conditions": ["0:0"],
    },
}


def test_parts_of_the_target_and_outputs_have_tracks(tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text(json.dumps(SET))
    swapped = {"name": "oracle_outputs", "options": {"swap_labels": True}}
    config = RunConfig.model_validate(
        {
            "name": "small",
            "datasets": [str(tmp_path / "scenes.yaml")],
            "systems": ["mixture", swapped],
            "metrics": ["ca_sdri"],
            "keep_estimates": True,
            "measure_cost": False,
        }
    )
    folder = tmp_path / "run"
    run(config, RunOptions(out=folder, jobs=0, device="cpu", cache=tmp_path / "cache"))
    board, audio = open_board([folder]), open_audio([folder])
    (trial,) = board.rows["trial_id"].unique()
    (facts,) = facts_of(board, [("scenes", trial)], audio)
    sounds, missing = sounds_of(facts, audio)
    assert missing == ()
    parts = {sound.title.removeprefix("Target: "): sound.samples for sound in sounds if sound.role == "part"}
    outputs = {sound.title: sound.samples for sound in sounds if sound.role == "output"}
    one, other = parts
    assert set(outputs) == {f"oracle_outputs: {one}", f"oracle_outputs: {other}"}
    np.testing.assert_array_equal(outputs[f"oracle_outputs: {one}"], parts[other])
    roles = [sound.role for sound in sounds]
    assert roles == ["mixture", "target", "part", "part", *roles[4:]]
    page = next(path for path in write_site(board, tmp_path / "site") if path.parent.name == "trials").read_text()
    assert f"oracle_outputs: {one}" in page.replace("<wbr>", "")
    files = write_demo(board, tmp_path / "demo", choice=DemoChoice(count=1))
    # Without a background the mixture, the target and the sum of the outputs are one file; each sound has another.
    assert len([path for path in files if path.suffix == ".wav"]) == 3
    demo = files[0].read_text().replace("<wbr>", "")
    assert demo.count(f"oracle_outputs: {one}</span>") == demo.count(f"Target: {one}</span>") == 1
    keys = re.findall(r'data-track="(.)"', demo)
    assert len(keys) == len(set(keys)) == 7  # mixture, estimate, two outputs, the target and its parts
    next(folder.rglob("labels.json")).unlink()
    (sound,) = [each for each in sounds_of(facts, open_audio([folder]))[0] if each.role == "output"]
    assert (sound.title, sound.samples) == ("oracle_outputs: labelled outputs", None)
    assert "have no list of labels" in sound.reason
    assert [each.samples is None for each in sounds_of(facts, open_audio([folder]))[0] if each.role == "estimate"] == [
        False
    ] * 2
