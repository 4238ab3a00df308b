"""A challenge from end to end: split, run on the public part, pack, and score against the sealed part."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.packs import finished_run

from tsebench.bench.packs.rescore import RescoreOptions
from tsebench.bench.packs.verify import verify_pack, write_verified
from tsebench.bench.packs.write_pack import write_pack
from tsebench.bench.rows import read_rows
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.core.errors import ConfigError
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.sealed.seal_file import public_name
from tsebench.datasets.sealed.split import seal

KEY = bytes(range(32))
METRICS = tuple(MetricSpec(name=name) for name in ("si_sdri", "snri", "attenuation"))


@pytest.fixture(scope="module")
def challenge(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("challenge") / "parts"
    seal(load_dataset(finished.parent / "tiny_sounds"), out, key=KEY)
    return out


@pytest.fixture(scope="module")
def submitted(challenge: Path) -> Path:
    """The pack of a participant, who has the public part alone."""
    run = finished_run(challenge.parent, dataset=challenge / "public", metrics=["si_sdri"])
    write_pack(run, challenge.parent / "lab.zip", team="lab")
    return challenge.parent / "lab.zip"


def test_a_participant_has_no_values_and_the_organiser_has_all(
    challenge: Path, submitted: Path, finished: Path, tmp_path: Path
) -> None:
    claimed = read_rows(challenge.parent / "run")
    assert {*claimed.status} == {"undefined"}
    how = RescoreOptions(metrics=METRICS, device="cpu", jobs=0, baseline=True)
    found = verify_pack(submitted, datasets=[str(challenge / "sealed")], options=how)
    assert found.verified
    assert all(each.n == 0 and each.unclaimed == 3 for each in found.compared)
    write_verified(found, tmp_path / "scored")
    scored, direct = read_rows(tmp_path / "scored"), read_rows(finished)
    direct = direct.assign(trial_id=direct.trial_id.map(lambda name: public_name(KEY, "trial", name)))
    both = direct.merge(scored, on=["system", "trial_id", "metric"], suffixes=("", "_scored"))
    assert len(both) == len(direct) == len(scored)
    assert both.value.equals(both.value_scored)
    assert both.condition.equals(both.condition_scored)


def test_the_public_part_alone_scores_nothing(challenge: Path, submitted: Path) -> None:
    with pytest.raises(ConfigError, match="challenge"):
        verify_pack(submitted, options=RescoreOptions(device="cpu", jobs=0))
    found = verify_pack(
        submitted, datasets=[str(challenge / "public")], options=RescoreOptions(metrics=METRICS, device="cpu", jobs=0)
    )
    assert {row.status for row in found.rows} == {"undefined"}
