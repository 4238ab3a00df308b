"""`tsebench score`: pairing, values, joining a leaderboard, and estimates that cannot be scored."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mir_eval
import numpy as np
import pandas as pd
import pesq
import pystoi
import pytest
import soundfile
from helpers.paths import SHARED
from helpers.reasons import kind_of
from helpers.sparse_wav import write_silent_hours

from tsebench.bench.folders import score as score_module
from tsebench.bench.rows import read_rows
from tsebench.bench.run.evaluation import ChunkScores, Evaluation
from tsebench.bench.run.record import read_record
from tsebench.bench.run.trial_set import AnswerSource
from tsebench.bench.scoring import scorer as scorer_module
from tsebench.cli import main as cli

DATA = SHARED
DIGITS = DATA / "digits"
needs_digits = pytest.mark.skipif(not DIGITS.is_dir(), reason="shared/data/digits is missing")

RATE_HZ = 8000
KEYS = ("u0", "u1", "u2", "u3")
Array = np.ndarray


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Score = Callable[..., Said]


@dataclass(frozen=True)
class Folders:
    """References, mixtures and estimates of one system, as arrays and as files."""

    root: Path
    references: dict[str, Array]
    mixtures: dict[str, Array]
    estimates: dict[str, Array]

    def arguments(self, *, mixtures: bool = True, out: str = "out") -> list[object]:
        options: list[object] = ["--estimates", self.root / "est", "--references"]
        options += [self.root / "ref", "--out", self.root / out]
        return options + (["--mixtures", self.root / "mix"] if mixtures else [])

    @property
    def rows(self) -> pd.DataFrame:
        return read_rows(self.root / "out")

    def value(self, system: str, key: str, metric: str) -> float:
        rows = self.rows
        chosen = (rows["system"] == system) & (rows["trial_id"] == key) & (rows["metric"] == metric)
        assert chosen.sum() == 1
        return float(rows[chosen]["value"].iloc[0])


def save(path: Path, samples: Array, rate_hz: int = RATE_HZ, subtype: str | None = "FLOAT") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, rate_hz, subtype=subtype)


def coloured(rng: np.random.Generator, frames: int = RATE_HZ) -> Array:
    """Noise under a slow envelope: something that STOI and PESQ can work with."""
    noise = np.convolve(rng.standard_normal(frames), np.ones(4) / 4, mode="same")
    return (0.1 * noise * (1.2 + np.sin(np.arange(frames) / 300.0))).astype(np.float32)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    rng = np.random.default_rng(3)
    references = {key: coloured(rng) for key in KEYS}
    noises = {key: 0.1 * rng.standard_normal(RATE_HZ).astype(np.float32) for key in KEYS}
    mixtures = {key: references[key] + noises[key] for key in KEYS}
    # Not a scaled copy of reference plus noise, so that SDR, SI-SDR and SNR all differ.
    estimates = {key: 0.8 * references[key] + 0.2 * np.roll(references[key], 3) + 0.3 * noises[key] for key in KEYS}
    for name, signals in (("ref", references), ("mix", mixtures), ("est", estimates)):
        for key, samples in signals.items():
            save(tmp_path / name / f"{key}.wav", samples)
    return Folders(tmp_path, references, mixtures, estimates)


@pytest.fixture
def score(capsys: pytest.CaptureFixture[str]) -> Score:
    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main(["score", "--jobs", "1", *map(str, arguments)])
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Said(stop.value.code, captured.out, captured.err)

    return call


def imported_by(*arguments: object, folder: Path) -> set[str]:
    """Modules that a command imports, in a process of its own."""
    code = (
        "import sys\nfrom tsebench.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    print(stop.code, *sys.modules)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    exit_code, *modules = done.stdout.splitlines()[-1].split()
    assert exit_code == "0", done.stdout + done.stderr
    return set(modules)


SELDOM = {"torch", "mlflow", "matplotlib", "PIL", "yaml", "tsebench.datasets.dataset", "tsebench.reports.papers"}
"""Modules that are slow to import and that scored folders do not need."""


def test_files_are_scored_on_a_cpu_without_torch(folders: Folders) -> None:
    arguments = ["--estimates", "est", "--references", "ref", "--mixtures", "mix", "--out", "out", "--device", "cpu"]
    metrics = "sdri,si_sdri,snri,stoii,estoi,sd_sdr,pesq"
    imported = imported_by("score", *arguments, "--metrics", metrics, "--jobs", "1", folder=folders.root)
    assert "tsebench.reports.site.site" in imported
    assert not (SELDOM | {"tsebench.bench.folders.variants", "tsebench.bench.folders.claimed_numbers"}) & imported


def test_reports_and_comparisons_of_folders_import_neither_audio_nor_scipy(folders: Folders, score: Score) -> None:
    score(*folders.arguments(), "--metrics", "snri,si_sdri")
    seldom = SELDOM | {"scipy", "soundfile", "tsebench.datasets.types", "tsebench.bench.scoring.plan"}
    for arguments in (["report", "out", "--out", "again"], ["compare", "out", "out", "--out", "compared"]):
        imported = imported_by(*arguments, folder=folders.root)
        assert "pandas" in imported
        assert not seldom & imported


def test_estimates_begin_while_the_last_mixtures_are_scored(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    class Watched(Evaluation):
        def begun(
            self, source: AnswerSource, wanted: Iterable[int], *, submitted: Callable[[], None]
        ) -> Iterator[ChunkScores]:
            begun.append(source.identity)
            return super().begun(source, wanted, submitted=submitted)

    def scored(out: str, chunk_trials: int) -> pd.DataFrame:
        monkeypatch.setattr(score_module, "CHUNK_TRIALS", chunk_trials)
        score_module.score_folders(
            estimates=folders.root / "est",
            references=folders.root / "ref",
            mixtures=folders.root / "mix",
            options=score_module.ScoreOptions(
                out=folders.root / out, metrics=("pesqi", "snri", "sdr"), jobs=2, cache=folders.root / out / "cache"
            ),
        )
        rows = pd.concat(pd.read_parquet(path) for path in sorted((folders.root / out / "rows").iterdir()))
        return rows.drop(columns="run_id")  # follows from the name of the folder

    monkeypatch.setattr(score_module, "Evaluation", Watched)
    together = scored("together", 4)
    for count in (1, 3):
        pd.testing.assert_frame_equal(scored(f"by {count}", count), together)
    assert begun == [""] * 3


@pytest.mark.parametrize(("metrics", "number"), [(("sdri", "stoi"), "MANY_TRIALS"), (("sdri", "pesq"), "FED_WORKERS")])
def test_workers_compute_all_metrics_of_many_trials_and_where_they_are_many(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, metrics: tuple[str, ...], number: str
) -> None:
    def scored(out: str, jobs: int) -> pd.DataFrame:
        options = score_module.ScoreOptions(
            out=folders.root / out, metrics=metrics, jobs=jobs, cache=folders.root / out / "cache"
        )
        places = {"estimates": "est", "references": "ref", "mixtures": "mix"}
        score_module.score_folders(**{name: folders.root / place for name, place in places.items()}, options=options)
        rows = pd.concat(pd.read_parquet(path) for path in sorted((folders.root / out / "rows").iterdir()))
        return rows.drop(columns="run_id")

    few = scored("few", 2)
    monkeypatch.setattr(score_module, number, 1)
    here = scored("here", 0)
    monkeypatch.setattr(scorer_module, "batch_outcomes", None)  # nothing is computed here
    elsewhere = scored("elsewhere", 2)
    pd.testing.assert_frame_equal(few, here)
    pd.testing.assert_frame_equal(elsewhere, here, rtol=0, atol=1e-9)


# Values: computed here by formulas and by the reference packages ----------------------------------


def snr(*, estimate: Array, reference: Array) -> float:
    s, e = reference.astype(float), estimate.astype(float)
    return float(10 * np.log10(np.sum(s**2) / np.sum((s - e) ** 2)))


def si_sdr(*, estimate: Array, reference: Array) -> float:
    s = reference.astype(float) - reference.astype(float).mean()
    e = estimate.astype(float) - estimate.astype(float).mean()
    target = s * (e @ s) / (s @ s)
    return float(10 * np.log10(np.sum(target**2) / np.sum((e - target) ** 2)))


def sdr(*, estimate: Array, reference: Array) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mir_eval announces that it will drop the module
        found = mir_eval.separation.bss_eval_sources(
            reference[None].astype(float), estimate[None].astype(float), compute_permutation=False
        )
    return float(found[0][0])


def test_default_metrics_without_mixtures(folders: Folders, score: Score) -> None:
    said = score(*folders.arguments(mixtures=False))
    assert (said.code, said.err) == (0, "")
    rows = folders.rows
    assert set(rows["metric"]) == {"sdr", "si_sdr", "snr"}
    assert set(rows["system"]) == {"estimates"}
    assert (len(rows), set(rows["status"])) == (12, {"ok"})
    (page, *_) = sorted((folders.root / "out" / "report" / "trials").iterdir())
    assert "The trials were scored from folders, which the run does not hold." in page.read_text()
    assert "keep_estimates" not in page.read_text()  # there is no config
    for key in KEYS:
        pair = {"estimate": folders.estimates[key], "reference": folders.references[key]}
        assert folders.value("estimates", key, "snr") == pytest.approx(snr(**pair), abs=1e-6)
        assert folders.value("estimates", key, "si_sdr") == pytest.approx(si_sdr(**pair), abs=1e-5)
        assert folders.value("estimates", key, "sdr") == pytest.approx(sdr(**pair), abs=1e-4)


def test_default_metrics_with_mixtures(folders: Folders, score: Score) -> None:
    said = score(*folders.arguments())
    assert (said.code, said.err) == (0, "")
    rows = folders.rows
    assert set(rows["metric"]) == {"sdr", "si_sdr", "snr", "sdri", "si_sdri", "snri"}
    assert set(rows["system"]) == {"estimates", "mixture"}
    assert (rows[(rows["system"] == "mixture") & (rows["metric"] == "sdri")]["value"] == 0).all()
    for key in KEYS:
        reference = folders.references[key]
        for name, metric, within in (("snri", snr, 1e-6), ("si_sdri", si_sdr, 1e-5)):
            gain = metric(estimate=folders.estimates[key], reference=reference)
            gain -= metric(estimate=folders.mixtures[key], reference=reference)
            assert folders.value("estimates", key, name) == pytest.approx(gain, abs=within)


def test_speech_metrics_are_those_of_their_packages(folders: Folders, score: Score) -> None:
    assert score(*folders.arguments(mixtures=False), "--metrics", "pesq, stoi,estoi").code == 0
    assert set(folders.rows["metric"]) == {"pesq", "stoi", "estoi"}
    for key in KEYS[:2]:
        s, e = folders.references[key], folders.estimates[key]
        narrow = pesq.pesq(RATE_HZ, s, e, "nb")
        assert folders.value("estimates", key, "pesq") == pytest.approx(narrow, abs=1e-9)
        assert folders.value("estimates", key, "stoi") == pytest.approx(pystoi.stoi(s, e, RATE_HZ), abs=1e-6)
        assert folders.value("estimates", key, "estoi") == pytest.approx(
            pystoi.stoi(s, e, RATE_HZ, extended=True), abs=1e-6
        )


def test_a_copy_of_the_mixture_gains_nothing(folders: Folders, score: Score) -> None:
    for key in KEYS:
        save(folders.root / "est" / f"{key}.wav", folders.mixtures[key])
    assert score(*folders.arguments()).code == 0
    rows = folders.rows
    for metric in ("sdri", "si_sdri", "snri"):
        gains = rows[(rows["system"] == "estimates") & (rows["metric"] == metric)]["value"]
        np.testing.assert_allclose(gains, 0.0, atol=1e-9)


@needs_digits
def test_real_speech_at_a_known_snr(tmp_path: Path, score: Score) -> None:
    """20 utterances of four speakers, nested by speaker, -5 to 14 dB: the SNR rows say so."""
    rng = np.random.default_rng(0)
    speakers = sorted(path for path in DIGITS.iterdir() if path.is_dir())
    files = [path for speaker in speakers for path in sorted(speaker.glob("*.*"))[:5]]
    wanted_db = {}
    for level_db, path in zip(range(-5, 15), files, strict=True):
        samples, rate_hz = soundfile.read(str(path))
        noise = rng.standard_normal(len(samples))
        noise *= np.sqrt(np.sum(samples**2) / np.sum(noise**2)) * 10 ** (-level_db / 20)
        key = path.relative_to(DIGITS)
        save((tmp_path / "est" / key).with_suffix(".wav"), (samples + noise).astype(np.float32), rate_hz)
        (tmp_path / "ref" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ref" / key).symlink_to(path)
        wanted_db[key.with_suffix("").as_posix()] = level_db
    said = score(
        *("--estimates", tmp_path / "est", "--references", tmp_path / "ref"),
        *("--out", tmp_path / "out", "--metrics", "snr,si_sdr"),
    )
    assert (said.code, said.err) == (0, "")
    rows = read_rows(tmp_path / "out")
    found = rows[rows["metric"] == "snr"].set_index("trial_id")["value"]
    assert set(found.index) == set(wanted_db)
    for key, level_db in wanted_db.items():
        assert found[key] == pytest.approx(level_db, abs=0.01)
    assert "4.50" in said.out  # the mean of -5 ... 14 dB
    assert Path(said.out.rpartition("report: ")[2].strip()).is_file()


# Pairing ------------------------------------------------------------------------------------------


def test_nested_folders_and_other_formats_pair_by_path_without_suffix(tmp_path: Path, score: Score) -> None:
    rng = np.random.default_rng(5)
    signals = {key: coloured(rng) for key in ("a/x", "b/x", "b/y.0")}
    for key, samples in signals.items():
        save(tmp_path / "ref" / f"{key}.wav", samples)
        save(tmp_path / "est" / f"{key}.flac", 0.5 * samples, subtype="PCM_24")
    (tmp_path / "ref" / "a" / "notes.txt").write_text("not audio")
    (tmp_path / "ref" / "a" / ".x.wav").write_bytes(b"")
    (tmp_path / "est" / ".old" / "b").mkdir(parents=True)
    (tmp_path / "est" / ".old" / "b" / "x.flac").write_bytes(b"")
    said = score(
        *("--estimates", tmp_path / "est", "--references", tmp_path / "ref"),
        *("--out", tmp_path / "out", "--metrics", "snr"),
    )
    assert (said.code, said.err) == (0, "")
    rows = read_rows(tmp_path / "out")
    assert list(rows["trial_id"]) == sorted(signals)
    np.testing.assert_allclose(rows["value"], 20 * np.log10(2), atol=1e-3)  # 24 bits


def test_estimates_without_a_reference_are_listed(folders: Folders, score: Score) -> None:
    for number in range(5):
        save(folders.root / "est" / f"z{number}.wav", folders.estimates["u0"])
    said = score(*folders.arguments(mixtures=False))
    assert said.code == 0
    assert "left out, because they have no reference: 5 (z0, z1, z2, ...)" in said.out
    assert set(folders.rows["trial_id"]) == set(KEYS)


def test_channel_chooses_where_there_are_several(folders: Folders, score: Score) -> None:
    """One stereo estimate among mono files; its channel 1 is the reference at half its level."""
    both = np.stack([folders.estimates["u1"], 0.5 * folders.references["u1"]], axis=1)
    save(folders.root / "est" / "u1.wav", both)
    said = score(*folders.arguments(mixtures=False), "--channel", 1, "--metrics", "snr")
    assert (said.code, said.err) == (0, "")
    assert folders.value("estimates", "u1", "snr") == pytest.approx(20 * np.log10(2), abs=1e-6)
    pair = {"estimate": folders.estimates["u0"], "reference": folders.references["u0"]}
    assert folders.value("estimates", "u0", "snr") == pytest.approx(snr(**pair), abs=1e-6)


# One folder, several systems ----------------------------------------------------------------------


def test_a_second_system_joins_the_leaderboard(folders: Folders, score: Score) -> None:
    assert score(*folders.arguments(), "--system", "first").code == 0
    before = folders.rows
    run_id = read_record(folders.root / "out").run_id  # type: ignore[union-attr]
    for key in KEYS:
        save(folders.root / "est" / f"{key}.wav", 0.9 * folders.references[key])
    said = score(*folders.arguments(), "--system", "second one")
    assert said.code == 0
    for name in ("first", "second one", "mixture"):
        assert name in said.out
    rows = folders.rows
    others = rows[rows["system"] != "second one"].reset_index(drop=True)
    assert others.equals(before)
    assert set(rows["run_id"]) == {run_id}
    record = read_record(folders.root / "out")
    assert record is not None
    assert set(record.systems) == {"first", "second one", "mixture"}


def test_two_systems_scored_at_once_both_join(folders: Folders, score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process begins and ends while the first computes."""
    compute = score_module._score

    def during(*args: object) -> object:
        monkeypatch.setattr(score_module, "_score", compute)
        assert score(*folders.arguments(), "--system", "other").code == 0
        return compute(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(score_module, "_score", during)
    assert score(*folders.arguments(), "--system", "mine").code == 0
    record = read_record(folders.root / "out")
    assert record is not None
    assert set(record.systems) == {"mine", "other", "mixture"}
    assert set(folders.rows["system"]) == {"mine", "other", "mixture"}
    assert set(folders.rows["run_id"]) == {record.run_id}


def test_a_system_that_is_scored_again_replaces_its_rows(folders: Folders, score: Score) -> None:
    assert score(*folders.arguments()).code == 0
    for key in KEYS:
        save(folders.root / "est" / f"{key}.wav", 0.5 * folders.references[key])
    assert score(*folders.arguments()).code == 0
    rows = folders.rows
    chosen = rows[(rows["system"] == "estimates") & (rows["metric"] == "snr")]
    np.testing.assert_allclose(chosen["value"], 20 * np.log10(2), atol=1e-6)
    assert len(chosen) == len(KEYS)


def test_other_metrics_leave_the_rows_of_the_mixture(folders: Folders, score: Score) -> None:
    assert score(*folders.arguments(), "--system", "a", "--metrics", "sdri,stoi").code == 0
    assert score(*folders.arguments(), "--system", "b", "--metrics", "si_sdri").code == 0
    rows = folders.rows
    of_mixture = set(rows[rows["system"] == "mixture"]["metric"])
    assert of_mixture == {"sdr", "sdri", "stoi", "si_sdr", "si_sdri"}


def test_other_references_are_refused_and_nothing_is_touched(folders: Folders, score: Score) -> None:
    assert score(*folders.arguments()).code == 0
    before = {path: path.read_bytes() for path in (folders.root / "out").rglob("*.*")}
    save(folders.root / "ref" / "u0.wav", folders.references["u1"])
    for arguments in (folders.arguments(), folders.arguments(mixtures=False)):
        said = score(*arguments)
        assert said.code == 2
        assert said.err.startswith("tsebench: folder '")
        assert "holds scores against other references" in said.err
        assert said.err.count("\n") == 1
    assert {path: path.read_bytes() for path in (folders.root / "out").rglob("*.*")} == before


def test_two_score_folders_can_be_reported_together(
    folders: Folders, score: Score, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both systems have the default name, and differ by their folders."""
    assert score(*folders.arguments(out="net_a")).code == 0
    for key in KEYS:
        save(folders.root / "est" / f"{key}.wav", 0.5 * folders.references[key])
    assert score(*folders.arguments(out="net_b")).code == 0
    runs = [str(folders.root / name) for name in ("net_a", "net_b")]
    with pytest.raises(SystemExit) as stop:
        cli.main(["report", *runs, "--out", str(folders.root / "both"), "--format", "md"])
    assert (stop.value.code, capsys.readouterr().err) == (0, "")
    text = (folders.root / "both" / "report.md").read_text()
    assert "estimates (net_a)" in text.replace("\\_", "_")
    assert "estimates (net_b)" in text.replace("\\_", "_")
    assert "mixture (" not in text  # scored alike by both, so given once


# Estimates that cannot be scored ------------------------------------------------------------------


def _silent(folders: Folders, path: Path) -> None:
    save(path, np.zeros(RATE_HZ, np.float32))


def _not_a_number(folders: Folders, path: Path) -> None:
    bad = folders.estimates["u1"].copy()
    bad[77] = np.nan
    save(path, bad)


def _broken_link(_: Folders, path: Path) -> None:
    path.unlink()
    path.symlink_to("/gone/u1.wav")


BROKEN: dict[str, tuple[Callable[[Folders, Path], object], str]] = {
    "missing": (lambda _, path: path.unlink(), "missing"),
    "m4a": (lambda _, path: path.rename(path.with_suffix(".m4a")), "not read: .m4a"),
    "AAC": (lambda _, path: path.rename(path.with_suffix(".AAC")), "not read: .aac"),
    "array": (lambda _, path: path.rename(path.with_suffix(".npy")), "not read: .npy"),
    "broken link": (_broken_link, "unreadable: audio file 'u1.wav' does not exist: it is a link that leads"),
    "shorter": (lambda f, path: save(path, f.estimates["u1"][:-81]), "length"),
    "longer": (lambda f, path: save(path, np.pad(f.estimates["u1"], (0, 81))), "length"),
    "not a number": (_not_a_number, "non_finite"),
    "0 bytes": (lambda _, path: path.write_bytes(b""), "unreadable: "),
    "no samples": (lambda _, path: save(path, np.zeros(0, np.float32)), "unreadable: "),
    "not audio": (lambda _, path: path.write_text("RIFF me"), "unreadable: "),
}


@pytest.mark.parametrize("what", BROKEN)
def test_one_bad_estimate_costs_its_own_rows(what: str, folders: Folders, score: Score) -> None:
    spoil, reason = BROKEN[what]
    spoil(folders, folders.root / "est" / "u1.wav")
    said = score(*folders.arguments())
    assert (said.code, said.err) == (3, "")
    assert "1 of 4 files failed" in said.out
    rows = folders.rows
    assert len(rows) == 2 * 6 * len(KEYS)
    bad = (rows["system"] == "estimates") & (rows["trial_id"] == "u1")
    assert set(rows[bad]["status"]) == {"failed"}
    assert rows[bad]["reason"].str.startswith(reason).all()
    assert rows[bad]["value"].isna().all()
    assert set(rows[~bad]["status"]) == {"ok"}


def test_a_length_within_10_ms_is_fitted_and_noted(folders: Folders, score: Score) -> None:
    save(folders.root / "est" / "u1.wav", folders.estimates["u1"][:-79])
    save(folders.root / "est" / "u2.wav", np.pad(folders.estimates["u2"], (0, 79)))
    assert score(*folders.arguments(mixtures=False), "--metrics", "snr").code == 0
    reasons = folders.rows.set_index("trial_id")["reason"]
    length = len(folders.references["u1"])
    assert dict(reasons) == {
        "u0": "",
        "u3": "",
        "u1": f"padded from {length - 79} to {length} samples",
        "u2": f"trimmed from {length + 79} to {length} samples",
    }
    short = np.pad(folders.estimates["u1"][:-79], (0, 79))
    expected = snr(estimate=short, reference=folders.references["u1"])
    assert folders.value("estimates", "u1", "snr") == pytest.approx(expected, abs=1e-6)


def test_a_silent_estimate_hurts_and_is_flagged(folders: Folders, score: Score) -> None:
    _silent(folders, folders.root / "est" / "u1.wav")
    assert score(*folders.arguments(mixtures=False)).code == 0
    assert folders.value("estimates", "u1", "snr") == pytest.approx(0.0, abs=1e-9)
    assert folders.value("estimates", "u1", "si_sdr") == -30.0
    assert folders.value("estimates", "u1", "sdr") == -30.0
    rows = folders.rows
    floored = rows[rows["reason"] == "floored"]
    assert set(zip(floored["trial_id"], floored["metric"], strict=True)) == {("u1", "si_sdr"), ("u1", "sdr")}


def test_a_silent_reference_is_undefined_not_failed(folders: Folders, score: Score) -> None:
    _silent(folders, folders.root / "ref" / "u1.wav")
    assert score(*folders.arguments(mixtures=False)).code == 0
    rows = folders.rows
    silent = rows["trial_id"] == "u1"
    assert set(rows[silent]["status"]) == {"undefined"}
    assert set(rows[silent]["reason"]) == {"silent_reference"}
    assert set(rows[~silent]["status"]) == {"ok"}


def test_all_references_silent_still_gives_a_report(folders: Folders, score: Score) -> None:
    for key in KEYS:
        _silent(folders, folders.root / "ref" / f"{key}.wav")
    said = score(*folders.arguments())
    assert (said.code, said.err) == (0, "")
    assert set(folders.rows["status"]) == {"undefined"}
    assert "no value" in said.out


def test_an_estimate_of_hours_fails_its_trial_by_its_header(folders: Folders, score: Score) -> None:
    write_silent_hours(folders.root / "est" / "u1.wav", sample_rate_hz=RATE_HZ)
    assert score(*folders.arguments()).code == 3
    rows = folders.rows
    own = rows[(rows["trial_id"] == "u1") & (rows["system"] == "estimates")]
    (reason,) = set(own["reason"])
    assert kind_of(reason) == "length"
    assert reason.endswith(f" has {len(folders.references['u1'])}")
    assert set(rows[rows["trial_id"] != "u1"]["status"]) == {"ok"}


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ("wer", "metric 'wer' needs transcripts of the targets, and this call gives none: add --transcripts CSV"),
        ("ter", "metric 'ter' needs transcripts of the targets, and this call gives none: add --transcripts CSV"),
        ("macro_f1", "metric 'macro_f1' needs class probabilities of a system, and this call gives none: score it by"),
        ("attenuation", "metric 'attenuation' needs trials whose target is not in the mixture, and this call gives"),
        (
            "wrong_target_rate",
            "metric 'wrong_target_rate' needs the other sources of the mixtures, and this call gives",
        ),
        ("si_sdri", "metric 'si_sdri' needs mixtures, and this call gives none: add --mixtures DIR"),
    ],
)
def test_a_metric_that_can_have_no_value_is_refused_at_the_start(
    metric: str, line: str, folders: Folders, score: Score
) -> None:
    said = score(*folders.arguments(mixtures=False), "--metrics", f"snr,{metric}")
    assert (said.code, said.out) == (2, "")
    assert line in said.err
    assert said.err.count("\n") == 1
    assert not (folders.root / "out").exists()
