"""Outputs of a separator without an order: the best assignment of each mixture, and what does not fit."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from tsebench.bench.folders.assignment import best_order
from tsebench.bench.folders.outputs import list_files
from tsebench.bench.folders.score import FolderScores, ScoreOptions, score_folders
from tsebench.bench.folders.variants import score_variants
from tsebench.bench.rows import read_rows
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.cli import main as cli
from tsebench.core import ratios
from tsebench.core.errors import ConfigError, UnknownNameError
from tsebench.reports.leaderboard.assemble import open_board

RATE_HZ = 8000
MIXTURES = ("m0", "m1", "m2", "m3")
SWAPPED = ("m1", "m2")
Array = np.ndarray


def save(path: Path, samples: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, RATE_HZ, subtype="FLOAT")


def read(path: Path) -> Array:
    return soundfile.read(str(path), dtype="float32")[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two talkers; the outputs of `SWAPPED` are in the other order."""
    rng = np.random.default_rng(2)
    for mixture in MIXTURES:
        sources = 0.1 * rng.standard_normal((2, 2000))
        outputs = [sources[i] + 0.1 * sources[1 - i] for i in (0, 1)]
        save(tmp_path / "mix" / f"{mixture}.wav", sources.sum(axis=0))
        for i in (0, 1):
            save(tmp_path / "ref" / f"s{i + 1}" / f"{mixture}.wav", sources[i])
            save(tmp_path / "out" / f"s{i + 1}" / f"{mixture}.wav", outputs[1 - i if mixture in SWAPPED else i])
    return tmp_path


def score(root: Path, permutation: str | None = "si_sdr", out: str = "scored", **more: object) -> FolderScores:
    options = ScoreOptions(
        out=root / out,
        metrics=("si_sdri",),
        jobs=0,
        cache=root / "cache",
        device="cpu",
        permutation=permutation,
        **more,  # type: ignore[arg-type]
    )
    return score_folders(estimates=root / "out", references=root / "ref", mixtures=root / "mix", options=options)


def own_rows(root: Path, metric: str = "si_sdri") -> pd.DataFrame:
    rows = read_rows(root / "scored")
    return rows[(rows["system"] == "estimates") & (rows["metric"] == metric)].set_index("trial_id")


def test_each_reference_has_its_output(root: Path) -> None:
    """20 dB − 0 dB for every reference; by name half of them are −20 dB."""
    files = score(root).files
    rows = own_rows(root)
    assert list(rows.index) == [f"s{i}/{m}" for i in (1, 2) for m in MIXTURES]
    np.testing.assert_allclose(rows["value"], 20.0, atol=1.0)
    assert files.reordered == SWAPPED
    tags = {
        trial: ("s2" if (mixture in SWAPPED) == (trial[:2] == "s1") else "s1")
        for trial, mixture in files.mixture_ids.items()
    }
    assert dict(rows["tag_output"]) == tags
    assert dict(rows["mixture_id"]) == dict(rows["cluster"]) == files.mixture_ids
    score(root, "none")
    rows = own_rows(root)
    swapped = rows["mixture_id"].isin(SWAPPED)
    np.testing.assert_allclose(rows["value"], np.where(swapped, -20.0, 20.0), atol=1.0)


def test_every_signature_says_so(root: Path) -> None:
    score(root)
    rows = read_rows(root / "scored")
    assert rows["signature"].str.endswith("|perm:si_sdr").all()
    assert set(rows["system"]) == {"estimates", "mixture"}
    board = open_board([root / "scored"])
    assert len(board.tables) == 1
    assert [column.key for column in board.tables[0].columns] == ["si_sdri", "si_sdr"]  # one signature each
    assert any("in 2 of 4 mixtures in another order than the given one" in remark for remark in board.remarks)
    score(root, "none", out="ordered")
    assert not read_rows(root / "ordered")["signature"].str.contains("perm").any()


def test_intervals_are_over_mixtures(root: Path) -> None:
    """The two trials of a mixture are one cluster: the interval is that of the means of mixtures."""
    score(root)
    pooled = read_rows(root / "scored")
    means = pooled.groupby(["system", "metric", "mixture_id"], as_index=False).first()
    means["value"] = pooled.groupby(["system", "metric", "mixture_id"])["value"].mean().to_numpy()
    for one, other in zip(aggregate(pooled), aggregate(means), strict=True):
        assert (one.n, other.n) == (8, 4)
        np.testing.assert_allclose([one.mean, one.ci_low, one.ci_high], [other.mean, other.ci_low, other.ci_high])


# The best order -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (3, 3), (2, 4), (4, 2), (5, 5), (3, 6)])
def test_the_best_order_is_that_of_all_permutations(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    for _ in range(30):
        matrix = rng.normal(0, 10, shape)
        order = best_order(matrix)
        small, large = sorted(shape)
        wide = matrix if shape[0] <= shape[1] else matrix.T
        best = max(
            sum(wide[i, chosen[i]] for i in range(small)) for chosen in itertools.permutations(range(large), small)
        )
        assert sum(matrix[r, c] for r, c in order.items()) == pytest.approx(best)
        assert len(order) == len(set(order.values())) == small


def test_the_best_order_is_that_of_mir_eval() -> None:
    rng = np.random.default_rng(2)
    for _ in range(2):
        references = rng.standard_normal((2, 1500))
        estimates = references[rng.permutation(2)] + 0.7 * rng.standard_normal((2, 1500))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = mir_eval.separation.bss_eval_sources(references, estimates)[3]
        pairs = (torch.from_numpy(signals) for signals in (estimates[None], references[:, None]))
        estimate, reference = torch.broadcast_tensors(*pairs)
        closeness_db = ratios.si_sdr_db(estimate=estimate, reference=reference).numpy()
        assert list(best_order(closeness_db).values()) == wanted.tolist()


def test_the_given_order_counts_where_another_is_not_better() -> None:
    assert best_order(np.zeros((3, 3))) == {0: 0, 1: 1, 2: 2}
    assert best_order(np.array([[1.0, 1.0 + 9e-7], [1.0, 1.0]])) == {0: 0, 1: 1}
    assert best_order(np.array([[1.0, 1.0 + 2e-6], [1.0, 1.0]])) == {0: 1, 1: 0}


# What does not fit --------------------------------------------------------------------------------


def spoil(root: Path, output: str, signal: Array | None) -> None:
    path = root / "out" / output / "m1.wav"
    path.unlink()
    if signal is not None:
        save(path, signal)


def status(root: Path, metric: str = "si_sdr") -> dict[str, tuple[str, str]]:
    rows = own_rows(root, metric)
    rows = rows[rows["mixture_id"] == "m1"]
    return {str(trial): (row["status"], row["reason"]) for trial, row in rows.iterrows()}


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (np.full(2000, np.nan), "non_finite"),
        (np.zeros((2000, 2)), "has 2 channels where mono is needed"),
        (np.ones(1000), "length"),
        (None, "missing: 1 output for 2 references"),
    ],
)
@pytest.mark.parametrize("output", ["s1", "s2"])
def test_an_output_that_cannot_be_compared_takes_what_is_left(
    output: str, signal: Array | None, reason: str, root: Path
) -> None:
    """The good one of the two is that of its own reference; in m1 the order is the other one."""
    spoil(root, output, signal)
    assert score(root).failed_trials == 1
    found = status(root)
    good, bad = ("s1/m1", "s2/m1") if output == "s1" else ("s2/m1", "s1/m1")
    assert found[good] == ("ok", "")
    assert found[bad][0] == "failed"
    assert found[bad][1].startswith(reason)
    assert set(read_rows(root / "scored").query("mixture_id != 'm1'")["status"]) == {"ok"}


def test_a_silent_output_and_the_same_output_twice(root: Path) -> None:
    good = read(root / "out" / "s2" / "m1.wav")  # that of s1
    spoil(root, "s1", np.zeros(2000))
    score(root)
    assert status(root) == {"s1/m1": ("ok", ""), "s2/m1": ("ok", "floored")}
    spoil(root, "s1", good)
    files = score(root).files
    assert {files.outputs[f"{name}/m1"] for name in ("s1", "s2")} == {"s1", "s2"}
    assert "m1" not in files.reordered
    assert own_rows(root)["value"].loc[["s1/m1", "s2/m1"]].tolist() == pytest.approx([20.0, -20.0], abs=1.5)


def test_a_reference_that_cannot_be_read_leaves_the_better_output_to_the_other(root: Path) -> None:
    (root / "ref" / "s2" / "m1.wav").write_bytes(b"")
    assert score(root).failed_trials == 1
    found = status(root)
    assert found["s1/m1"] == ("ok", "")
    assert found["s2/m1"][1].startswith("reference:unreadable: ")


def test_outputs_beyond_the_references_are_left_out(root: Path) -> None:
    """A third output, of noise in m0, and the best of all in m3."""
    for mixture in MIXTURES:
        save(root / "out" / "s3" / f"{mixture}.wav", np.random.default_rng(0).standard_normal(2000))
    save(root / "out" / "s3" / "m3.wav", read(root / "ref" / "s1" / "m3.wav"))
    result = score(root)
    assert result.files.left_out == ("s1/m3", "s3/m0", "s3/m1", "s3/m2")
    assert own_rows(root)["tag_output"].loc["s1/m3"] == "s3"
    assert result.failed_trials == 0
    assert any(
        "4 outputs beyond the references are left out" in remark for remark in open_board([root / "scored"]).remarks
    )


def test_variants_are_of_the_assigned_outputs(root: Path) -> None:
    result = score(root)
    scores = score_variants(
        result.files, system="estimates", device="cpu", known=result.rows, known_of_mixture=result.mixture_rows, jobs=1
    )
    lines = {(line.variant.name, line.quantity): line for line in scores.lines}
    assert lines["si_sdr", "improvement"].mean == pytest.approx(own_rows(root)["value"].mean())
    assert lines["snr", "value"].mean == pytest.approx(20.0, abs=1.0)
    assert all(line.signature.endswith("|perm:si_sdr") for line in scores.lines)


# Folders ------------------------------------------------------------------------------------------


def test_folders_are_named_by_what_tells_them_apart(root: Path) -> None:
    for side in ("out", "ref"):
        for name in ("s1", "s2"):
            (root / side / name).rename(root / side / "wav")
            (root / side / name).mkdir()
            (root / side / "wav").rename(root / side / name / "wav")
    estimates, references = ([root / side / name / "wav" for name in ("s1", "s2")] for side in ("out", "ref"))
    listed = list_files(estimates, references, root / "mix", permutation="si_sdr")
    assert listed.keys == tuple(f"{name}/{mixture}" for mixture in MIXTURES for name in ("s1", "s2"))
    with pytest.raises(ConfigError, match="--references is given twice with one folder"):
        list_files(estimates, references[:1] * 2, None, permutation="si_sdr")


@pytest.mark.parametrize(
    ("estimates", "references", "permutation", "line"),
    [
        (["s1", "s2"], ["s1"], None, "--estimates is given 2 times; say how .* --permutation si_sdr for"),
        (["s1"], ["s1", "s2"], None, "--references is given 2 times"),
        (["s1"], ["s1", "s2"], "none", r"needs as many outputs as references, not 1 \(s1\) and 2 \(s1, s2\)"),
        (["s1"], ["s1"], "sisdr", "unknown permutation 'sisdr'; did you mean 'si_sdr'?"),
    ],
)
def test_folders_that_are_refused(
    estimates: list[str], references: list[str], permutation: str | None, line: str, root: Path
) -> None:
    outputs, targets = [root / "out" / name for name in estimates], [root / "ref" / name for name in references]
    with pytest.raises(ConfigError, match=line):
        list_files(outputs, targets, None, permutation=permutation)
    assert issubclass(UnknownNameError, ConfigError)


def test_the_command(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", str(root / "cache"))
    monkeypatch.chdir(root)
    folders = [
        f"--{what}={side}/{name}"
        for what, side in (("estimates", "out"), ("references", "ref"))
        for name in ("s1", "s2")
    ]
    with pytest.raises(SystemExit) as stop:
        cli.main(
            ["score", *folders, "--mixtures", "mix", "--permutation", "si_sdr", "--metrics", "si_sdri", "--out", "o"]
        )
    said = " ".join(capsys.readouterr().out.split())
    assert stop.value.code == 0
    assert "in 2 of 4 mixtures in another order than the given one" in said


# The wrong source ---------------------------------------------------------------------------------


def wrong_source(root: Path, out: str = "scored") -> list[str]:
    return [remark for remark in open_board([root / out]).remarks if remark.startswith("wrong source")]


def test_a_remark_where_the_order_is_not_that_of_the_references(root: Path) -> None:
    """Half of the outputs are of the other talker; the mixture is no alarm, and neither are assigned outputs."""
    score(root, "none")
    rows = read_rows(root / "scored")
    assert set(rows["metric"]) == {"si_sdr", "si_sdri"}  # what is computed for the remark is no metric of the run
    own = rows[(rows["system"] == "estimates") & (rows["metric"] == "si_sdr")]
    assert dict(own["tag_nearest"].eq("other")) == dict(own["mixture_id"].isin(SWAPPED))
    (line,) = wrong_source(root)
    assert line.startswith("wrong source in 4 of 8 trials (50%) of estimates on files")
    assert "--permutation si_sdr" in line
    score(root, out="assigned")
    assert wrong_source(root, "assigned") == []


def test_the_rest_of_the_mixture_is_the_other_source_of_plain_folders(root: Path) -> None:
    options = ScoreOptions(out=root / "plain", metrics=("snr",), jobs=0, cache=root / "cache", device="cpu")
    folders = {"estimates": root / "out" / "s1", "references": root / "ref" / "s1"}
    score_folders(**folders, mixtures=None, options=options)
    assert wrong_source(root, "plain") == []  # no other source is known
    score_folders(**folders, mixtures=root / "mix", options=replace(options, out=root / "mixed"))
    (line,) = wrong_source(root, "mixed")
    assert line.startswith("wrong source in 2 of 4 trials (50%)")


def test_the_metric_that_is_named_has_its_rows(root: Path) -> None:
    options = ScoreOptions(
        out=root / "named", metrics=("snr", "wrong_target_rate"), jobs=0, cache=root / "cache", permutation="none"
    )
    score_folders(estimates=root / "out", references=root / "ref", mixtures=None, options=options)
    rows = read_rows(root / "named").query("metric == 'wrong_target_rate'")
    assert rows["value"].eq(100.0).tolist() == rows["tag_nearest"].eq("other").tolist()
    assert rows["value"].mean() == 50.0
