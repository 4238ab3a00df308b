"""One faulty file of a folder costs its own trial: every kind of fault, in every folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from tsebench.bench.folders.channels import Channels, channels_of
from tsebench.bench.folders.score import FolderScores, ScoreOptions, score_folders
from tsebench.bench.rows import read_rows
from tsebench.bench.run.record import read_record
from tsebench.core.errors import ConfigError, OutputError
from tsebench.reports.leaderboard.assemble import open_board

RATE_HZ = 8000
KEYS = ("a", "b", "c")
FOLDERS = ("estimates", "references", "mixtures")
Spoil = Callable[[Path], object]


def save(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, rate_hz, subtype="FLOAT")


def read(path: Path) -> np.ndarray:
    return soundfile.read(str(path), dtype="float32")[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for key in KEYS:
        reference, noise = 0.1 * rng.standard_normal((2, 2000))
        signals = {"references": reference, "mixtures": reference + noise, "estimates": reference + 0.1 * noise}
        for folder, samples in signals.items():
            save(tmp_path / folder / f"{key}.wav", samples)
    return tmp_path


def score(root: Path, out: str = "out", *, channel: str | int | None = None) -> FolderScores:
    options = ScoreOptions(
        out=root / out, metrics=("snr", "snri"), jobs=0, cache=root / "cache", device="cpu", channel=channel
    )
    return score_folders(
        estimates=root / "estimates", references=root / "references", mixtures=root / "mixtures", options=options
    )


def own_rows(root: Path, out: str = "out") -> pd.DataFrame:
    rows = read_rows(root / out)
    return rows[rows["system"] == "estimates"].set_index(["trial_id", "metric"])


def stereo(path: Path) -> None:
    samples = read(path)
    save(path, np.stack([samples, 0.5 * samples], axis=1))


def not_a_number(path: Path) -> None:
    samples = read(path)
    samples[7] = np.nan
    save(path, samples)


def broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/gone/b.wav")


def twice(path: Path) -> None:
    soundfile.write(str(path.with_suffix(".flac")), read(path), RATE_HZ)


FAULTS: dict[str, tuple[Spoil, str]] = {
    "stereo": (stereo, "has 2 channels where mono is needed; choose one with --channel {folder}=0 (or 1, or mean)"),
    "rate": (lambda path: save(path, read(path), 16000), "is at 16000 Hz where the references are at 8000 Hz"),
    "text": (lambda path: path.write_text("RIFF me"), "unreadable: "),
    "0 bytes": (lambda path: path.write_bytes(b""), "unreadable: "),
    "no samples": (lambda path: save(path, np.zeros(0, np.float32)), "unreadable: audio file 'b.wav' has no samples"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-4000]), "unreadable: audio file 'b.wav' is cut"),
    "broken link": (broken_link, "unreadable: audio file 'b.wav' does not exist"),
    "other kind": (lambda path: path.rename(path.with_suffix(".m4a")), "not read: .m4a"),
    "twice": (twice, "ambiguous: 'b.flac' and 'b.wav' have one name without suffix; remove one"),
    "not finite": (not_a_number, ""),
    "missing": (lambda path: path.unlink(), "missing"),
}


CASES = [(fault, folder) for fault in FAULTS for folder in FOLDERS]
CASES.remove(("missing", "references"))  # then it is no trial


@pytest.mark.parametrize(("fault", "folder"), CASES)
def test_a_fault_costs_its_own_trial(fault: str, folder: str, root: Path) -> None:
    spoil, reason = FAULTS[fault]
    spoil(root / folder / "b.wav")
    result = score(root)
    assert (result.trials, result.failed_trials) == (3, 1)  # exit code 3
    rows = own_rows(root)
    assert len(rows) == 6
    assert set(rows.drop("b")["status"]) == {"ok"}
    wanted = {"estimates": "", "references": "reference:", "mixtures": "mixture:"}[folder]
    wanted += reason.format(folder=folder)
    if fault == "not finite":
        decoded = "unreadable: audio file 'b.wav' holds NaN or inf"
        wanted += decoded if folder == "references" else "non_finite: 1 of 2000 samples are NaN or infinite"
    if folder == "mixtures":  # what does not need the mixture has its value
        assert rows.loc[("b", "snr"), "status"] == "ok"
        rows = rows.drop(("b", "snr"))
    assert set(rows.loc["b", "status"]) == {"failed"}
    assert [found for found in rows.loc["b", "reason"] if not found.startswith(wanted)] == []
    assert str(root) not in " ".join(rows["reason"])


def test_a_fault_of_a_reference_costs_every_system_its_trial(root: Path) -> None:
    """Of decoding, which no header shows: also where scores of the mixtures come from the cache."""
    not_a_number(root / "references" / "b.wav")
    for _ in range(2):
        score(root)
        rows = read_rows(root / "out")
        assert set(rows["system"]) == {"estimates", "mixture"}
        assert set(rows[rows["trial_id"] == "b"]["status"]) == {"failed"}
        assert set(rows[rows["trial_id"] == "b"]["reason"]) == {
            "reference:unreadable: audio file 'b.wav' holds NaN or inf; replace or remove it"
        }


@pytest.mark.parametrize(("cut", "failed"), [(79, False), (80, True)])
def test_a_mixture_of_another_length(cut: int, failed: bool, root: Path) -> None:
    """10 ms, 80 samples, are too much."""
    path = root / "mixtures" / "b.wav"
    save(path, read(path)[:-cut])
    assert score(root).failed_trials == failed
    reason = own_rows(root).loc[("b", "snri"), "reason"]
    kept = "mixture:padded from 1921 to 2000 samples"
    assert reason == ("mixture:length: 1920 samples, and 2000 of the reference" if failed else kept)


def test_one_reference_at_another_rate_does_not_set_the_rate(root: Path) -> None:
    """The rate of the set is that of most references, not of the first."""
    save(root / "references" / "a.wav", read(root / "references" / "a.wav"), 16000)
    assert score(root).files.sample_rate_hz == RATE_HZ
    assert dict(own_rows(root)["status"].xs("snr", level="metric")) == {"a": "failed", "b": "ok", "c": "ok"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_without_any_usable_file_is_refused(folder: str, root: Path) -> None:
    for key in KEYS:
        stereo(root / folder / f"{key}.wav")
    match = f"no file of --{folder} can be used; the first of 3, 'a', has 2 channels .* --channel {folder}=0"
    with pytest.raises(ConfigError, match=match):
        score(root)
    assert not (root / "out" / "run.json").exists()


def test_mixtures_of_other_names_are_refused(root: Path) -> None:
    for key in KEYS:
        (root / "mixtures" / f"{key}.wav").rename(root / "mixtures" / f"x{key}.wav")
    with pytest.raises(ConfigError, match="no reference has a mixture of its name in the folder of --mixtures"):
        score(root)


# Channels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, Channels()),
        (0, Channels(estimates=0, references=0, mixtures=0, enrollments=0)),
        ("1", Channels(estimates=1, references=1, mixtures=1, enrollments=1)),
        ("mean", Channels(estimates="mean", references="mean", mixtures="mean", enrollments="mean")),
        ("estimates=1, mixtures=mean", Channels(estimates=1, mixtures="mean")),
    ],
)
def test_channels_of(value: str | int | None, wanted: Channels) -> None:
    assert channels_of(value) == wanted


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("-1", "'-1' is neither a number from 0 nor mean; write 0 or mean for all folders, or for example"),
        ("left", "'left' is neither a number"),
        ("estimates=", "'' is neither a number"),
        ("estimates=1,0", "'0' is not FOLDER=CHANNEL"),
        ("estimates=1,estimates=0", "gives estimates twice"),
        ("estimate=1", "unknown folder of --channel 'estimate'; did you mean 'estimates'?"),
    ],
)
def test_channels_that_are_refused(value: str, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        channels_of(value)
    assert line in str(refused.value)


def test_each_folder_has_its_channel(root: Path) -> None:
    """Estimate: channel 1 is half of it. Reference: channel 0. Mixture: the mean of twice and of nothing."""
    whole = {folder: read(root / folder / "b.wav") for folder in FOLDERS}
    score(root)
    plain = own_rows(root)["value"]
    sides = {
        "estimates": (np.zeros(2000), whole["estimates"]),
        "references": (whole["references"], np.ones(2000)),
        "mixtures": (2 * whole["mixtures"], np.zeros(2000)),
    }
    for folder, pair in sides.items():
        save(root / folder / "b.wav", np.stack(pair, axis=1))
    assert score(root, "again", channel="estimates=1,references=0,mixtures=mean").failed_trials == 0
    again = own_rows(root, "again")["value"]
    pd.testing.assert_series_equal(again, plain, atol=1e-5)


def test_the_record_and_the_report_name_channels_that_count(root: Path) -> None:
    before = score(root, channel=1).record  # mono files: the choice is of no effect
    assert before.datasets["files"].channels == {}
    assert before.systems["estimates"].card["options"] == {}
    stereo(root / "estimates" / "b.wav")
    record = score(root, channel="estimates=1,references=0").record
    assert record.datasets["files"].fingerprint == before.datasets["files"].fingerprint
    assert record.systems["estimates"].card["options"] == {"channel": 1}
    assert record.systems["estimates"].identity != before.systems["estimates"].identity
    assert any("channel 1 of the estimates of estimates" in remark for remark in open_board([root / "out"]).remarks)
    stereo(root / "references" / "b.wav")
    record = score(root, "other", channel=0).record
    assert record.datasets["files"].channels == {"references": "0"}
    stored = read_record(root / "other")
    assert stored is not None
    assert stored.datasets["files"].channels == {"references": "0"}
    assert any("channel 0 of the references" in remark for remark in open_board([root / "other"]).remarks)


def test_another_channel_of_the_references_is_another_set(root: Path) -> None:
    for key in KEYS:
        stereo(root / "references" / f"{key}.wav")
    score(root, channel="references=0")
    with pytest.raises(OutputError, match="holds scores against other references, mixtures or channels"):
        score(root, channel="references=mean")
