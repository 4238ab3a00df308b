"""CA-SDRi, CAPI-SDRi and CASA-SDR, case by case, by closed forms; SNR against torchmetrics, as the baselines use it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.audio import signal_noise_ratio

from tsebench.bench.metrics.shared import class_aware
from tsebench.bench.metrics.shared.class_aware import LabelCounts, ca_sdri_db, capi_sdri_db, casa_sdr_db, label_counts
from tsebench.systems.protocol import LabelledOutput

LENGTH = 4096
# Orthogonal tones of equal energy 512: sums have closed forms.
TONE = {
    name: 0.5 * torch.sin(2 * math.pi * k * torch.arange(LENGTH, dtype=torch.float64) / LENGTH)
    for name, k in zip(("dog", "rain", "bell", "noise"), (7, 31, 101, 211), strict=True)
}
ENERGY, EPS = 512.0, torch.finfo(torch.float32).eps
PERFECT_DB = 10 * math.log10((ENERGY + EPS) / EPS)


def given(*pairs: tuple[str, Tensor]) -> list[LabelledOutput]:
    return [LabelledOutput(label, signal.float()) for label, signal in pairs]


def noisy(name: str, snr_db: float) -> Tensor:
    """A tone with an orthogonal one `snr_db` below it."""
    return TONE[name] + 10 ** (-snr_db / 20) * TONE["noise"]


DOG, RAIN, BELL = (("dog", TONE["dog"]), ("rain", TONE["rain"]), ("bell", TONE["bell"]))
TWO = given(DOG, RAIN)
MIXTURE = (TONE["dog"] + TONE["rain"]).float()  # 0 dB for each of the two
ALL = (ca_sdri_db, capi_sdri_db, lambda e, r, m: casa_sdr_db(e, r, m, improvement=True))


@pytest.mark.parametrize("score", ALL)
def test_the_mean_of_the_improvements_where_all_labels_are_right(score) -> None:
    estimates = given(("rain", noisy("rain", 4.0)), ("dog", noisy("dog", 10.0)))
    assert score(estimates, TWO, MIXTURE) == pytest.approx((10.0 + 4.0) / 2, abs=1e-4)
    assert score(TWO, TWO, MIXTURE) == pytest.approx(PERFECT_DB, abs=1e-4)


@pytest.mark.parametrize("score", ALL)
def test_a_class_that_is_missed_or_made_up_is_a_term_of_zero(score) -> None:
    dog = given(("dog", noisy("dog", 10.0)))
    assert score(dog, TWO, MIXTURE) == pytest.approx(10.0 / 2, abs=1e-4)
    assert score(dog + given(BELL), given(DOG), MIXTURE) == pytest.approx(10.0 / 2, abs=1e-4)


def test_one_missed_and_one_made_up() -> None:
    """By label these are two errors. By signal the made-up output is the missed source under a wrong name."""
    estimates = given(("dog", noisy("dog", 10.0)), BELL)
    assert ca_sdri_db(estimates, TWO, MIXTURE) == pytest.approx(10.0 / 3, abs=1e-4)
    assert capi_sdri_db(estimates, TWO, MIXTURE) == pytest.approx(10.0 / 3, abs=1e-4)
    assert casa_sdr_db(estimates, TWO, MIXTURE) == pytest.approx(10.0 / 3, abs=1e-4)
    assert casa_sdr_db(estimates, TWO, MIXTURE, aggregation="sources") == pytest.approx(10.0 / 2, abs=1e-4)


@pytest.mark.parametrize("score", ALL)
def test_no_output_no_source_and_neither(score) -> None:
    assert score([], TWO, MIXTURE) == 0.0
    assert score(TWO, [], MIXTURE) == 0.0
    assert score([], [], MIXTURE) is None
    silent = given(("silence", torch.zeros(LENGTH)))
    assert score(silent, silent, MIXTURE) is None
    assert score(silent * 2, TWO, MIXTURE) == 0.0
    assert score([*TWO, *silent], [*silent, *TWO], MIXTURE) == pytest.approx(PERFECT_DB, abs=1e-4)


def test_labels_that_are_swapped() -> None:
    """Matched by label, each output is the other sound: SNR −3 dB. Matched by signal, every term is 0 dB."""
    swapped = given(("dog", TONE["rain"]), ("rain", TONE["dog"]))
    minus = -10 * math.log10(2)
    assert ca_sdri_db(swapped, TWO, MIXTURE) == pytest.approx(minus, abs=1e-4)
    assert capi_sdri_db(swapped, TWO, MIXTURE) == pytest.approx(minus, abs=1e-4)
    assert casa_sdr_db(swapped, TWO, MIXTURE) == 0.0
    assert casa_sdr_db(swapped, TWO, MIXTURE, improvement=True) == 0.0


def test_a_wrong_label_is_two_errors_or_one() -> None:
    """One of two outputs has a label of neither source."""
    estimates = given(("dog", noisy("dog", 12.0)), ("bell", TONE["rain"]))
    assert ca_sdri_db(estimates, TWO, MIXTURE) == pytest.approx(12.0 / 3, abs=1e-4)
    assert capi_sdri_db(estimates, TWO, MIXTURE) == pytest.approx(12.0 / 3, abs=1e-4)
    assert casa_sdr_db(estimates, TWO, MIXTURE) == pytest.approx(12.0 / 3, abs=1e-4)
    assert casa_sdr_db(estimates, TWO, MIXTURE, aggregation="sources") == pytest.approx(12.0 / 2, abs=1e-4)


def test_several_sources_of_one_class_are_matched_by_signal() -> None:
    """Two dogs: 2026 takes the better order, 2025 the last of each list and no other."""
    references = given(("dog", TONE["dog"]), ("dog", TONE["rain"]))
    crossed = given(("dog", noisy("rain", 8.0)), ("dog", noisy("dog", 2.0)))
    assert capi_sdri_db(crossed, references, MIXTURE) == pytest.approx((8.0 + 2.0) / 2, abs=1e-4)
    assert casa_sdr_db(crossed, references, MIXTURE) == pytest.approx((8.0 + 2.0) / 2, abs=1e-4)
    error = 10 * math.log10(1 / (1 + 1 + 10**-0.2))  # the last output, a noisy dog, against the last source, rain
    assert ca_sdri_db(crossed, references, MIXTURE) == pytest.approx(error, abs=1e-4)


def test_more_outputs_or_sources_of_one_class_than_the_other_side_has() -> None:
    references = given(("dog", TONE["dog"]), ("dog", TONE["rain"]))
    one = given(("dog", noisy("rain", 6.0)))
    assert capi_sdri_db(one, references, MIXTURE) == pytest.approx(6.0 / 2, abs=1e-4)
    assert casa_sdr_db(one, references, MIXTURE) == pytest.approx(6.0 / 2, abs=1e-4)
    assert ca_sdri_db(one, references, MIXTURE) == pytest.approx(6.0, abs=1e-4)
    three = [*given(("dog", TONE["bell"])), *one, *given(("dog", noisy("dog", 3.0)))]
    assert capi_sdri_db(three, references, MIXTURE) == pytest.approx((6.0 + 3.0) / 3, abs=1e-4)
    assert casa_sdr_db(three, references, MIXTURE) == pytest.approx((6.0 + 3.0) / 3, abs=1e-4)


def test_the_best_matching_is_by_snr_and_not_by_its_improvement() -> None:
    """One output for two sources of unlike level: the nearer one by SNR counts, although the other improves more."""
    loud, quiet = 4 * TONE["dog"], TONE["rain"]
    references, mixture = given(("dog", loud), ("dog", quiet)), (loud + quiet).float()
    estimate = given(("dog", 0.9 * loud + 0.5 * quiet))
    of_loud = 10 * math.log10(16 / (0.01 * 16 + 0.25))
    assert capi_sdri_db(estimate, references, mixture) == pytest.approx((of_loud - 10 * math.log10(16)) / 2, abs=1e-4)


def test_silent_outputs_tie_and_the_first_source_is_taken() -> None:
    """A silent output has 0 dB against each source; the order of the references decides, as in the baseline."""
    references = given(("dog", TONE["dog"]), ("dog", 2 * TONE["rain"]))
    mixture = (TONE["dog"] + 2 * TONE["rain"]).float()
    silent = given(("dog", torch.zeros(LENGTH)))
    assert capi_sdri_db(silent, references, mixture) == pytest.approx(10 * math.log10(4) / 2, abs=1e-4)
    assert ca_sdri_db(silent, references, mixture) == pytest.approx(-10 * math.log10(4), abs=1e-4)


def test_a_silent_source_has_the_value_of_the_formula() -> None:
    references = given(("dog", torch.zeros(LENGTH)))
    value = 10 * math.log10(EPS / (0.01 * ENERGY + EPS)) - 10 * math.log10(EPS / (2 * ENERGY + EPS))
    for score in ALL:
        assert score(given(("dog", 0.1 * TONE["dog"])), references, MIXTURE) == pytest.approx(value, abs=1e-4)


def test_outputs_that_are_equal_get_the_right_labels_in_any_order() -> None:
    mixture = noisy("dog", 0.0)
    references = given(("dog", TONE["dog"]), ("rain", TONE["dog"]))
    for labels in permutations(("dog", "rain")):
        estimates = given(*((label, noisy("dog", 5.0)) for label in labels))
        assert casa_sdr_db(estimates, references, mixture.float()) == pytest.approx(5.0, abs=1e-4)


def test_the_order_of_lists_does_not_matter_where_classes_are_different() -> None:
    estimates = given(("dog", noisy("dog", 3.0)), ("bell", noisy("bell", 7.0)), ("rain", noisy("rain", 1.0)))
    references = given(DOG, RAIN, BELL)
    mixture = sum(each.signal for each in references)
    for score in ALL:
        values = {round(score(list(own), references, mixture), 9) for own in permutations(estimates)}
        assert len(values) == 1


def test_snr_is_that_of_torchmetrics_in_both_dtypes() -> None:
    """Near perfection ε counts, which is that of the dtype."""
    generator = torch.Generator().manual_seed(5)
    for dtype in (torch.float32, torch.float64):
        for noise in (1.0, 1e-3, 1e-6, 0.0):
            target = torch.randn(2000, generator=generator, dtype=dtype)
            estimate = target + noise * torch.randn(2000, generator=generator, dtype=dtype)
            own = class_aware._snr_db(estimate, target)
            assert own == pytest.approx(float(signal_noise_ratio(estimate, target)), abs=2e-4)


def baseline_2026(estimates: Sequence[LabelledOutput], references: Sequence[LabelledOutput], mixture: Tensor) -> float:
    """By trying every order of every class with torchmetrics: a second implementation, for up to three of a class."""
    terms: list[float] = []
    for label in {each.label for each in (*estimates, *references)}:
        found = [each.signal for each in estimates if each.label == label]
        wanted = [each.signal for each in references if each.label == label]
        size = max(len(found), len(wanted))
        best: tuple[float, list[float]] = (-math.inf, [0.0] * size)
        for order in permutations([*found, *[None] * (size - len(found))]):
            pairs = [(e, r) for e, r in zip(order, wanted, strict=False) if e is not None]
            levels = [float(signal_noise_ratio(e, r)) for e, r in pairs]
            if pairs and len(pairs) == min(len(found), len(wanted)) and sum(levels) > best[0]:
                gains = [x - float(signal_noise_ratio(mixture, r)) for x, (_, r) in zip(levels, pairs, strict=True)]
                best = (sum(levels), gains + [0.0] * (size - len(gains)))
        terms += best[1]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("seed", range(12))
def test_random_lists_against_a_second_implementation(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = ("dog", "rain", "bell")

    def some() -> list[LabelledOutput]:
        count = int(torch.randint(1, 6, (), generator=generator))
        picks = torch.randint(0, len(labels), (count,), generator=generator).tolist()
        return [LabelledOutput(labels[k], torch.randn(300, generator=generator)) for k in picks]

    references = some()
    mixture = sum(each.signal for each in references) + torch.randn(300, generator=generator)
    near = [LabelledOutput(r.label, r.signal + 0.5 * torch.randn(300, generator=generator)) for r in references]
    estimates = [*some(), *near][:6]
    expected = baseline_2026(estimates, references, mixture)
    assert capi_sdri_db(estimates, references, mixture) == pytest.approx(expected, abs=1e-4)


def test_many_sources_of_one_class_are_matched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    references = [LabelledOutput("dog", torch.randn(200, generator=generator)) for _ in range(5)]
    mixture = sum(each.signal for each in references)
    order = (3, 0, 4, 1)
    estimates = [LabelledOutput("dog", references[k].signal + 0.1 * k * mixture) for k in order]
    tried = capi_sdri_db(estimates, references, mixture), casa_sdr_db(estimates, references, mixture)
    monkeypatch.setattr(class_aware, "_MOST_TRIED", 0)
    assert (capi_sdri_db(estimates, references, mixture), casa_sdr_db(estimates, references, mixture)) == tried


def test_label_counts() -> None:
    assert label_counts(["dog", "dog", "rain"], ["dog", "bell", "silence"]) == LabelCounts(1, 2, 1)
    assert label_counts([], ["silence"]) == LabelCounts(0, 0, 0)
    assert label_counts(["dog", "dog"], ["dog", "dog", "dog"]) == LabelCounts(2, 0, 1)
