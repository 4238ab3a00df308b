"""Metrics that could have no value are refused before any work, with what they need and how to give it."""

from __future__ import annotations

import pytest

from tsebench.bench.metrics.registry import known_infos
from tsebench.bench.scoring.needs import OF_FILES, OF_SETS, Given, Offer, check_needs
from tsebench.bench.scoring.plan import plan_metrics
from tsebench.core.errors import ConfigError

ALL: frozenset[Given] = frozenset({*OF_FILES, *OF_SETS})
NEEDY = [info for info in known_infos() if info.needs and not info.options]


def _check(metric: str, *gives: frozenset[Given], of_files: bool = False) -> None:
    sets = [(plan_metrics([metric]), Offer(name=f"'set{number}'", gives=each)) for number, each in enumerate(gives)]
    check_needs(sets, fixes=OF_FILES if of_files else OF_SETS)


@pytest.mark.parametrize("info", NEEDY, ids=lambda info: info.name)
def test_every_need_is_checked_and_has_a_fix(info: object) -> None:
    name, needs = info.name, info.needs  # type: ignore[attr-defined]
    _check(name, ALL)
    _check(name, frozenset(), ALL)  # one of two sets is enough
    for need in needs:
        for of_files, fixes in ((True, OF_FILES), (False, OF_SETS)):
            with pytest.raises(ConfigError) as refused:
                _check(name, ALL - {need}, of_files=of_files)
            assert f"metric {name!r} needs " in str(refused.value)
            assert str(refused.value).endswith(f"{fixes[need]}, or leave the metric out")


def test_metrics_of_words_and_classes_have_needs() -> None:
    assert {info.name for info in NEEDY} >= {"wer", "cer", "ter", "macro_f1", "micro_recall", "wrong_target_rate"}


def test_what_an_improvement_and_a_scope_need() -> None:
    with pytest.raises(
        ConfigError, match=r"metric 'si_sdri' needs mixtures, and 'set0' gives none: add --mixtures DIR,"
    ):
        _check("si_sdri", ALL - {"mixture"}, of_files=True)
    with pytest.raises(
        ConfigError, match=r"'attenuation' needs trials whose target is not in the mixture, and none of"
    ):
        _check("attenuation", ALL - {"absence"}, ALL - {"absence"})
    with pytest.raises(ConfigError, match=r"'snr' needs trials whose target is in the mixture, and 'set0' gives none"):
        _check("snr", ALL - {"target"})
