"""Facts of metrics in reports: order, default ranking, metrics that are not installed, `rank_by`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers.runs import facts_of, make_run, rows_of

from tsebench.bench.metrics.protocol import MetricInfo
from tsebench.bench.metrics.registry import known_metrics
from tsebench.bench.run.rank_by import RankBy, preferred
from tsebench.bench.statistics.pooling import decisions
from tsebench.core.errors import ConfigError
from tsebench.reports.formats.json import read_json
from tsebench.reports.formats.registry import REPORTS
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.metric_facts import metric_facts, table_order

ELSEWHERE = MetricInfo(
    name="package_f1",
    unit="0..1",
    higher_is_better=False,
    description="of a package that is not installed here",
    label="Package F1",
    order=-2000,
    rank_order=0,
    pooling="micro_f1",
)


def test_order_in_tables() -> None:
    ordered = sorted(
        (info for info in known_metrics() if info.order is not None), key=lambda info: (table_order(info), info.name)
    )
    assert [info.name for info in ordered] == [
        *("snri", "binaural_snri", "binaural_snri_left", "binaural_snri_right"),
        *("si_sdri", "binaural_si_sdri", "binaural_si_sdri_left", "binaural_si_sdri_right"),
        *("sdri", "ca_sdri", "capi_sdri", "casa_sdri", "pesqi", "stoii", "estoii"),
        *("snr", "binaural_snr", "binaural_snr_left", "binaural_snr_right"),
        *("si_sdr", "binaural_si_sdr", "binaural_si_sdr_left", "binaural_si_sdr_right"),
        *("sdr", "casa_sdr", "log_wmse", "pesq", "stoi", "estoi", "wer", "wer_reference"),
        *("cer", "cer_reference", "ter", "ter_reference", "dwer", "ts_asr_wer", "cpwer", "attenuation"),
        *("false_extraction_rate", "output_level", "verification_score"),
        *("macro_f1", "micro_f1", "label_accuracy", "label_accuracy_sources"),
        *("wrong_target_rate", "wrong_speaker_rate", "speech_in_silence", "timing_f1"),
        *("on_screen_gain", "off_screen_gain"),
        *("off_screen_activity_f1", "off_screen_average_precision", "off_screen_false_alarms"),
        *("ild_error", "itd_error"),
    ]


def test_default_ranking_metric() -> None:
    left = {info.name: info for info in known_metrics()}
    order = []
    while found := preferred(left.values()):
        order.append(found.name)
        del left[found.name]
    assert order == ["snri", "si_sdri", "attenuation", "si_sdr", "snr", "sdri", "sdr"]


def test_a_metric_that_is_not_installed_is_labelled_ordered_pooled_and_ranked(tmp_path: Path) -> None:
    """Two trials with one right decision of three, and one of one: F1 is 2 · 2 / (4 + 2) together."""
    details = [
        decisions(["a", "b", "c"], [1.0, 1.0, 1.0], ["a"], 0.5),
        decisions(["a", "b", "c"], [1.0, 0.0, 0.0], ["a"], 0.5),
    ]
    own = {"metric": "package_f1", "signature": "package_f1|1"}
    rows = [
        *rows_of([0.5, 1.0], "poor", **own, detail=details),
        *rows_of([0.0, 0.0], "good", **own, detail=decisions(["a"], [1.0], [], 0.5)),
        *rows_of([1.0, 2.0], "poor"),
        *rows_of([1.0, 2.0], "good"),
    ]
    facts = facts_of(["poor", "good"], metrics={"package_f1": asdict(ELSEWHERE)})
    board = open_board([make_run(tmp_path / "run", rows, facts)])
    (table,) = board.tables
    assert [column.title for column in table.columns] == ["Package F1", "SI-SDRi"]
    assert table.primary == 0
    assert [entry.system for entry in table.entries] == ["good", "poor"]  # lower is better
    poor = table.entries[1].cells[0]
    assert poor is not None
    assert poor.mean == pytest.approx(2 / 3)
    REPORTS.get("json")(board, tmp_path / "out")
    again = read_json(tmp_path / "out" / "leaderboard.json")
    assert again.tables[0].columns == table.columns
    assert again.tables[0].columns[0].facts == metric_facts("package_f1", board.runs) == ELSEWHERE
    assert metric_facts("package_f1") == MetricInfo(name="package_f1")


def ranked(folder: Path, rank_by: RankBy, config: RankBy = "") -> str:
    """The ranking metric of a run with three metrics, one of them unknown."""
    rows = [
        row
        for metric in ("si_sdri", "sdri", "mystery", "wer_deletions")
        for row in rows_of([1.0, 2.0], metric=metric, signature=metric)
    ]
    run = make_run(folder, rows, facts_of(config={"rank_by": config}))
    (table,) = open_board([run], rank_by=rank_by).tables
    assert table.primary is not None
    return table.columns[table.primary].key


@pytest.mark.parametrize(
    ("rank_by", "config", "metric"),
    [
        ("", "", "si_sdri"),
        ("sdri", "", "sdri"),
        ({"set": "sdri"}, "", "sdri"),
        ("", "sdri", "sdri"),
        ("", {"set": "sdri"}, "sdri"),
        ("si_sdri", {"set": "sdri"}, "si_sdri"),
    ],
)
def test_rank_by_of_a_report_and_of_a_config(tmp_path: Path, rank_by: RankBy, config: RankBy, metric: str) -> None:
    assert ranked(tmp_path, rank_by, config) == metric


@pytest.mark.parametrize(
    ("rank_by", "match"),
    [
        ("sdrii", "rank_by: dataset 'set' has no metric 'sdrii'; did you mean 'sdri'"),
        ({"sett": "sdri"}, "rank_by: unknown dataset 'sett'; did you mean 'set'"),
        ({"set": "snri"}, "rank_by: dataset 'set' has no metric 'snri'"),
        ("mystery", "rank_by: metric 'mystery' cannot rank systems: it has no direction"),
        ("wer_deletions", "rank_by: metric 'wer_deletions' cannot rank systems: it is a part of 'wer'"),
    ],
)
def test_a_wrong_rank_by_is_one_clear_line(tmp_path: Path, rank_by: RankBy, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        ranked(tmp_path, rank_by)


def test_facts_in_a_file_are_those_of_the_metric(tmp_path: Path) -> None:
    """Every registered metric, through JSON as run.json holds it."""
    infos = {info.name: info for info in known_metrics()}
    facts = facts_of(metrics={name: json.loads(json.dumps(asdict(info))) for name, info in infos.items()})
    (run,) = open_board([make_run(tmp_path, rows_of([1.0]), facts)]).runs
    assert run.metrics == infos
