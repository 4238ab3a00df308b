"""Runs in shards, merged: the files of an undivided run, byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.scripted import METRICS, assert_same, bad_system, config
from helpers.stochastic import Noisy

from tsebench.bench import row_files
from tsebench.bench.run.record import read_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.shards.merge import merge_shards
from tsebench.bench.shards.shard import Shard, Whole
from tsebench.core.errors import ConfigError, OutputError
from tsebench.datasets.dataset import load_dataset

pytestmark = pytest.mark.usefixtures("fakes")
SHARDS = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def experiment(fakes: None, sets: list[Path]) -> Any:
    """Failures of two kinds, three samples of a system that draws, and a system that cannot run on the sets."""
    first = load_dataset(sets[0]).trials[5].id
    last = load_dataset(sets[0]).trials[-1].id
    systems = [
        "mixture",
        {**bad_system("raise", first), "label": "raises"},
        {**bad_system("refuse", last), "label": "refuses"},
        {"name": "noisy", "samples": 3},
        {"name": "command", "label": "needs_voices", "options": {"program": "cp {enrollment} {output}"}},
    ]
    return {"sets": sets, "systems": systems, "keep_estimates": True}


def go(out: Path, given: Any, shard: Shard | None = None, **changes: Any) -> Any:
    more = {**given, **changes}
    options = RunOptions(
        out=out, device="cpu", jobs=0, chunk_trials=4, cache=out.parent / "caches" / out.name, shard=shard
    )
    return run(config(*more.pop("sets"), **more), options)


@pytest.fixture(scope="module")
def whole(place: Path, experiment: Any) -> Any:
    return go(place / "whole", experiment)


@pytest.fixture(scope="module")
def shards(place: Path, experiment: Any) -> list[Path]:
    folders = []
    for number in range(1, SHARDS + 1):
        folders.append(place / f"shard-{number}")
        go(folders[-1], experiment, Shard(number, SHARDS))
    return folders


def files_of(out: Path, *folders: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for folder in folders
        for path in sorted((out / folder).rglob("*"))
        if path.is_file()
    }


def test_merged_shards_are_the_undivided_run(place: Path, whole: Any, shards: list[Path]) -> None:
    done = merge_shards(shards[::-1], place / "merged")
    assert_same(place / "whole", place / "merged")
    kept = files_of(place / "merged", "rows", "estimates")
    assert kept == files_of(place / "whole", "rows", "estimates")
    assert len(kept) > 3 * SHARDS
    assert (done.trials, done.failed_trials) == (whole.trials, whole.failed_trials)
    assert whole.failed_trials > 0
    expected = read_record(place / "whole")
    found = read_record(place / "merged")
    assert expected is not None
    assert found is not None
    assert found.model_copy(update={"created": ""}) == expected.model_copy(update={"created": ""})
    assert set(expected.datasets["many"].skipped) == {"needs_voices"}


def test_joined_files_of_shards_become_joined_files(
    place: Path, whole: Any, shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole.trials
    monkeypatch.setattr(row_files, "MOST_FILES", 1)
    record = read_record(shards[0])
    assert record is not None
    assert record.shard is not None
    shares = [Whole(), *(Shard(number, SHARDS) for number in range(1, SHARDS + 1))]
    for folder, share in zip([place / "whole", *shards], shares, strict=True):
        shutil.copytree(folder, place / "joined" / folder.name)
        for stem, (first, count) in record.shard.parts.items():
            row_files.join(place / "joined" / folder.name / "rows", stem, share.chunks("", first=first, count=count))
    merge_shards([place / "joined" / folder.name for folder in shards], place / "joined" / "merged")
    found = files_of(place / "joined" / "merged", "rows")
    assert found == files_of(place / "joined" / "whole", "rows")
    assert len(found) < len(files_of(place / "whole", "rows"))
    assert_same(place / "whole", place / "joined" / "merged")


def test_every_shard_has_its_own_trials_of_each_set(whole: Any, shards: list[Path]) -> None:
    records = [read_record(folder) for folder in shards]
    counts = [record.trials for record in records if record is not None and record.trials]
    assert sum(counts) == whole.trials
    assert max(counts) <= 2 * min(counts)
    names = [set(files_of(folder, "rows")) for folder in shards]
    assert not names[0] & names[1]


def test_a_merged_run_goes_on_as_a_run(
    place: Path, shards: list[Path], experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = place / "goes on"
    merge_shards(shards, out)
    before = files_of(out, "rows")
    monkeypatch.setattr(Noisy, "asked", [])
    # Whatever crashed is tried again, and nothing else.
    go(out, experiment)
    assert Noisy.asked == []
    assert files_of(out, "rows") == before
    # Merging again into it does no harm either, and leaves the shards as they are.
    merge_shards(shards, out)
    assert files_of(out, "rows") == before


def test_a_shard_that_was_interrupted_goes_on(
    place: Path, shards: list[Path], experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = place / "interrupted"
    monkeypatch.setattr(Noisy, "stop_after", 6)
    monkeypatch.setattr(Noisy, "asked", [])
    with pytest.raises(KeyboardInterrupt):
        go(out, experiment, Shard(2, SHARDS))
    with pytest.raises(ConfigError, match=r"shard 2/3 in .* is not finished; start its command again"):
        merge_shards([shards[0], out, shards[2]], place / "none")
    monkeypatch.setattr(Noisy, "stop_after", None)
    go(out, experiment, Shard(2, SHARDS))
    assert files_of(out, "rows") == files_of(shards[1], "rows")


def one_line(folders: list[Path], out: Path) -> str:
    with pytest.raises(ConfigError) as problem:
        merge_shards(folders, out)
    text = str(problem.value)
    assert "\n" not in text
    assert not (out / "run.json").exists()
    return text


def test_wrong_shards_are_refused(place: Path, whole: Any, shards: list[Path]) -> None:
    out = place / "refused"
    assert "1 of 3 shards is missing: 2/3" in one_line([shards[0], shards[2]], out)
    copy = shutil.copytree(shards[0], place / "copy")
    for twice in (copy, shards[0]):
        wanted = f"shard 1/3 is given twice, {str(shards[0])!r} and {str(twice)!r}; give it once"
        assert wanted in one_line([*shards, twice], out)
    assert "holds a whole run, not a shard" in one_line([*shards[:2], place / "whole"], out)
    assert "holds no run.json" in one_line([*shards[:2], place], out)
    next((copy / "rows").iterdir()).unlink()
    assert "lacks 1 of its files of rows" in one_line([copy, *shards[1:]], out)
    with pytest.raises(OutputError, match="is that of a shard"):
        merge_shards(shards, shards[1])
    foreign = place / "foreign"
    shutil.copytree(place / "whole" / "rows", foreign / "rows")
    (foreign / "rows" / "part-other-00000.parquet").write_bytes(b"")
    with pytest.raises(OutputError, match=r"holds rows of another run .part-other"):
        merge_shards(shards, foreign)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "other"}, "the names are 'test' and 'other'"),
        ({"seed": 3}, "the configs differ"),
        ({"samples": 2, "systems": ["mixture", "noisy"]}, "only one of them has system"),
    ],
)
def test_a_shard_of_another_run_is_refused(experiment: Any, shards: list[Path], changes: Any, reason: str) -> None:
    place = shards[0].parent
    other = place / f"other {sorted(changes)}"
    go(other, experiment, Shard(3, SHARDS), keep_estimates=False, **changes)
    text = one_line([*shards[:2], other], place / "refused")
    assert f"is not of the run of shard 1/3 in {str(shards[0])!r}: {reason}" in text


def test_other_weights_samples_and_sets_are_refused(place: Path, shards: list[Path]) -> None:
    changes = {
        "system 'noisy' has other weights, options": ("systems", "noisy", "identity"),
        "dataset 'few' has other trials": ("datasets", "few", "fingerprint"),
    }
    for reason, (section, name, key) in changes.items():
        copy = shutil.copytree(shards[2], place / key)
        record = json.loads((copy / "run.json").read_text())
        record[section][name][key] = "0" * 64
        (copy / "run.json").write_text(json.dumps(record))
        assert reason in one_line([*shards[:2], copy], place / "refused")
    record = json.loads((copy / "run.json").read_text())
    record["datasets"]["few"]["fingerprint"] = json.loads((shards[0] / "run.json").read_text())["datasets"]["few"][
        "fingerprint"
    ]
    record["shard"]["parts"].popitem()
    (copy / "run.json").write_text(json.dumps(record))
    assert "metrics, samples or chunks" in one_line([*shards[:2], copy], place / "refused")


def test_a_folder_keeps_to_its_shard(whole: Any, place: Path, shards: list[Path], experiment: Any) -> None:
    with pytest.raises(OutputError, match=r"holds shard 1/3, and this is shard 2/3; give each shard a folder"):
        go(shards[0], experiment, Shard(2, SHARDS))
    with pytest.raises(OutputError, match="holds a run that is not divided, and this is shard 2/3"):
        go(place / "whole", experiment, Shard(2, SHARDS))
    with pytest.raises(OutputError, match="holds shard 1/3, and this is the whole run"):
        go(shards[0], experiment)


def test_more_shards_than_chunks(place: Path, sets: list[Path]) -> None:
    few = {"sets": sets[1:], "systems": ["mixture"], "metrics": METRICS[:1]}
    go(place / "few whole", few)
    folders = [place / f"empty-{number}" for number in range(1, 6)]
    done = [go(folder, few, Shard(number, 5)) for number, folder in enumerate(folders, start=1)]
    assert done[-1].trials == 0
    merge_shards(folders, place / "few merged")
    assert files_of(place / "few merged", "rows") == files_of(place / "few whole", "rows")


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0", "-1/3", "1/3/5"])
def test_bad_shards(text: str) -> None:
    with pytest.raises(ConfigError, match="is not I/N with I from 1 to N"):
        Shard.parse(text)
