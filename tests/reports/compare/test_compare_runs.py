"""Comparison of two runs: known differences, gates that fail when they should and only then."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.bench.rows import read_rows
from tsebench.bench.run.record import RunFacts
from tsebench.bench.score_row import ScoreRow
from tsebench.bench.statistics.comparison import compare_pairs, holm, paired_difference
from tsebench.bench.statistics.pooling import decisions
from tsebench.core.errors import ConfigError, UnknownNameError
from tsebench.reports.compare.compare_runs import CompareOptions, compare_runs
from tsebench.reports.compare.gate_checks import check_gates
from tsebench.reports.compare.gates import Gate, Restriction, parse_gate, parse_gates
from tsebench.reports.compare.matched_runs import Matched, Side, SystemPair
from tsebench.reports.compare.paired_strata import Resampling, cells_of
from tsebench.reports.compare.result import Comparison

RNG = np.random.default_rng(5)
BASE = list(RNG.normal(10.0, 3.0, size=60))
NOISE = list(RNG.normal(0.0, 0.1, size=60))


def compared(
    folder: Path,
    base: list[ScoreRow],
    candidate: list[ScoreRow],
    *gates: str,
    facts: tuple[dict[str, object] | None, dict[str, object] | None] = (None, None),
    **options: object,
) -> Comparison:
    runs = [
        make_run(folder / name, rows, run_facts)
        for name, rows, run_facts in zip(("base", "cand"), (base, candidate), facts, strict=True)
    ]
    chosen = CompareOptions(gates=parse_gates(gates), **options)  # type: ignore[arg-type]
    return compare_runs(runs[0], runs[1], chosen)


def shifted(by: float, **changes: object) -> list[ScoreRow]:
    values = [x + by + e for x, e in zip(BASE, NOISE, strict=True)]
    return rows_of(values, **changes)


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("si_sdri<-0.2", Gate(metric="si_sdri", sign="<", threshold=-0.2)),
        (" si_sdri < −0.2 ", Gate(metric="si_sdri", sign="<", threshold=-0.2)),
        (
            "wer>+1.0@condition=FMQ",
            Gate(metric="wer", sign=">", threshold=1.0, restrictions=(Restriction("condition", "FMQ"),)),
        ),
        (
            "snri<-1e-1@input_snr=..-10,condition=PMQ 1:3, class=a,b",
            Gate(
                metric="snri",
                sign="<",
                threshold=-0.1,
                restrictions=(
                    Restriction("input_snr", "..-10"),
                    Restriction("condition", "PMQ 1:3"),
                    Restriction("class", "a,b"),
                ),
            ),
        ),
    ],
)
def test_a_gate_is_read(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate
    assert parse_gate(str(gate)) == gate  # what is printed can be given again


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("si_sdri", "is not METRIC<NUMBER"),
        ("", "is not METRIC<NUMBER"),
        ("si_sdri<=-0.2", "'=-0.2' is not a number"),
        ("si_sdri<-0.2dB", "'-0.2dB' is not a number"),
        ("si_sdri<nan", "'nan' is not a number"),
        ("si_sdri<inf", "'inf' is not a number"),
        ("si_sdri<-0.2@", "'' is not SLICE=VALUE"),
        ("si_sdri<-0.2@FMQ", "'FMQ' is not SLICE=VALUE"),
        ("si_sdri<-0.2@condition=", "a slice has no value"),
        ("si_sdri<-0.2@condition=FMQ,condition=PMQ", "names slice 'condition' twice"),
    ],
)
def test_errors_of_gates(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse_gate(text)


def test_a_known_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, rows_of(BASE), rows_of([x - 0.5 for x in BASE]))
    (change,) = found.changes
    assert change.difference.mean == pytest.approx(-0.5, abs=1e-12)
    assert (change.base, change.candidate) == pytest.approx((np.mean(BASE), np.mean(BASE) - 0.5))
    assert (change.difference.n, change.difference.n_clusters, change.n_changed) == (60, 30, 30)
    assert change.verdict == "worse"
    assert found.exit_code == 0  # no gate was given


def test_differences_are_those_of_the_bench(tmp_path: Path) -> None:
    """The same numbers as `compare_pairs` gives for rows of one frame."""
    base = [*rows_of(BASE), *rows_of(BASE, "old")]
    candidate = [*shifted(-0.4), *rows_of([x - 0.1 * (i % 3) for i, x in enumerate(BASE)], "old")]
    found = compared(tmp_path, base, candidate)
    frames = [
        read_rows(tmp_path / name).assign(system=lambda rows, n=name: n + "/" + rows["system"])
        for name in ("base", "cand")
    ]
    wanted = compare_pairs(
        pd.concat(frames),
        pairs=[("cand/net", "base/net"), ("cand/old", "base/old")],
        dataset="set",
        condition="FMQ 1:0",
        metric="si_sdri",
        resamples=200,
    )
    for change, other in zip(found.changes, wanted, strict=True):
        ours = change.difference
        for name in ("n", "n_clusters", "mean", "ci_low", "ci_high", "p_value", "p_adjusted"):
            assert getattr(ours, name) == pytest.approx(getattr(other, name), rel=1e-9), name


def test_a_rate_is_pooled_over_words(tmp_path: Path) -> None:
    """One error in one word against one in nine: 20 % of words, though 56 % of trials."""
    options = {"metric": "wer", "signature": "wer", "weight": [1.0, 9.0]}
    base = rows_of([0.0, 0.0], **options)
    candidate = rows_of([100.0, 100.0 / 9.0], **options)
    (change,) = compared(tmp_path, base, candidate).changes
    assert (change.base, change.candidate) == pytest.approx((0.0, 20.0))
    assert change.difference.mean == pytest.approx(20.0)


def test_an_f1_is_pooled_over_decisions(tmp_path: Path) -> None:
    hit, miss = (decisions(["dog"], [p], ["dog"], 0.5) for p in (0.9, 0.1))
    options = {"metric": "micro_f1", "signature": "micro_f1"}
    base = rows_of([1.0] * 40, detail=[hit] * 40, **options)
    lost = [miss if i % 4 == 0 else hit for i in range(40)]
    candidate = rows_of([float(d == hit) for d in lost], detail=lost, **options)
    (change,) = compared(tmp_path, base, candidate).changes
    # 30 hits, 10 misses, no false alarm: 2·30 / (2·30 + 10)
    assert (change.base, change.candidate) == pytest.approx((1.0, 60 / 70))
    frames = [read_rows(tmp_path / n).assign(system=n) for n in ("base", "cand")]
    wanted = paired_difference(
        pd.concat(frames),
        system="cand",
        baseline="base",
        dataset="set",
        condition="FMQ 1:0",
        metric="micro_f1",
        resamples=200,
    )
    assert change.difference.mean == pytest.approx(wanted.mean)
    assert change.difference.p_value == wanted.p_value
    assert change.difference.ci_low == pytest.approx(wanted.ci_low)


@pytest.mark.parametrize(
    ("by", "gate", "code"),
    [
        (0.0, "si_sdri<-0.2", 0),
        (-0.5, "si_sdri<-0.2", 1),
        (-0.5, "si_sdri<-0.6", 0),
        (+0.5, "si_sdri<-0.2", 0),
        (0.0, "si_sdri<+0.2", 1),  # an improvement is demanded
        (0.5, "si_sdri<+0.2", 0),
    ],
)
def test_a_gate_fails_beyond_its_threshold(tmp_path: Path, by: float, gate: str, code: int) -> None:
    found = compared(tmp_path, rows_of(BASE), shifted(by), gate)
    assert found.exit_code == code
    assert len(found.checks) == 1


def test_a_gate_of_a_metric_that_is_better_when_lower(tmp_path: Path) -> None:
    options = {"metric": "wer", "signature": "wer"}
    worse = rows_of([x + 2.0 for x in BASE], **options)
    assert compared(tmp_path, rows_of(BASE, **options), worse, "wer>+1.0").exit_code == 1
    assert compared(tmp_path / "b", worse, rows_of(BASE, **options), "wer>+1.0").exit_code == 0


def noisy(mean: float) -> list[ScoreRow]:
    """A candidate whose differences are far larger than their mean."""
    rng = np.random.default_rng(2)
    noise = rng.normal(0.0, 3.0, size=60)
    noise += mean - noise.mean()
    return rows_of([x + e for x, e in zip(BASE, noise, strict=True)])


@pytest.mark.parametrize(
    ("decide", "outcome"), [("significant", "unproven"), ("mean", "failed"), ("interval", "unproven")]
)
def test_what_noise_explains(tmp_path: Path, decide: str, outcome: str) -> None:
    found = compared(tmp_path, rows_of(BASE), noisy(-0.3), "si_sdri<-0.2", decide=decide)
    (check,) = found.checks
    assert check.change.difference.mean == pytest.approx(-0.3)
    assert check.outcome == outcome
    assert found.exit_code == (1 if outcome == "failed" else 0)


def test_significant_is_against_no_change_and_interval_against_the_threshold(tmp_path: Path) -> None:
    """−0.22 ± 0.03 dB is a real loss, but not all of its interval is below −0.2 dB."""
    candidate = shifted(-0.22 - float(np.mean(NOISE)))
    outcomes = {
        decide: compared(tmp_path / decide, rows_of(BASE), candidate, "si_sdri<-0.2", decide=decide).checks[0].outcome
        for decide in ("significant", "mean", "interval")
    }
    assert outcomes == {"significant": "failed", "mean": "failed", "interval": "unproven"}


def test_a_few_broken_mixtures_fail_though_no_test_could_find_them(tmp_path: Path) -> None:
    broken = [x - 30.0 if i < 4 else x for i, x in enumerate(BASE)]
    (check,) = compared(tmp_path, rows_of(BASE), rows_of(broken), "si_sdri<-0.2").checks
    assert check.change.n_changed == 2
    assert check.change.difference.p_value == 0.5  # of 2 mixtures
    assert check.outcome == "failed"
    assert "the mean decides" in check.reason


def test_an_infinite_loss_fails(tmp_path: Path) -> None:
    """An infinite value in the base run: no test is possible, and the loss is no less real."""
    base = rows_of([math.inf, *BASE[1:]])
    (check,) = compared(tmp_path, base, shifted(0.0), "si_sdri<-0.2").checks
    assert check.change.difference.mean == -math.inf
    assert check.outcome == "failed"


def matched(n: int, strata: int) -> Matched:
    """Two runs of `n` trials in each stratum, whose values are all 0 dB."""

    def side() -> Side:
        parts = [
            pd.DataFrame(
                {
                    "system": "net",
                    "dataset": "set",
                    "trial_id": [f"t{k}-{i:03d}" for i in range(n)],
                    "condition": "PMQ" if k else "FMQ",
                    "n_active": 1,
                    "n_inactive": k,
                    "cluster": [f"m{i // 2}" for i in range(n)],
                    "metric": "si_sdri",
                    "value": 0.0,
                    "status": "ok",
                    "reason": "",
                    "weight": 1.0,
                    "detail": "",
                }
            )
            for k in range(strata)
        ]
        return Side(folder=Path(), facts=RunFacts(), rows=pd.concat(parts))

    return Matched(
        base=side(),
        candidate=side(),
        pairs=(SystemPair(base="net", candidate="net"),),
        datasets=("set",),
        metrics=(("set", "si_sdri"),),
        notes=(),
        gaps=(),
    )


def failures(gate: str, shift: float, *, n: int, strata: int, seeds: int) -> int:
    """Simulated comparisons of which at least one check failed: noise of 1 dB, and means that differ by `shift`."""
    failed = 0
    empty = list(cells_of(matched(n, strata)))
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        bases, candidates = (rng.normal(mean, 1.0, size=(strata, n)) for mean in (0.0, shift))
        cells = [
            replace(cell, base=cell.base.assign(value=base), candidate=cell.candidate.assign(value=candidate))
            for cell, base, candidate in zip(empty, bases, candidates, strict=True)
        ]
        settings = Resampling(resamples=50, seed=seed)
        checks = check_gates(parse_gates([gate]), cells, decide="significant", settings=settings)
        failed += any(check.outcome == "failed" for check in checks)
    return failed


@pytest.mark.long
def test_false_alarms_are_as_rare_as_documented() -> None:
    """No change but noise: 2.5 % for all checks of a gate together, with the strictest threshold.

    Of 100 comparisons of three strata, more than 8 would fail with a chance of 0.1 %.
    """
    assert failures("si_sdri<0", 0.0, n=40, strata=3, seeds=100) <= 8


@pytest.mark.slow
def test_a_threshold_leaves_fewer_false_alarms_and_a_real_loss_is_found() -> None:
    assert failures("si_sdri<-0.2", 0.0, n=200, strata=2, seeds=40) <= 4  # 0.2 % beyond
    assert failures("si_sdri<-0.2", -0.5, n=200, strata=2, seeds=40) == 40


def two_strata(by_fmq: float, by_pmq: float) -> tuple[list[ScoreRow], list[ScoreRow]]:
    names = [f"p{i:03d}" for i in range(60)]
    pmq = {"condition": "PMQ", "n_inactive": 3, "trial_id": names}
    base = [*rows_of(BASE), *rows_of(BASE, **pmq)]
    return base, [*shifted(by_fmq), *shifted(by_pmq, **pmq)]


@pytest.mark.parametrize(
    ("slices", "code", "checks"),
    [
        ("", 1, 2),
        ("@condition=FMQ", 0, 1),
        ("@condition=PMQ", 1, 1),
        ("@condition=PMQ 1:3", 1, 1),
        ("@dataset=set", 1, 2),
        ("@system=net,condition=FMQ", 0, 1),
    ],
)
def test_strata_are_never_pooled(tmp_path: Path, slices: str, code: int, checks: int) -> None:
    """+0.5 dB in one stratum does not make up for −0.5 dB in the other."""
    base, candidate = two_strata(+0.5, -0.5)
    found = compared(tmp_path, base, candidate, f"si_sdri<-0.2{slices}")
    assert (found.exit_code, len(found.checks)) == (code, checks)


def with_tags(by_low: float, by_high: float) -> tuple[list[ScoreRow], list[ScoreRow]]:
    """Half of the trials at an input SNR of −12 dB, and half of each of two women."""
    tags = [{"input_snr_db": -12 if i % 2 else 3, "gender_pair": "FF" if i < 30 else "FM"} for i in range(60)]
    values = [x + e + (by_low if i % 2 else by_high) for i, (x, e) in enumerate(zip(BASE, NOISE, strict=True))]
    return rows_of(BASE, tags=tags), rows_of(values, tags=tags)


def test_a_slice_that_is_worse_is_found(tmp_path: Path) -> None:
    base, candidate = with_tags(-1.0, +1.0)
    found = compared(
        tmp_path,
        base,
        candidate,
        "si_sdri<-0.2",
        "si_sdri<-0.2@input_snr=..-10",
        "si_sdri<-0.2@input_snr=..-10,gender_pair=FF",
        "si_sdri<-0.2@input_snr=0..5",
    )
    assert [check.outcome for check in found.checks] == ["passed", "failed", "failed", "passed"]
    assert [check.change.difference.n for check in found.checks] == [60, 30, 15, 30]
    means = {str(c.slice): c.difference.mean for c in found.slices}
    assert means["input_snr=..-10"] == pytest.approx(-1.0, abs=0.1)
    assert means["input_snr=0..5"] == pytest.approx(1.0, abs=0.1)
    assert set(means) == {"input_snr=..-10", "input_snr=0..5", "gender_pair=FF", "gender_pair=FM"}


def test_slices_are_corrected_within_their_dimension(tmp_path: Path) -> None:
    base, candidate = with_tags(-0.05, -0.02)
    found = [c for c in compared(tmp_path, base, candidate).slices if c.slice]
    snr = [c.difference for c in found if c.slice and c.slice.name == "input_snr"]
    assert [d.p_adjusted for d in snr] == pytest.approx(list(holm([d.p_value for d in snr])))


@pytest.mark.parametrize(
    ("gate", "match"),
    [
        ("pesq<-0.1", "unknown metric 'pesq'.*known: si_sdri"),
        ("si_sdr<-0.1", "unknown metric 'si_sdr'; did you mean 'si_sdri'"),
        ("si_sdri>+0.1", "fails when si_sdri gets better: higher is better"),
        ("si_sdri<-1@gendre_pair=FF", "unknown slice 'gendre_pair'; did you mean 'gender_pair'"),
        ("si_sdri<-1@gender_pair=MM", r"no trial has gender_pair 'MM'.*known: FF, FM"),
        ("si_sdri<-1@condition=FUQ", r"no trial has condition 'FUQ'.*known: FMQ, FMQ 1:0"),
        ("si_sdri<-1@system=nett", "no trial has system 'nett'; did you mean 'net'"),
        ("si_sdri<-1@input_snr=-12", r"no trial has input_snr '-12'.*\.\.-10, 0\.\.5"),
        ("si_sdri<-1@input_snr=10..", "no trial has input_snr"),
    ],
)
def test_a_gate_that_cannot_fail_is_an_error(tmp_path: Path, gate: str, match: str) -> None:
    base, candidate = with_tags(0.0, 0.0)
    with pytest.raises(ConfigError, match=match) as caught:
        compared(tmp_path, base, candidate, gate)
    assert caught.value.exit_code == 2


def test_slices_without_a_common_trial_are_an_error(tmp_path: Path) -> None:
    tags = [{"a": "x", "b": "u"}, {"a": "y", "b": "v"}]
    rows = rows_of([1.0, 2.0], tags=tags)
    with pytest.raises(ConfigError, match="looks at no trial"):
        compared(tmp_path, rows, rows, "si_sdri<-1@a=x,b=v")


def test_a_trial_that_one_run_lacks_fails_unless_it_is_allowed(tmp_path: Path) -> None:
    base, candidate = rows_of(BASE), shifted(+1.0)[:-3]
    found = compared(tmp_path / "a", base, candidate, "si_sdri<-0.2")
    assert found.exit_code == 3
    assert found.changes[0].coverage.base_only == 3
    assert found.changes[0].difference.n == 57
    assert [check.outcome for check in found.checks] == ["incomplete"]
    assert "t057, t058, t059" in found.checks[0].reason
    allowed = compared(tmp_path / "b", base, candidate, "si_sdri<-0.2", allow_incomplete=True)
    assert allowed.exit_code == 0
    assert allowed.changes[0].coverage.base_only == 3


@pytest.mark.parametrize("lost", ["base", "candidate"])
def test_a_failed_trial_is_one_sided_and_a_regression_weighs_more(tmp_path: Path, lost: str) -> None:
    values = {"base": list(BASE), "candidate": [x - 1.0 for x in BASE]}
    values[lost][5] = math.nan
    rows = {name: rows_of(own) for name, own in values.items()}
    found = compared(tmp_path, rows["base"], rows["candidate"])
    assert found.exit_code == 3  # even without a gate
    assert found.changes[0].coverage.one_sided == 1
    found = compared(tmp_path / "g", rows["base"], rows["candidate"], "si_sdri<-0.2")
    assert found.exit_code == 1


def test_what_failed_in_both_runs_is_counted_and_does_not_fail(tmp_path: Path) -> None:
    base, candidate = list(BASE), [x + 0.1 for x in BASE]
    base[7] = candidate[7] = math.nan
    found = compared(tmp_path, rows_of(base), rows_of(candidate), "si_sdri<-0.2")
    assert found.exit_code == 0
    assert (found.changes[0].coverage.neither, found.changes[0].coverage.one_sided) == (1, 0)


def test_a_gate_without_any_value_is_no_pass(tmp_path: Path) -> None:
    lost = rows_of([math.nan] * 4)
    found = compared(tmp_path / "a", rows_of(BASE[:4]), lost, "si_sdri<-0.2")
    assert [check.outcome for check in found.checks] == ["incomplete"]
    assert found.exit_code == 3


def test_trials_that_a_metric_does_not_apply_to_are_set_aside(tmp_path: Path) -> None:
    absent = {
        "condition": "FUQ",
        "n_active": 0,
        "n_inactive": 1,
        "status": "undefined",
        "reason": "absent_target",
        "trial_id": ["u0", "u1"],
    }
    rows = [*rows_of(BASE[:4]), *rows_of([math.nan] * 2, **absent)]
    found = compared(tmp_path, rows, [*shifted(0.1)[:4], *rows[4:]], "si_sdri<-0.2")
    assert [(c.condition, c.coverage.neither) for c in found.changes] == [("FMQ 1:0", 0)]
    assert len(found.checks) == 1


def test_a_run_that_was_killed_is_incomplete_on_both_sides(tmp_path: Path) -> None:
    run_facts = facts_of(datasets={"set": {"fingerprint": "f1", "trials": {"FMQ 1:0": 64}}})
    found = compared(tmp_path, rows_of(BASE), shifted(0.0), facts=(run_facts, run_facts))
    assert found.exit_code == 3
    assert len(found.gaps) == 2
    assert "net lacks 4 trials of 64 on set" in found.gaps[0]


def test_the_same_run_twice_is_unchanged(tmp_path: Path) -> None:
    found = compared(tmp_path, rows_of(BASE), rows_of(BASE), "si_sdri<-0.2")
    assert (found.exit_code, found.changes, found.unchanged) == (0, (), ("net",))
    assert [check.outcome for check in found.checks] == ["passed"]


def test_systems_pair_by_name_or_as_options_say(tmp_path: Path) -> None:
    base = [*rows_of(BASE), *rows_of(BASE, "gone")]
    candidate = [*shifted(-0.5), *rows_of(BASE, "new")]
    found = compared(tmp_path / "a", base, candidate)
    assert [change.system for change in found.changes] == ["net"]
    assert "systems of the base run alone: gone" in found.notes
    assert "systems of the candidate run alone: new" in found.notes
    found = compared(tmp_path / "b", base, candidate, base_system="gone", candidate_system="net")
    assert [change.system for change in found.changes] == ["gone → net"]
    assert found.changes[0].difference.mean == pytest.approx(-0.5, abs=0.1)
    with pytest.raises(UnknownNameError, match="system of the candidate run 'gone'"):
        compared(tmp_path / "c", base, candidate, base_system="gone")
    with pytest.raises(ConfigError, match="no system in common: base has net, candidate has new"):
        compared(tmp_path / "d", base[:60], candidate[60:])


def test_another_build_of_a_set_is_refused(tmp_path: Path) -> None:
    facts = (facts_of(fingerprint="a" * 64), facts_of(fingerprint="b" * 64))
    with pytest.raises(ConfigError, match="'aaaaaaaaaaaa' in the base run and 'bbbbbbbbbbbb'"):
        compared(tmp_path, rows_of(BASE), rows_of(BASE), facts=facts)


def test_another_signature_is_refused_unless_it_is_left_out(tmp_path: Path) -> None:
    base = [*rows_of(BASE), *rows_of(BASE, metric="stoi", signature="stoi|1")]
    candidate = [*shifted(0.0), *rows_of(BASE, metric="stoi", signature="stoi|2")]
    with pytest.raises(ConfigError, match=r"metric 'stoi'.*'stoi\|1'.*'stoi\|2'.*--metrics"):
        compared(tmp_path, base, candidate)
    found = compared(tmp_path / "m", base, candidate, metrics=("si_sdri",))
    assert [change.metric.name for change in found.changes] == ["si_sdri"]


def test_runs_without_a_set_or_metric_in_common_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no dataset in common: base has set, candidate has b"):
        compared(tmp_path, rows_of(BASE), rows_of(BASE, dataset="b"))
    with pytest.raises(ConfigError, match="no metric in common: base has si_sdri, candidate has p"):
        compared(tmp_path, rows_of(BASE), rows_of(BASE, metric="pesq", signature="p"))


def test_a_value_whose_improvement_is_there_is_shown_once(tmp_path: Path) -> None:
    def both(by: float) -> list[ScoreRow]:
        plain = rows_of([x + by for x in BASE], metric="si_sdr", signature="si_sdr")
        return [*rows_of([x + by for x in BASE]), *plain]

    found = compared(tmp_path, both(0.0), both(-1.0), "si_sdr<-0.2")
    assert [change.metric.name for change in found.changes] == ["si_sdri"]
    assert [check.outcome for check in found.checks] == ["failed"]  # a gate may still ask for it


def test_the_worst_trials_are_named_the_lost_ones_first(tmp_path: Path) -> None:
    values = [x + 0.1 for x in BASE]
    values[3], values[9], values[20] = BASE[3] - 5.0, BASE[9] - 9.0, math.nan
    found = compared(tmp_path, rows_of(BASE), rows_of(values))
    assert [trial.trial_id for trial in found.worst] == ["t020", "t009", "t003"]
    assert found.worst[0].candidate_reason == "failed: non_finite"
    assert found.worst[1].difference == pytest.approx(-9.0)


@pytest.mark.long
def test_a_real_difference_survives_the_correction_for_many(tmp_path: Path) -> None:
    """With 300 comparisons the first 9999 signs could not tell anything; more are drawn."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 60))
    base = [row for k in range(300) for row in rows_of(BASE[:60], f"n{k:03d}")]
    values = BASE[:60] + noise - np.where(np.arange(300) == 7, 3.0, 0.0)[:, None]
    candidate = [r for k in range(300) for r in rows_of(list(values[k]), f"n{k:03d}")]
    found = compared(tmp_path, base, candidate, slices=False)
    assert [c.system for c in found.changes if c.verdict == "worse"] == ["n007"]


def of_phase(phase: str) -> dict[str, object]:
    return {**facts_of(), "systems": {"net": {"card": {"phase": phase}}}}


def test_a_gate_of_a_sample_exact_metric_judges_no_generated_phase(tmp_path: Path) -> None:
    facts = (of_phase("generated"), of_phase("generated"))
    with pytest.raises(ConfigError, match="judges no system: of net, its phase is generated, and SI-SDRi compares"):
        compared(tmp_path, rows_of(BASE), shifted(-3.0), "si_sdri<-0.2", facts=facts)
    found = compared(tmp_path / "ungated", rows_of(BASE), shifted(-3.0), facts=facts)
    (change,) = found.changes
    assert change.verdict == "changed"  # shown, and neither better nor worse
    assert found.worst == ()
    found = compared(tmp_path / "kept", rows_of(BASE), shifted(-3.0), "si_sdri<-0.2", facts=(of_phase("kept"),) * 2)
    assert (found.exit_code, found.changes[0].verdict) == (1, "worse")


def test_a_gate_says_which_systems_it_leaves_out(tmp_path: Path) -> None:
    systems = {"net": {"card": {"phase": "generated"}}, "mask": {"card": {}}}
    facts = {**facts_of(systems), "systems": systems}
    base, candidate = (
        [*rows(), *rows(system="mask")] for rows in (lambda **c: rows_of(BASE, **c), lambda **c: shifted(-3.0, **c))
    )
    found = compared(tmp_path, base, candidate, "si_sdri<-0.2", facts=(facts, facts))
    assert [check.change.system for check in found.checks] == ["mask"]
    assert any(note.startswith("gate si_sdri<-0.2 leaves out net: its phase is generated") for note in found.notes)


def test_samples_are_compared_by_their_means(tmp_path: Path) -> None:
    base = [*rows_of(BASE), *rows_of(BASE, sample=1)]
    found = compared(tmp_path, base, [*shifted(-4.0), *shifted(2.0, sample=1)])
    (change,) = found.changes
    assert change.difference.n == 60
    assert change.difference.mean == pytest.approx(-1.0 + np.mean(NOISE))
