"""`rank_by` of a run's config and `--rank-by`: values, and what is wrong with them."""

from __future__ import annotations

import pytest

from tsebench.bench.config import RunConfig
from tsebench.bench.run.new_record import new_record
from tsebench.bench.run.prepare import check_rank_by, plan_sets
from tsebench.bench.run.rank_by import RankBy, parse_rank_by
from tsebench.core.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], {}), (["si_sdri"], "si_sdri"), (["a=si_sdri", "b = wer"], {"a": "si_sdri", "b": "wer"})],
)
def test_values_of_the_option(values: list[str], expected: RankBy) -> None:
    assert parse_rank_by(values) == expected


@pytest.mark.parametrize("values", [[""], ["a="], ["=wer"], ["wer", "a=wer"], ["a=wer", "a=snri"]])
def test_wrong_values_of_the_option(values: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"--rank-by '.*': give one METRIC .* or SET=METRIC"):
        parse_rank_by(values)


def config_of(rank_by: object) -> RunConfig:
    return RunConfig.model_validate(
        {
            "name": "ranked",
            "datasets": ["mini_sounds"],
            "systems": ["mixture"],
            "metrics": ["si_sdri", "wer"],
            "rank_by": rank_by,
        }
    )


@pytest.mark.parametrize("rank_by", ["si_sdri", "si_sdr", {"mini_sounds": "wer"}, {}, ""])
def test_a_config_may_name_any_metric_of_a_set(rank_by: object) -> None:
    config = config_of(rank_by)
    check_rank_by(config, list(plan_sets(config)))


@pytest.mark.parametrize(
    ("rank_by", "match"),
    [
        ("si_sdrr", "dataset 'mini_sounds' has no metric 'si_sdrr'; did you mean"),
        ({"mini_sound": "wer"}, "unknown dataset 'mini_sound'; did you mean 'mini_sounds'"),
        ({"mini_sounds": "snri"}, "dataset 'mini_sounds' has no metric 'snri'"),
        ("wer_insertions", "metric 'wer_insertions' cannot rank systems: it is a part of 'wer'"),
    ],
)
def test_a_wrong_config_is_refused_before_anything_is_built(rank_by: object, match: str) -> None:
    config = config_of(rank_by)
    with pytest.raises(ConfigError, match=f"rank_by: {match}"):
        check_rank_by(config, list(plan_sets(config)))


def test_rank_by_changes_no_row_and_so_no_run_id() -> None:
    ids = {
        new_record(name="r", config=config_of(rank_by), systems={}, datasets={}, device="cpu", seed=0).run_id
        for rank_by in ("", "wer", {"mini_sounds": "wer"})
    }
    assert len(ids) == 1
