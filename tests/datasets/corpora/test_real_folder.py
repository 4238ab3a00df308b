"""Any folder with a table of real recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.trees.real_folder import make_real_folder

from tsebench.core.errors import CorpusError
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.corpora.real_folder import RealFolder


def test_rows_are_trials_with_times_of_the_stretch(tmp_path: Path) -> None:
    root = make_real_folder(tmp_path / "real")
    corpus = RealFolder(name="mine", root=root, rttm="times.rttm")
    ann, bob, silent, absent = corpus.recorded_trials("test")
    assert [t.id for t in (ann, bob, silent, absent)] == [
        *("long_1.00_3.00+ann", "long_1.00_3.00+bob", "short+ann", "short+bob")
    ]
    assert ann.target is not None
    # 0.5-1.5, 1.4-1.7 and 2.5-4.5 s, cut to 1-3 s; bob speaks from 2.2 to 3.0 s by the RTTM file.
    assert ann.target.activity == ((0.0, 0.7), (1.5, 2.0))
    assert ann.tags["overlap"] == pytest.approx(0.5 / 1.2, abs=1e-3)
    assert ann.tags["room"] == "kitchen"
    assert bob.target is not None
    assert bob.target.activity == ((0.5, 1.0), (1.2, 1.4))  # the table goes before the RTTM file
    assert [stretch.path for stretch in bob.enrollments] == ["voices/bob.wav", "voices/bob2.wav"]
    assert silent.target is not None
    assert silent.target.activity is None  # no line of this recording: unknown
    assert absent.target is None


def test_several_rttm_files_of_one_recording_count_together(tmp_path: Path) -> None:
    root = make_real_folder(tmp_path / "real")
    lines = (root / "times.rttm").read_text().splitlines(keepends=True)
    (root / "times").mkdir()
    for number, line in enumerate(lines):
        (root / "times" / f"{number}.rttm").write_text(line)
    one, several = (RealFolder(name="mine", root=root, rttm=name) for name in ("times.rttm", "times"))
    assert several.recorded_trials("test") == one.recorded_trials("test")


def test_a_set_of_them_renders_and_passes_its_checks(tmp_path: Path) -> None:
    root = make_real_folder(tmp_path / "real")
    config = DatasetConfig.model_validate(
        {
            "name": "mine",
            "builder": "real_recordings",
            "corpora": {"mine": {"kind": "real_folder", "options": {"rttm": "times.rttm"}}},
            "params": {"corpus": "mine", "sample_rate_hz": 16000},
        }
    )
    dataset = build(config, tmp_path / "set", corpus_dirs={"mine": root})
    query, truth = dataset["long_1.00_3.00+bob"]
    assert query.mixture.shape == (1, 32_000)
    assert [len(clip) for clip in query.clues.enrollments] == [12_000, 4000]
    assert truth.target is None
    assert truth.interferers.shape == (0, 32_000)
    assert truth.recorded is not None
    assert truth.transcript == "早上好"
    assert dataset.trial("short+bob").condition.kind == "FUQ"
    assert dataset["short+bob"][1].recorded is None  # absent: an ordinary trial without target
    assert [finding for finding in validate(dataset) if finding.verdict == "PROBLEM"] == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("0.5-1.0", "1.0-0.5", r"line 3: activity '1\.0-0\.5' is no stretch of time"),
        (",1.0,3.0,,kitchen\nlong", ",x,3.0,,kitchen\nlong", r"line 2: start_s = 'x' is no time"),
        (",no,", ",maybe,", r"line 5: present = 'maybe'; write yes or no"),
        ("short.flac", "../short.flac", r"leads out of the corpus folder"),
        (
            "short.flac,voices/bob.wav,bob,,",
            "short.wav,voices/bob.wav,bob,,",
            r"line 5: 'short\.wav' and 'short\.flac'",
        ),
        ("short.flac,voices/bob.wav,bob,,,,,,no", "short.flac,voices/ann.wav,ann,,,,,,no", r"lines 4 and 5: trial"),
    ],
)
def test_faults_of_the_table_are_named(tmp_path: Path, old: str, new: str, line: str) -> None:
    root = make_real_folder(tmp_path / "real")
    table = root / "recordings.csv"
    assert old in table.read_text(encoding="utf-8")
    table.write_text(table.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CorpusError, match=line):
        RealFolder(name="mine", root=root).recorded_trials("test")
