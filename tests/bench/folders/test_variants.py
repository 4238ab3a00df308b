"""`tsebench score --variants`: closed forms, roles, claims, the table and the file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pesq
import pytest
import soundfile

from tsebench.bench.asr.protocol import RECOGNISERS
from tsebench.bench.folders.claimed_numbers import ClaimedNumber, claims_of, nearest
from tsebench.bench.folders.known_facts import FactFiles
from tsebench.bench.folders.score import ScoreOptions, score_folders
from tsebench.bench.folders.variants import VariantLine, VariantScores, score_variants, variants, word_error_rate
from tsebench.bench.metrics.pesq import Pesq
from tsebench.bench.rows import read_rows
from tsebench.bench.scoring.plan import parse_metrics
from tsebench.cli import main as cli
from tsebench.core.errors import ConfigError, TsebenchError
from tsebench.datasets.signals.audio import resample

RATE_HZ = 8000
# Per trial; mean and median differ.
NOISE_DB = {"a": 10.0, "b": 20.0, "c": 45.0}
MEAN_DB, MEDIAN_DB = 25.0, 20.0
MIXTURE_DB = 5.0
OFFSET = 3.0  # energy of the offset over that of the noise: 10 log10(1 + 3) = 6.0206 dB
OFFSET_COST_DB = 10 * math.log10(1 + OFFSET)
Array = np.ndarray


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Score = Callable[..., Said]


def signals() -> tuple[Array, Array]:
    """A target with a pause and a noise: of unit energy, of zero mean, and orthogonal."""
    rng = np.random.default_rng(7)
    envelope = 1.2 + np.sin(np.arange(RATE_HZ) / 300.0)
    envelope[3000:5000] = 0.0  # swapped roles are the same to ESTOI where there are no pauses
    target = np.convolve(rng.standard_normal(RATE_HZ), np.ones(4) / 4, mode="same") * envelope
    voiced = envelope > 0
    target[voiced] -= target[voiced].mean()
    target /= np.linalg.norm(target)
    noise = rng.standard_normal(RATE_HZ)
    noise -= noise.mean()
    noise -= target * (noise @ target)
    return target, noise / np.linalg.norm(noise)


def save(path: Path, samples: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples.astype(np.float32), RATE_HZ, subtype="FLOAT")


def load(path: Path) -> Array:
    return soundfile.read(str(path), dtype="float32")[0]


def make(root: Path) -> None:
    """Target + noise + offset at NOISE_DB; mixtures without offset at MIXTURE_DB."""
    target, noise = signals()
    for key, level_db in NOISE_DB.items():
        gain = 10 ** (-level_db / 20)
        offset = gain * math.sqrt(OFFSET / RATE_HZ)
        save(root / "ref" / f"{key}.wav", 5 * target)
        save(root / "est" / f"{key}.wav", 5 * (target + gain * noise + offset))
        save(root / "mix" / f"{key}.wav", 5 * (target + 10 ** (-MIXTURE_DB / 20) * noise))


def arguments(root: Path, out: str = "out", *, mixtures: bool = True) -> list[object]:
    given: list[object] = ["--estimates", root / "est", "--references", root / "ref"]
    return [*given, *(["--mixtures", root / "mix"] * mixtures), "--out", root / out]


def table(root: Path, out: str = "out") -> pd.DataFrame:
    frame = pd.read_csv(root / out / "variants.csv", keep_default_na=False)
    return frame.set_index(["variant", "quantity"])


@pytest.fixture
def score(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Score:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    make(tmp_path)

    def call(*given: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main(["score", "--jobs", "1", "--device", "cpu", *map(str, given)])
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Said(stop.value.code, captured.out, captured.err)

    return call


# Values -------------------------------------------------------------------------------------------


def test_closed_forms(score: Score, tmp_path: Path) -> None:
    """The offset costs 10 log10(1 + 3) dB wherever the mean is kept; swapped SNR has ‖ŝ‖² above."""
    said = score(*arguments(tmp_path), "--metrics", "snr", "--variants")
    assert (said.code, said.err) == (0, "")
    found = table(tmp_path)
    removed, kept = MEAN_DB, MEAN_DB - OFFSET_COST_DB
    assert found.loc[("si_sdr", "value"), "mean"] == pytest.approx(removed, abs=1e-3)
    assert found.loc[("sd_sdr", "value"), "mean"] == pytest.approx(removed, abs=1e-3)
    for name in ("si_sdr_mean_kept", "sd_sdr_mean_kept", "snr"):
        line = found.loc[(name, "value")]
        assert line["mean"] == pytest.approx(kept, abs=1e-3), name
        assert line["median"] == pytest.approx(MEDIAN_DB - OFFSET_COST_DB, abs=1e-3), name
    disturbance = np.array([(1 + OFFSET) * 10 ** (-db / 10) for db in NOISE_DB.values()])
    swapped = 10 * np.log10((1 + disturbance) / disturbance)
    line = found.loc[("snr_swapped", "value")]
    assert line["mean"] == pytest.approx(swapped.mean(), abs=1e-3)
    assert line["median"] == pytest.approx(np.median(swapped), abs=1e-3)


def test_improvements_are_over_the_mixture(score: Score, tmp_path: Path) -> None:
    assert score(*arguments(tmp_path), "--metrics", "snr", "--variants").code == 0
    found = table(tmp_path)
    gain = MEAN_DB - MIXTURE_DB
    assert found.loc[("si_sdr", "improvement"), "mean"] == pytest.approx(gain, abs=1e-3)
    assert found.loc[("snr", "improvement"), "mean"] == pytest.approx(gain - OFFSET_COST_DB, abs=1e-3)
    assert found.loc[("si_sdr", "improvement"), "median"] == pytest.approx(MEDIAN_DB - MIXTURE_DB, abs=1e-3)


def test_pesq_of_both_bands_and_roles(score: Score, tmp_path: Path) -> None:
    assert score(*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--variants").code == 0
    expected: dict[str, list[float]] = {}
    for key in NOISE_DB:
        s, e = (load(tmp_path / side / f"{key}.wav") for side in ("ref", "est"))
        wide_s, wide_e = (resample(x, from_hz=RATE_HZ, to_hz=16000) for x in (s, e))
        for name, value in (
            ("pesq_nb", pesq.pesq(8000, s, e, "nb")),
            ("pesq_nb_swapped", pesq.pesq(8000, e, s, "nb")),
            ("pesq_wb", pesq.pesq(16000, wide_s, wide_e, "wb")),
            ("pesq_wb_swapped", pesq.pesq(16000, wide_e, wide_s, "wb")),
        ):
            expected.setdefault(name, []).append(value)
    found = table(tmp_path)
    for name, values in expected.items():
        assert found.loc[(name, "value"), "mean"] == pytest.approx(np.mean(values), abs=1e-9), name
    assert found.loc[("pesq_wb", "value"), "resampled_hz"] == "8000>16000"
    assert found.loc[("pesq_nb", "value"), "resampled_hz"] == ""


def test_swapped_roles_differ_but_for_si_sdr(score: Score, tmp_path: Path) -> None:
    assert score(*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--variants").code == 0
    found = table(tmp_path)["mean"]
    swapped = [name for name, _ in found.index if name.endswith("_swapped")]
    assert len(swapped) == 8
    assert not any(name.startswith("si_sdr") for name in swapped)
    for name in swapped:
        there = found[(name.removesuffix("_swapped"), "value")]
        assert abs(found[(name, "value")] - there) > 1e-5, name


def test_default_variants_are_those_of_the_rows(score: Score, tmp_path: Path) -> None:
    names = ["sdr", "si_sdr", "sd_sdr", "snr", "stoi", "estoi"]
    said = score(*arguments(tmp_path), "--metrics", ",".join([*names, "sdri"]), "--variants")
    assert said.code == 0
    rows = read_rows(tmp_path / "out")
    rows = rows[rows["system"] == "estimates"]
    found = table(tmp_path)
    for name in names:
        mean = rows[rows["metric"] == name]["value"].mean()
        assert found.loc[(name, "value"), "mean"] == pytest.approx(mean, abs=1e-9), name
    mean = rows[rows["metric"] == "sdri"]["value"].mean()
    assert found.loc[("sdr", "improvement"), "mean"] == pytest.approx(mean, abs=1e-9)


# Output -------------------------------------------------------------------------


def test_rows_do_not_change(score: Score, tmp_path: Path) -> None:
    assert score(*arguments(tmp_path, "plain"), "--metrics", "si_sdri").code == 0
    assert score(*arguments(tmp_path, "more"), "--metrics", "si_sdri", "--variants").code == 0
    plain, more = (read_rows(tmp_path / out).drop(columns="run_id") for out in ("plain", "more"))
    assert more.equals(plain)
    assert not (tmp_path / "plain" / "variants.csv").exists()


def test_the_file_keeps_other_systems_and_replaces_its_own(score: Score, tmp_path: Path) -> None:
    given = [*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--variants"]
    assert score(*given, "--system", "first").code == 0
    before = (tmp_path / "out" / "variants.csv").read_text()
    for _ in range(2):
        assert score(*given, "--system", "second").code == 0
    text = (tmp_path / "out" / "variants.csv").read_text()
    assert text.startswith(before)
    frame = pd.read_csv(tmp_path / "out" / "variants.csv")
    assert list(frame["system"]) == ["first"] * len(variants()) + ["second"] * len(variants())
    assert list(frame["variant"][: len(variants())]) == [variant.name for variant in variants()]


def test_a_file_that_is_no_table_is_an_error(score: Score, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "variants.csv").write_text("a,b\n1,2\n")
    said = score(*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--variants")
    assert said.code == 2
    assert said.err.endswith("variants.csv' is no table of variants; remove it\n")


def test_the_table_fits_80_columns(score: Score, tmp_path: Path) -> None:
    said = score(*arguments(tmp_path), "--metrics", "snr", "--variants")
    shown = said.out.partition("variants of estimates")[2].partition("swapped: ")[0].splitlines()
    assert sum(bool(text.strip()) for text in shown) >= len(variants()) + 3
    assert max(len(text) for text in shown) <= 80
    assert "PESQ wide band*" in said.out
    assert "resampled: PESQ wide band 8000 > 16000 Hz" in said.out
    assert f"variants: {tmp_path / 'out' / 'variants.csv'}" in said.out


# Estimates that cannot be scored ------------------------------------------------------------------


def test_unusable_estimates_count_in_every_variant(score: Score, tmp_path: Path) -> None:
    bad = load(tmp_path / "est" / "b.wav")
    bad[5] = np.nan
    save(tmp_path / "est" / "b.wav", bad)
    (tmp_path / "est" / "c.wav").unlink()
    said = score(*arguments(tmp_path), "--metrics", "snr", "--variants")
    assert (said.code, said.err) == (3, "")
    found = table(tmp_path)
    assert set(found["n"]) == {1}
    assert set(found["n_failed"]) == {2}
    assert set(found["n_undefined"]) == {0}
    assert found.loc[("si_sdr", "value"), "mean"] == pytest.approx(NOISE_DB["a"], abs=1e-3)
    assert "1/3" in said.out


def test_a_silent_estimate_is_floored_and_has_no_swapped_value(score: Score, tmp_path: Path) -> None:
    save(tmp_path / "est" / "c.wav", np.zeros(RATE_HZ))
    said = score(*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--variants")
    assert (said.code, said.err) == (0, "")
    found = table(tmp_path)
    assert found.loc[("si_sdr", "value"), "n_floored"] == 1
    assert found.loc[("snr_swapped", "value"), ["n", "n_undefined"]].tolist() == [2, 1]
    assert found.loc[("pesq_nb", "value"), ["n", "n_failed"]].tolist() == [2, 1]


# Claims -------------------------------------------------------------------------------------------


def line(name: str, mean: float, median: float, quantity: str = "value") -> VariantLine:
    variant = next(variant for variant in variants() if variant.name == name)
    return VariantLine(
        variant=variant,
        quantity=quantity,  # type: ignore[arg-type]
        n=3,
        n_failed=0,
        n_undefined=0,
        n_floored=0,
        mean=mean,
        median=median,
        signature="",
    )


KNOWN = VariantScores(
    system="x",
    lines=(
        line("sdr", 14.0, 14.5),
        line("si_sdr", 15.02, 16.0),
        line("si_sdr", 10.0, 10.1, "improvement"),
        line("snr", 14.96, math.nan),
        line("pesq_wb", 2.1, 2.2),
        line("pesq_nb", 3.1, 3.0),
    ),
)


@pytest.mark.parametrize(
    ("text", "label", "difference", "tried", "elsewhere"),
    [
        ("si_sdr=15.7", "median of SI-SDR", 0.3, 2, ""),
        ("sdr=14.4", "median of BSSEval SDR", 0.1, 2, ""),
        ("si_sdr=15.0", "mean of SI-SDR", 0.02, 2, ""),  # the mean of SNR rounds to it, too
        ("snr=15.00", "mean of SNR", -0.04, 1, "mean of SI-SDR"),
        ("si_sdr=14.1", "mean of SI-SDR", 0.92, 2, "mean of BSSEval SDR"),
        ("si_sdri=3.0", "mean improvement of SI-SDR", 7.0, 2, ""),
        ("si_sdri=14.5", "median improvement of SI-SDR", -4.4, 2, "median of BSSEval SDR"),
        ("pesq=3.2", "mean of PESQ narrow band", -0.1, 4, ""),
        ("pesq=2.2", "median of PESQ wide band", 0.0, 4, ""),
    ],
)
def test_the_claimed_metric_comes_first(text: str, label: str, difference: float, tried: int, elsewhere: str) -> None:
    """Others count only where they are nearer, and no variant of the claimed metric gives the number."""
    match = nearest(KNOWN, claims_of(text)[0])
    assert match.nearest is not None
    assert (match.nearest.label, match.tried) == (label, tried)
    assert match.difference == pytest.approx(difference, abs=1e-9)
    other = match.elsewhere.nearest if match.elsewhere else None
    assert (other.label if other else "") == elsewhere


def test_variants_of_the_claimed_metric_that_agree() -> None:
    lines = (line("snr", 10.01, 9.0), line("snr_swapped", 9.99, 11.0), line("sdr", 10.0, 10.0))
    match = nearest(VariantScores(system="x", lines=lines), claims_of("snr=10.0")[0])
    assert [candidate.label for candidate in match.also] == ["mean of SNR, swapped"]
    assert (match.tried, match.elsewhere) == (4, None)


def test_matches_that_chance_would_give() -> None:
    """Values 0, 1, ..., 10; the claim is 0.1 from one: a number drawn from 0 ... 10 has 0.2 of them so near."""
    values = [float(value) for value in range(11)]
    lines = [line("si_sdr", 30.0, 30.0), *(line("sdr", value, value) for value in values)]
    match = nearest(VariantScores(system="x", lines=tuple(lines)), claims_of("si_sdr=5.10")[0])
    assert match.elsewhere is not None
    assert (match.elsewhere.tried, match.elsewhere.by_chance) == (22, pytest.approx(2 * 0.2))


def test_a_match_elsewhere_is_marked_and_counted(score: Score, tmp_path: Path) -> None:
    """No SI-SDR is near 16.5, but swapped SNR is."""
    said = score(*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--claimed", "si_sdr=19.2")
    shown = " ".join(said.out.split())
    assert "► claimed si_sdr=19.2: nearest of 4 values of si_sdr is " in shown
    assert "; none of them gives the claim when rounded" in shown
    assert "? other metrics, " in shown
    assert " of them would be as near to any number by chance" in shown
    frame = table(tmp_path)
    assert sorted(frame[frame["claimed"] != ""]["claimed_of"]) == ["claimed metric", "other metric"]


def test_a_family_without_a_value() -> None:
    match = nearest(KNOWN, claims_of("stoi=0.9")[0])
    assert match.nearest is None
    assert math.isnan(match.difference)


def test_claims_are_read() -> None:
    assert claims_of(" si_sdr = 15.20, stoi=.9,") == (
        ClaimedNumber(text="si_sdr=15.20", family="sdr", value=15.2, decimals=2),
        ClaimedNumber(text="stoi=.9", family="stoi", value=0.9, decimals=1),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "claims nothing"),
        ("si_sdr", "'si_sdr' is not NAME=NUMBER; write for example"),
        ("si_sdr=", "is not NAME=NUMBER"),
        ("=15", "is not NAME=NUMBER"),
        ("si_sdr=15,2", "'2' is not NAME=NUMBER"),
        ("si_sdr=good", "'good' is not a number"),
        ("si_sdr=nan", "'nan' is not a number"),
        ("si_sdr=inf", "'inf' is not a number"),
        ("si_sd=15", "did you mean 'si_sdr'"),
        ("stoi=93.1", "STOI is between 0 and 1 here; write stoi=0.931"),
    ],
)
def test_bad_claims(text: str, message: str) -> None:
    with pytest.raises(TsebenchError, match="--claimed") as caught:
        claims_of(text)
    assert message in str(caught.value)
    assert isinstance(caught.value, ConfigError)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("snr=3,si_sdri=15", "--claimed 'si_sdri=15' needs mixtures: add --mixtures DIR, or leave it out"),
        ("wer=12.5", "--claimed 'wer=12.5' needs transcripts of the targets: add --transcripts CSV, or leave it out"),
    ],
)
def test_a_claim_that_no_variant_can_have_is_refused_before_any_work(
    text: str, line: str, score: Score, tmp_path: Path
) -> None:
    said = score(*arguments(tmp_path, mixtures=False), "--claimed", text)
    assert (said.code, said.out, said.err) == (2, "", f"tsebench: {line}\n")
    assert not (tmp_path / "out").exists()


def test_names_of_improvements() -> None:
    assert not any(claim.improvement for claim in claims_of("stoi=0.9,estoi=0.8,sdr=1,wer=3,pesq=2"))
    assert all(claim.improvement for claim in claims_of("stoii=0.1,estoii=0.1,sdri=1,sd_sdri=3,pesqi=2"))
    assert claims_of("stoi=0.9,si_sdr=3", mixtures=False, transcripts=False)


def test_transcripts_that_are_not_there(score: Score, tmp_path: Path) -> None:
    said = score(*arguments(tmp_path), "--metrics", "wer", "--transcripts", tmp_path / "no.csv")
    assert said.code == 2
    assert said.err.endswith("no.csv' does not exist; give a CSV file with the columns name and text\n")


def test_a_bad_claim_is_one_line_before_any_work(score: Score, tmp_path: Path) -> None:
    said = score(*arguments(tmp_path), "--claimed", "si_sdr:15")
    assert (said.code, said.out) == (2, "")
    assert said.err == ("tsebench: --claimed 'si_sdr:15' is not NAME=NUMBER; write for example si_sdr=15.2\n")
    assert not (tmp_path / "out").exists()


def test_claimed_marks_the_right_variant(score: Score, tmp_path: Path) -> None:
    """The claim is the median with the mean kept: SD-SDR and SNR have it too, but are not what is claimed."""
    claimed = round(MEDIAN_DB - OFFSET_COST_DB, 1)
    said = score(*arguments(tmp_path, mixtures=False), "--metrics", "snr", "--claimed", f"si_sdr={claimed}")
    assert (said.code, said.err) == (0, "")
    line = next(text for text in said.out.splitlines() if "claimed si_sdr" in text)
    assert line.endswith("nearest of 4 values of si_sdr is median of SI-SDR, mean kept: 13.98 (−0.02)")
    assert "?" not in said.out.partition("variants of")[2]
    assert said.out.count("► 13.98") == 1
    frame = table(tmp_path)
    marked = frame[frame["claimed"] != ""]
    assert list(marked["claimed"]) == [f"si_sdr={claimed}"]
    assert list(marked["claimed_statistic"]) == ["median"]
    assert float(marked["claimed_difference"].iloc[0]) == pytest.approx(-0.0206, abs=1e-3)
    assert marked.index[0][0] == "si_sdr_mean_kept"


# Nothing is computed twice --------------------------------------------------------------------------


class CountingRecogniser:
    """Hears "one" everywhere, and counts."""

    batched = True
    heard = 0

    def __init__(self, argument: str, *, device: str, grammar: str | None, batch_size: int) -> None: ...

    def signature(self) -> str:
        return "counting:1"

    def transcribe(self, signals: Sequence[Array], sample_rate_hz: int) -> list[str]:
        CountingRecogniser.heard += len(signals)
        return ["one"] * len(signals)


@pytest.mark.parametrize("rate", ["wer", "cer"])
def test_no_recogniser_or_pesq_twice(rate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    (tmp_path / "words.csv").write_text("name,text\n" + "".join(f"{key},one two\n" for key in NOISE_DB))
    monkeypatch.setitem(RECOGNISERS._entries, "counting", CountingRecogniser)
    monkeypatch.setattr(CountingRecogniser, "heard", 0)
    counted: Counter[str] = Counter()
    compute = Pesq.compute_file

    def counting(self: Pesq, **signals: Any) -> float:
        counted[self.signature(RATE_HZ).split("|")[1]] += 1
        return compute(self, **signals)

    monkeypatch.setattr(Pesq, "compute_file", counting)
    choices = parse_metrics([rate, "pesq"], [f"{rate}.backend=counting"])
    folders = {name: tmp_path / short for name, short in (("estimates", "est"), ("references", "ref"))}
    facts = FactFiles(transcripts=tmp_path / "words.csv")
    options = ScoreOptions(out=tmp_path / "out", metrics=choices, facts=facts, device="cpu", jobs=0)
    result = score_folders(**folders, mixtures=tmp_path / "mix", options=options)
    heard = CountingRecogniser.heard
    # Three estimates; the references are one signal, and so are the mixtures.
    assert (heard, counted["nb"]) == (5, 6)
    scores = score_variants(
        result.files,
        system="x",
        device="cpu",
        wer=word_error_rate(choices, "cpu"),
        known=result.rows,
        known_of_mixture=result.mixture_rows,
        jobs=0,
    )
    assert CountingRecogniser.heard == heard
    assert counted["nb"] == 6 + 6  # swapped
    found = {(each.variant.name, each.quantity): each for each in scores.lines}
    assert found["wer_basic_pooled", "value"].mean == pytest.approx(50.0)
    rows = [row.value for row in result.rows if row.metric == "pesq"]
    assert found["pesq_nb", "value"].mean == pytest.approx(np.mean(rows), abs=1e-12)
