"""The standard enrollment map at its real size: 6,000 lines over the real tables, leaks planted."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.paths import SHARED
from helpers.trees.librispeech import HEAD, words_of

from tsebench.core.errors import DatasetError
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.checks.finding import Finding
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.types import MixtureClip

METADATA = SHARED / "librimix" / "metadata"
TABLE = "Libri2Mix/libri2mix_test-clean.csv"
LISTS = "LibriSpeech/test-clean.csv"
SAME_UTTERANCE, SAME_FILE = 71, 19
"""Trials of the standard map whose enrollment is the target's utterance, and of these, its file."""

WHOLE = 2
"""Mixtures whose recordings have their real lengths; of the others no sample is needed."""

Target = tuple[str, str]
"""Mixture and source."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class Planned:
    """The enrollment of each target, and the targets that are leaks."""

    enrolled: Mapping[Target, Target] = field(repr=False)
    same_utterance: frozenset[Target]
    same_file: frozenset[Target]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    if not METADATA.is_dir():
        pytest.skip(f"no LibriMix metadata in {METADATA}")
    with (METADATA / TABLE).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def planned(rows: list[Row]) -> Planned:
    return _planned(rows)


@pytest.fixture(scope="module")
def dirs(rows: list[Row], planned: Planned, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("libri")
    for name in (TABLE, LISTS):
        (root / "metadata" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(METADATA / name, root / "metadata" / name)
    _write_map(root / "metadata", rows, planned.enrolled)
    _write_recordings(root, rows, planned)
    return {"librimix": root / "metadata", "librispeech": root / "LibriSpeech", "wham": root / "wham_noise"}


def _config(*, leak_free: bool = False) -> DatasetConfig:
    (config,) = load_dataset_configs("libri2mix_both_8k_min_map")
    return config.model_copy(update={"params": {**config.params, "leak_free": leak_free}})


def _utterance(row: Row, source: str) -> str:
    return Path(row[f"source_{source[1:]}_path"]).stem


def _planned(rows: list[Row]) -> Planned:
    """Another utterance of the speaker for each target, but for the leaks."""
    rng = np.random.default_rng(0)
    spoken = {(r["mixture_ID"], s): _utterance(r, s) for r in rows for s in ("s1", "s2")}
    by_speaker: dict[str, list[Target]] = defaultdict(list)
    by_utterance: dict[str, list[Target]] = defaultdict(list)
    for target, utterance in spoken.items():
        by_speaker[utterance.split("-")[0]].append(target)
        by_utterance[utterance].append(target)
    enrolled: dict[Target, Target] = {}
    for target, utterance in spoken.items():
        others = [t for t in by_speaker[utterance.split("-")[0]] if spoken[t] != utterance]
        enrolled[target] = others[rng.integers(len(others))]
    targets = list(spoken)
    order = [targets[place] for place in rng.permutation(len(targets))]
    same_file = order[:SAME_FILE]
    twice = [t for t in order[SAME_FILE:] if len(by_utterance[spoken[t]]) > 1]
    elsewhere = twice[: SAME_UTTERANCE - SAME_FILE]
    enrolled.update({target: target for target in same_file})
    for target in elsewhere:
        enrolled[target] = next(t for t in by_utterance[spoken[target]] if t != target)
    return Planned(
        enrolled=enrolled, same_utterance=frozenset([*same_file, *elsewhere]), same_file=frozenset(same_file)
    )


def _write_map(metadata: Path, rows: list[Row], enrolled: Mapping[Target, Target]) -> Path:
    """Lines as `4077-13754-0001_5142-33396-0065 4077-13754-0001 s1/4077-13754-0004_5142-...`."""
    lines = []
    for row in rows:
        for source in ("s1", "s2"):
            mixture, part = enrolled[row["mixture_ID"], source]
            lines.append(f"{row['mixture_ID']} {_utterance(row, source)} {part}/{mixture}\n")
    path = metadata / str(_config().params["enrollment_map"])
    path.write_text("".join(lines))
    return path


def _write_recordings(root: Path, rows: list[Row], planned: Planned) -> None:
    """All recordings, of a few samples each, but for those of some mixtures and enrollments."""
    with (METADATA / LISTS).open() as file:
        frames = {row["origin_path"]: int(row["length"]) for row in csv.DictReader(file)}
    by_id = {row["mixture_ID"]: row for row in rows}
    whole = list(by_id)[:WHOLE]
    whole += [planned.enrolled[name, source][0] for name in whole for source in ("s1", "s2")]
    real = {by_id[name][f"source_{n}_path"] for name in whole for n in (1, 2)}
    used = {row[f"source_{n}_path"] for row in rows for n in (1, 2)}
    speech = root / "LibriSpeech"
    texts: dict[Path, str] = defaultdict(str)
    for number, path in enumerate(sorted(used)):
        length = frames[path] if path in real else 16
        samples = np.random.default_rng(number).integers(-3000, 3000, length, dtype=np.int16)
        (speech / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(speech / path), samples, 16_000)
        speaker, chapter, _ = Path(path).stem.split("-")
        stem = Path(path).stem
        texts[(speech / path).with_name(f"{speaker}-{chapter}.trans.txt")] += f"{stem} {words_of(stem)}\n"
    for file_path, text in texts.items():
        file_path.write_text(text)
    (speech / "SPEAKERS.TXT").write_text(HEAD)
    mixed = {by_id[name]["noise_path"] for name in whole}
    for number, noise_path in enumerate(sorted({row["noise_path"] for row in rows})):
        path = root / "wham_noise" / noise_path
        path.parent.mkdir(parents=True, exist_ok=True)
        length = 160_000 if noise_path in mixed else 16
        noise = np.random.default_rng(number).integers(-300, 300, (length, 2), dtype=np.int16)
        soundfile.write(str(path), noise, 16_000)


@pytest.fixture(scope="module")
def built(dirs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build(_config(), tmp_path_factory.mktemp("sets") / "set", corpus_dirs=dirs, jobs=2)


@pytest.mark.long
def test_every_target_is_enrolled_as_the_map_says(built: Dataset, rows: list[Row], planned: Planned) -> None:
    assert len(built.mixtures) == len(rows) == 3000
    assert len(built) == 6000
    for trial in built.trials:
        target = (trial.mixture_id, trial.target_ids[0])
        mixture, source = planned.enrolled[target]
        assert trial.clue.enrollments == (MixtureClip(mixture_id=mixture, source_id=source),)
        kind = "other"
        if target in planned.same_utterance:
            kind = "same_file" if target in planned.same_file else "same_utterance"
        assert trial.tags["enrollment"] == kind
    assert any(
        "of 6000 enrollments, 71 are of the target's own utterance, 19 of these its very file; "
        "these trials stay" in note
        for note in built.card.notes
    )


@pytest.mark.long
def test_the_planted_leaks_are_counted_and_are_no_problem(built: Dataset) -> None:
    finding = _leaks(built)
    assert finding.verdict == "remark"
    assert finding.detail == (
        "known to the protocol: in 71 of 6000 trials the enrollment is the target's own utterance, in 19 its very file"
    )


@pytest.mark.long
def test_the_leak_free_subset_is_the_rest(
    built: Dataset, planned: Planned, dirs: dict[str, Path], tmp_path: Path
) -> None:
    subset = build(_config(leak_free=True), tmp_path / "set", corpus_dirs=dirs, jobs=2)
    kept = [(trial.mixture_id, trial.target_ids[0]) for trial in subset.trials]
    assert len(kept) == 6000 - SAME_UTTERANCE
    assert set(kept) == set(planned.enrolled) - planned.same_utterance
    assert subset.card.counts["excluded_enrollment_is_target"] == SAME_UTTERANCE
    by_id = {trial.id: trial for trial in built.trials}
    assert all(trial == by_id[trial.id] for trial in subset.trials)
    assert "are left out" in " ".join(subset.card.notes)
    assert _leaks(subset).verdict == "ok"


@pytest.mark.long
def test_enrollments_are_the_rendered_files_of_other_mixtures(built: Dataset, planned: Planned) -> None:
    for index in range(2 * WHOLE):
        trial = built.trials[index]
        mixture, source = planned.enrolled[trial.mixture_id, trial.target_ids[0]]
        query, _ = built[index]
        (enrolled,) = query.clues.enrollments
        ids = [s.id for s in built.mixtures[mixture].sources]
        expected = built.signals(mixture).sources[ids.index(source)]
        np.testing.assert_array_equal(enrolled.numpy(), expected)
        assert enrolled.abs().max() > 0


def _leaks(dataset: Dataset) -> Finding:
    found = validate(dataset, sample=1)
    return next(finding for finding in found if finding.check == "enrollment leak")


@pytest.mark.slow
def test_a_map_of_another_set_is_told_by_its_first_line(
    rows: list[Row], planned: Planned, dirs: dict[str, Path], tmp_path: Path
) -> None:
    """A map cut to its first 100 lines, as of a smaller set."""
    path = dirs["librimix"] / str(_config().params["enrollment_map"])
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == len(planned.enrolled)
    try:
        path.write_text("".join(lines[:100]))
        with pytest.raises(DatasetError, match="has no line for mixture") as caught:
            build(_config(), tmp_path / "set", corpus_dirs=dirs, jobs=2)
        assert rows[50]["mixture_ID"] in str(caught.value)
    finally:
        path.write_text("".join(lines))


def test_the_plan_has_the_known_leaks(rows: list[Row], planned: Planned) -> None:
    """Of the planted ones, by the table alone: the test's own count."""
    spoken = {(r["mixture_ID"], s): _utterance(r, s) for r in rows for s in ("s1", "s2")}
    kinds = Counter((spoken[target] == spoken[other], target == other) for target, other in planned.enrolled.items())
    assert kinds == {(False, False): 5929, (True, False): 52, (True, True): 19}
