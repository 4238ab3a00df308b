"""A pack that is honest is verified to the bit; whatever is changed in one is found or refused."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from helpers.packs import changed

from tsebench.bench.packs.read_pack import open_pack
from tsebench.bench.packs.rescore import RescoreOptions, claimed_metrics
from tsebench.bench.packs.verify import Verification, verify_pack, write_verified
from tsebench.bench.packs.write_pack import packed_rows, write_pack
from tsebench.bench.rows import read_rows
from tsebench.core.errors import ConfigError, DatasetError, OutputError
from tsebench.reports.terminal.verification import remarks

HOW = RescoreOptions(device="cpu", jobs=0)


def verified(pack: Path, dataset: Path) -> Verification:
    return verify_pack(pack, datasets=[str(dataset)], options=HOW)


@pytest.fixture
def dataset(finished: Path) -> Path:
    return finished.parent / "tiny_sounds"


def with_rows(contents: dict[str, bytes], trial: str, metric: str, shift: float) -> None:
    rows = pd.read_parquet(io.BytesIO(contents["rows.parquet"]))
    rows.loc[(rows.system == "mine") & (rows.trial_id == trial) & (rows.metric == metric), "value"] += shift
    contents["rows.parquet"] = packed_rows(rows)


def test_an_honest_pack_is_verified_to_the_bit(team: Path, finished: Path, dataset: Path, tmp_path: Path) -> None:
    found = verified(team, dataset)
    assert found.verified
    compared = {each.metric: each for each in found.compared}
    assert {"si_sdri", "snri", "attenuation"} <= compared.keys()
    assert all(each.largest == 0.0 for each in found.compared if each.n and each.largest == each.largest)
    assert compared["si_sdri"].n == 6
    write_verified(found, tmp_path / "again")
    claimed, again = read_rows(finished), read_rows(tmp_path / "again")
    pd.testing.assert_frame_equal(
        claimed[claimed.system == "mine"].reset_index(drop=True), again.reset_index(drop=True), check_exact=True
    )


def test_a_value_that_was_raised_is_found_by_trial_and_metric(team: Path, dataset: Path, tmp_path: Path) -> None:
    trial = read_trial(dataset)
    raised = changed(
        team, tmp_path / "raised.zip", lambda contents: with_rows(contents, trial, "si_sdri", 0.02), rehash=True
    )
    found = verified(raised, dataset)
    assert not found.verified
    assert [(each.metric, each.beyond, each.first) for each in found.compared if not each.same] == [
        ("si_sdri", 1, (trial,))
    ]
    assert max(each.largest for each in found.compared if each.metric == "si_sdri") == pytest.approx(0.02)


def test_a_difference_within_the_stated_tolerance_is_none(team: Path, dataset: Path, tmp_path: Path) -> None:
    near = changed(
        team, tmp_path / "near.zip", lambda c: with_rows(c, read_trial(dataset), "si_sdri", 0.009), rehash=True
    )
    assert verified(near, dataset).verified


def read_trial(dataset: Path) -> str:
    """Id of the first trial whose target is there."""
    lines = (dataset / "trials.jsonl").read_text().splitlines()
    return next(str(json.loads(line)["id"]) for line in lines if json.loads(line)["target_ids"])


def other_estimate(contents: dict[str, bytes], trial: str) -> None:
    name = f"estimates/0/{trial}.wav"
    samples, rate_hz = soundfile.read(io.BytesIO(contents[name]), dtype="float32")
    file = io.BytesIO()
    soundfile.write(file, samples[::-1], rate_hz, subtype="FLOAT", format="WAV")
    contents[name] = file.getvalue()


def test_another_estimate_is_refused_or_found(team: Path, dataset: Path, tmp_path: Path) -> None:
    trial = read_trial(dataset)
    plain = changed(team, tmp_path / "a.zip", lambda contents: other_estimate(contents, trial))
    with pytest.raises(ConfigError, match=rf"{trial}\.wav was changed after packing"):
        verified(plain, dataset)
    hidden = changed(team, tmp_path / "b.zip", lambda contents: other_estimate(contents, trial), rehash=True)
    found = verified(hidden, dataset)
    assert {each.first for each in found.compared if not each.same} == {(trial,)}


def test_rows_that_were_changed_after_packing_are_refused(team: Path, dataset: Path, tmp_path: Path) -> None:
    pack = changed(team, tmp_path / "a.zip", lambda c: with_rows(c, read_trial(dataset), "si_sdri", 1.0))
    with pytest.raises(ConfigError, match=r"rows\.parquet was changed after packing"):
        verified(pack, dataset)


def test_trials_without_an_estimate_are_named(team: Path, dataset: Path, tmp_path: Path) -> None:
    trial = read_trial(dataset)

    def without(contents: dict[str, bytes]) -> None:
        del contents[f"estimates/0/{trial}.wav"]
        record = json.loads(contents["pack.json"])
        del record["estimates"][0]["files"][f"{trial}.wav"]
        contents["pack.json"] = json.dumps(record).encode()

    found = verified(changed(team, tmp_path / "a.zip", without), dataset)
    assert found.lacking == {("mine", "tiny_sounds"): (trial,)}
    assert not found.verified


def test_a_set_that_is_not_at_hand_and_another_signature(team: Path, tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(ConfigError, match="none is shipped"):
        verify_pack(team, options=HOW)
    renamed = changed(team, tmp_path / "sig.zip", other_signature, rehash=True)
    found = verified(renamed, dataset)
    ((claimed, ours),) = [each.signatures for each in found.compared if not each.same and each.signatures]
    assert claimed == "si_sdri|other"
    assert ours.startswith("si_sdri|si_sdr|")


def other_signature(contents: dict[str, bytes]) -> None:
    rows = pd.read_parquet(io.BytesIO(contents["rows.parquet"]))
    rows.loc[rows.metric == "si_sdri", "signature"] = "si_sdri|other"
    contents["rows.parquet"] = packed_rows(rows)


def test_a_set_of_other_trials_is_refused(team: Path, finished: Path, dataset: Path, tmp_path: Path) -> None:
    def other_set(contents: dict[str, bytes]) -> None:
        record = json.loads(contents["run.json"])
        record["datasets"]["tiny_sounds"]["fingerprint"] = "0" * 64
        contents["run.json"] = json.dumps(record).encode()

    pack = changed(team, tmp_path / "a.zip", other_set, rehash=True)
    with pytest.raises(DatasetError, match=r"has fingerprint '000000000000'.*different trials"):
        verified(pack, dataset)


def test_values_without_estimates_are_claimed_alone(finished: Path, dataset: Path, tmp_path: Path) -> None:
    write_pack(finished, tmp_path / "claimed.zip", estimates=False)
    found = verified(tmp_path / "claimed.zip", dataset)
    assert found.without_estimates == (("mine", "tiny_sounds"),)
    assert not found.verified
    with pytest.raises(OutputError, match="exists"):
        write_pack(finished, tmp_path / "claimed.zip")


def test_a_pack_holds_no_folder_of_the_machine(team: Path, tmp_path: Path) -> None:
    seen: dict[str, bytes] = {}
    changed(team, tmp_path / "a.zip", seen.update)
    texts = b"".join(content for name, content in seen.items() if name.endswith(".json"))
    assert b"/tmp/" not in texts
    assert str(team.parent).encode() not in texts
    assert {"mine"} == {each["system"] for each in json.loads(seen["pack.json"])["estimates"]}


def test_no_system_takes_the_name_of_the_mixture(team: Path, dataset: Path, tmp_path: Path) -> None:
    def as_mixture(contents: dict[str, bytes]) -> None:
        record = json.loads(contents["pack.json"])
        record["estimates"][0]["system"] = "mixture"
        contents["pack.json"] = json.dumps(record).encode()

    with pytest.raises(ConfigError, match="a system is called 'mixture'"):
        verified(changed(team, tmp_path / "a.zip", as_mixture), dataset)


@pytest.mark.parametrize("metrics", [7, "x", {"a": 1}, [5], [{"options": {}}], [{"name": "snri", "options": [1]}]])
def test_metrics_that_are_no_list_of_names_are_one_line(metrics: object, team: Path, tmp_path: Path) -> None:
    with open_pack(team, scratch=tmp_path) as pack:
        assert {spec.name for spec in claimed_metrics(pack, "tiny_sounds")} == {"si_sdri", "snri", "attenuation"}
        config = pack.run.config
        assert config is not None
        wrong = pack.run.model_copy(update={"config": config.model_copy(update={"metrics": metrics})})
        with pytest.raises(ConfigError, match="are no list of names and options; name them with --metrics"):
            claimed_metrics(replace(pack, run=wrong), "tiny_sounds")


def test_a_pack_names_no_file_that_is_opened(team: Path, dataset: Path, tmp_path: Path) -> None:
    def with_path(contents: dict[str, bytes]) -> None:
        record = json.loads(contents["run.json"])
        record["config"]["metrics"] = [{"name": "snri", "options": {"filter": "../../evil.pt"}}]
        contents["run.json"] = json.dumps(record).encode()

    pack = changed(team, tmp_path / "a.zip", with_path, rehash=True)
    with pytest.raises(ConfigError, match="nothing that a pack names is opened"):
        verified(pack, dataset)


def test_rows_of_chosen_trials_alone_are_not_verified(team: Path, dataset: Path, tmp_path: Path) -> None:
    """Each value that is left is right, but their mean is not that of the set."""

    def chosen(contents: dict[str, bytes]) -> None:
        rows = pd.read_parquet(io.BytesIO(contents["rows.parquet"]))
        left_out = (rows.trial_id == read_trial(dataset)) & (rows.metric == "si_sdri")
        contents["rows.parquet"] = packed_rows(rows[~left_out])

    found = verified(changed(team, tmp_path / "a.zip", chosen, rehash=True), dataset)
    assert [(each.metric, each.n, each.unclaimed) for each in found.compared if not each.same] == [("si_sdri", 5, 1)]
    assert not found.verified
    assert "mine on tiny_sounds, si_sdri: claimed for 5 of 6 answers, so that the means are not the same" in remarks(
        found
    )


def test_rows_without_a_list_of_estimates_are_not_verified(team: Path, dataset: Path, tmp_path: Path) -> None:
    def second_system(contents: dict[str, bytes]) -> None:
        rows = pd.read_parquet(io.BytesIO(contents["rows.parquet"]))
        second = rows[rows.system == "mine"].assign(system="second")
        contents["rows.parquet"] = packed_rows(pd.concat([rows, second], ignore_index=True))
        record = json.loads(contents["run.json"])
        record["systems"]["second"] = record["systems"]["mine"]
        contents["run.json"] = json.dumps(record).encode()

    found = verified(changed(team, tmp_path / "a.zip", second_system, rehash=True), dataset)
    assert found.without_estimates == (("second", "tiny_sounds"),)
    assert not found.verified
