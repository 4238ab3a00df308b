"""From a recipe to samples: closed forms, quantised files, peak scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tsebench.core.errors import DatasetError
from tsebench.datasets.protocols.corpus import Recording, Samples
from tsebench.datasets.render import input_snr, limit_peak, render
from tsebench.datasets.signals.audio import resample
from tsebench.datasets.signals.clips import clip_reader, render_clip
from tsebench.datasets.signals.mixing import fade_ends
from tsebench.datasets.trials import render_trial
from tsebench.datasets.types import Clip, ClueSpec, Condition, Mixture, Source, Trial

RATE = 8000
FRAMES = {"a": 16_000, "b": 5000, "c": 12_000}


@dataclass
class Noise:
    """Noise at 16 kHz, another one for each path; counts how often it is read."""

    name: str = "noise"
    version: str = "1"
    licence: str = "CC0"
    reads: list[str] = field(default_factory=list)

    def recordings(self) -> Sequence[Recording]:
        return ()

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        self.reads.append(path)
        rng = np.random.default_rng(ord(path))
        whole = rng.uniform(-0.5, 0.5, FRAMES[path]).astype(np.float32)
        return whole[start : None if frames is None else start + frames], 16_000

    def digest(self, path: str) -> str:
        return path


def _source(path: str, **changed: object) -> Source:
    clip = Clip(corpus="noise", path=path, start=0, frames=FRAMES[path])
    source = Source(id=f"s-{path}", label=path, role="foreground", clip=clip, gain=1.0)
    return replace(source, **changed)  # type: ignore[arg-type]


def _mixture(*sources: Source, **changed: object) -> Mixture:
    mixture = Mixture(id="m", sample_rate_hz=RATE, num_samples=8000, sources=sources)
    return replace(mixture, **changed)  # type: ignore[arg-type]


THREE = _mixture(
    _source("a", gain=0.5),
    _source("b", gain=0.7, onset=3000, fade=80, transcript="WORDS OF B"),
    _source("c", gain=1.5, onset=4000, role="background"),
)


def test_a_clip_is_cut_first_and_resampled_then() -> None:
    corpus = Noise()
    clip = Clip(corpus="noise", path="a", start=1001, frames=3001)
    made = render_clip(clip, sample_rate_hz=RATE, corpora={"noise": corpus})
    expected = resample(corpus.read("a")[0][1001:4002], from_hz=16_000, to_hz=RATE)
    np.testing.assert_array_equal(made, expected)
    assert len(made) == 1501


def test_a_source_is_resampled_faded_scaled_placed_and_cut() -> None:
    corpus = Noise()
    rendered = render(THREE, {"noise": corpus})
    halves = {path: resample(corpus.read(path)[0], from_hz=16_000, to_hz=RATE) for path in "abc"}
    expected = np.zeros((3, 8000), dtype=np.float64)
    expected[0] = halves["a"] * 0.5
    expected[1, 3000:5500] = fade_ends(halves["b"], 80) * 0.7
    expected[2, 4000:] = halves["c"][:4000] * 1.5
    np.testing.assert_allclose(rendered.sources, expected, atol=1e-7)
    np.testing.assert_allclose(rendered.mixture, expected.sum(axis=0), atol=3e-7)
    assert rendered.sources.dtype == rendered.mixture.dtype == np.float32


def test_rendering_twice_gives_the_same_bits() -> None:
    first, second = (render(THREE, {"noise": Noise()}) for _ in range(2))
    np.testing.assert_array_equal(first.mixture, second.mixture)
    np.testing.assert_array_equal(first.sources, second.sources)


def test_int16_renders_what_files_would_hold(tmp_path: Path) -> None:
    """The mixture is the quantised sum, not the sum of the quantised sources."""
    loud = _mixture(*(replace(s, gain=2.0) for s in THREE.sources))
    plain = render(loud, {"noise": Noise()})
    quantised = render(replace(loud, quantise="int16"), {"noise": Noise()})
    assert np.abs(plain.mixture).max() > 1.0
    for samples, made in ((plain.mixture, quantised.mixture), *zip(plain.sources, quantised.sources, strict=True)):
        soundfile.write(str(tmp_path / "a.wav"), samples, RATE, subtype="PCM_16")
        held = soundfile.read(str(tmp_path / "a.wav"), dtype="float32")[0]
        np.testing.assert_array_equal(made, held)


def test_the_residual_of_int16_is_0_to_2_codes() -> None:
    """Flooring three sources loses 0 to 3 codes, flooring their sum 0 to 1, so 0..2 is left."""
    _, rendered = limit_peak(replace(THREE, quantise="int16"), 0.9, {"noise": Noise()})
    residual = (rendered.mixture - rendered.sources.sum(axis=0)) * 32768
    assert set(np.unique(np.round(residual).astype(int))) == {0, 1, 2}


def test_peak_scaling_scales_sources_and_mixture_alike() -> None:
    corpora = {"noise": Noise()}
    before = render(THREE, corpora)
    scaled, after = limit_peak(THREE, 0.25, corpora)
    peak = max(np.abs(before.mixture).max(), np.abs(before.sources).max())
    gains = [s.gain / t.gain for s, t in zip(scaled.sources, THREE.sources, strict=True)]
    np.testing.assert_allclose(gains, 0.25 / peak, rtol=1e-5)
    np.testing.assert_allclose(after.sources, before.sources * 0.25 / peak, rtol=2e-5, atol=1e-9)
    assert max(np.abs(after.mixture).max(), np.abs(after.sources).max()) == pytest.approx(0.25, rel=2e-5)


def test_a_source_that_another_cancels_still_counts_for_the_peak() -> None:
    twins = _mixture(_source("a", id="s1", gain=1.0), _source("a", id="s2", gain=-1.0), num_samples=6000)
    scaled, after = limit_peak(twins, 0.1, {"noise": Noise()})
    assert np.abs(after.mixture).max() == 0.0
    assert np.abs(after.sources).max() == pytest.approx(0.1, rel=2e-5)
    assert scaled.sources[0].gain == -scaled.sources[1].gain


@pytest.mark.parametrize("quantise", ["none", "int16"])
@pytest.mark.parametrize("peak", [0.05, 1.0])
def test_the_signals_that_come_with_a_scaled_recipe_are_its_rendering(quantise: str, peak: float) -> None:
    corpora = {"noise": Noise()}
    scaled, signals = limit_peak(replace(THREE, quantise=quantise), peak, corpora)  # type: ignore[arg-type]
    again = render(scaled, corpora)
    np.testing.assert_array_equal(signals.mixture, again.mixture)
    np.testing.assert_array_equal(signals.sources, again.sources)
    assert all(s.gain == float(f"{s.gain:.6g}") for s in scaled.sources)


def test_a_clip_reader_reads_a_clip_once() -> None:
    corpus = Noise()
    read = clip_reader(sample_rate_hz=RATE, corpora={"noise": corpus})
    for source in THREE.sources * 2:
        read(source.clip)
    _, signals = limit_peak(THREE, 0.9, {"noise": corpus}, read=read)
    assert corpus.reads == ["a", "b", "c"]
    np.testing.assert_array_equal(signals.mixture, limit_peak(THREE, 0.9, {"noise": Noise()})[1].mixture)


def test_the_input_snr_is_target_against_all_the_rest() -> None:
    rendered = render(THREE, {"noise": Noise()})
    energy = (rendered.sources.astype(np.float64) ** 2).sum(axis=1)
    rest = ((rendered.sources[0] + rendered.sources[2]).astype(np.float64) ** 2).sum()
    tags = input_snr(THREE, rendered, ("s-b",))
    assert tags["input_snr_db"] == pytest.approx(10 * np.log10(energy[1] / rest), abs=0.051)
    assert input_snr(THREE, rendered, ()) == {}
    assert input_snr(THREE, rendered, ("s-a", "s-b", "s-c")) == {}
    single = _mixture(_source("a"))
    assert input_snr(single, render(single, {"noise": Noise()}), ("s-a",)) == {}


def test_a_clip_of_a_corpus_that_is_not_open_is_named() -> None:
    with pytest.raises(DatasetError, match=r"corpus 'noise', which is not open \(open: other\)"):
        render(THREE, {"other": Noise()})


def _trial(*target_ids: str, **clue: object) -> Trial:
    return Trial(
        id="m_q0",
        mixture_id="m",
        clue=ClueSpec(**clue),  # type: ignore[arg-type]
        target_ids=target_ids,
        condition=Condition(n_active=len(target_ids), n_inactive=0),
        cluster="m",
    )


@pytest.mark.parametrize("targets", [("s-b",), ("s-a", "s-b"), ("s-a", "s-b", "s-c")])
def test_the_target_is_the_sum_of_its_sources_and_the_rest_interferes(targets: tuple[str, ...]) -> None:
    corpora = {"noise": Noise()}
    query, truth = render_trial(_trial(*targets, classes=targets), THREE, corpora)
    rendered = render(THREE, corpora)
    wanted = [source.id in targets for source in THREE.sources]
    assert truth.target is not None
    np.testing.assert_allclose(truth.target[0], rendered.sources[wanted].sum(axis=0), atol=1e-7)
    assert truth.interferers.shape == (3 - len(targets), 8000)
    total = truth.target[0] + truth.interferers.sum(dim=0)
    torch.testing.assert_close(query.mixture[0], total, atol=1e-6, rtol=0)
    assert query.mixture.shape == truth.target.shape == (1, 8000)
    assert truth.active_classes == ("a", "b")
    assert truth.transcript == ("WORDS OF B" if targets == ("s-b",) else None)


def test_an_absent_target_has_no_reference() -> None:
    query, truth = render_trial(_trial(classes=("z",)), THREE, {"noise": Noise()})
    assert truth.target is None
    assert truth.transcript is None
    torch.testing.assert_close(query.mixture[0], truth.interferers.sum(0), atol=1e-6, rtol=0)


def test_enrollments_come_at_the_rate_of_the_mixture_and_own_their_memory() -> None:
    clips = tuple(Clip(corpus="noise", path=p, start=10, frames=4001) for p in "ba")
    signals = render(THREE, {"noise": Noise()})
    query, truth = render_trial(_trial("s-a", enrollments=clips), THREE, {"noise": Noise()}, signals)
    assert [tuple(e.shape) for e in query.clues.enrollments] == [(2001,), (2001,)]
    expected = resample(Noise().read("b", 10, 4001)[0], from_hz=16_000, to_hz=RATE)
    np.testing.assert_array_equal(query.clues.enrollments[0], expected)
    kept = signals.mixture.copy()
    query.mixture.zero_()
    truth.interferers.zero_()
    np.testing.assert_array_equal(signals.mixture, kept)
    assert signals.sources.any()


def test_auxiliary_sources_are_neither_interferers_nor_active() -> None:
    sources = (_source("a"), _source("b", role="background"), _source("c", role="auxiliary"))
    mixture = _mixture(*sources)
    trial = Trial(
        id="t",
        mixture_id="m",
        clue=ClueSpec(),
        target_ids=("s-a",),
        condition=Condition(n_active=1, n_inactive=0),
        cluster="m",
    )
    signals = render(mixture, {"noise": Noise()})
    _, truth = render_trial(trial, mixture, {"noise": Noise()})
    assert truth.active_classes == ("a",)
    assert truth.interferers.shape == (1, 8000)
    assert torch.equal(truth.interferers[0], torch.from_numpy(signals.sources[1]))
