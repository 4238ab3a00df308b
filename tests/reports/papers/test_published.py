"""Published numbers: the shipped file agrees with the papers, and a wrong file gives an error."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tsebench.bench.metrics.registry import known_metrics
from tsebench.core.errors import DatasetError, UnknownNameError
from tsebench.reports.papers.published import PUBLISHED, published_table, read_published

HEADER = "paper,table,system,variant,dataset,condition,metric,value,unit,note\n"
LINE = "p,Table 1,s,v,d,FMQ 1:0,sdri,1.5,dB,\n"


# Copied from the papers by hand: corners and middles of each table.
BY_HAND = """
soundbeam_fewshot|Table 1|soundbeam_mixed_el|query=1-hot|FMQ 1:0|sdri|12.9
soundbeam_fewshot|Table 1|soundbeam_enrl|query=enrollment|FMQ 1:0|sdri|10.4
soundbeam_fewshot|Table 2|soundbeam_mixed|new classes K=5|FMQ 1:0|sdri|7.2
soundbeam_fewshot|Table 2|soundbeam_mixed_el_adapt|avg init K=10|FMQ 1:0|sdri|8.2
query_refinement|Table 1|qr_baseline2|inactive samples 10%|FUQ 0:1|attenuation|-78.13
query_refinement|Table 1|qr_proposed|theta=0.15|PMQ 1:3|snri|14.26
query_refinement|Table 1|qr_proposed|||params|13.67
av_offscreen|Table I|av_proposed_r|AM=x MS=x|spk|sdri|10.21
av_offscreen|Table II|av_proposed_a||2spk|si_sdri|5.66
tutorial_slides|SpeakerBeam|speakerbeam|factorized + jointly learned||sdri|6.1
"""


@pytest.mark.parametrize("line", BY_HAND.strip().splitlines())
def test_values(line: str) -> None:
    paper, table, system, variant, condition, metric, value = line.split("|")
    found = published_table(paper, table).find(system=system, variant=variant, condition=condition, metric=metric)
    assert found is not None
    assert found.value == float(value)
    assert found.text in {value, f"{float(value):.2f}"}


def test_what_is_shipped_is_whole() -> None:
    results = read_published(PUBLISHED)
    with PUBLISHED.open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(results) > 100
    known = {info.name for info in known_metrics()} | {"params", "macs_per_s"}
    assert {result.metric for result in results} <= known


def test_a_gap_of_a_paper_is_none() -> None:
    table = published_table("soundbeam_fewshot", "Table 1")
    assert table.find(system="soundbeam_1hot", variant="query=enrollment", metric="sdri") is None
    assert table.datasets == ("FSD 3-class 8 kHz seen",)


def test_unknown_names_are_suggested() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown paper 'soundbeam'.*soundbeam_fewshot"):
        published_table("soundbeam", "Table 1")
    with pytest.raises(UnknownNameError, match=r"'Table 3'; did you mean 'Table [12]'\? .*Table 2"):
        published_table("soundbeam_fewshot", "Table 3")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n", "must have the columns paper, table"),
        ("", "must have the columns"),
        (HEADER + LINE + LINE, "two values of p / Table 1 / s / v / FMQ 1:0 / sdri"),
        (HEADER + LINE.replace("1.5", "x"), "p.csv:2: value 'x' is not a number"),
        (HEADER + LINE.replace("1.5", "inf"), "value 'inf' is not a number"),
        (HEADER + LINE + LINE.replace("dB", "db"), "p.csv:3: unit 'db' is unknown"),
        (HEADER + LINE.replace(",sdri", ","), "column 'metric' is empty"),
        (HEADER + "p,t\n", "2 cells under 10 columns"),
    ],
)
def test_a_wrong_file_gives_one_line(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_published(path)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot read"):
        read_published(tmp_path / "none.csv")
