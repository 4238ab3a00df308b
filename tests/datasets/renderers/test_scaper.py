"""The renderer `scaper` against Scaper's own rendering of the same JAMS files, and closed forms."""

from __future__ import annotations

import importlib.util
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.audio import save
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from tsebench.core.errors import DatasetError
from tsebench.core.validation import call_with
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.jams.events import frames_of, seconds_of
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext
from tsebench.datasets.protocols.corpus import Recording, Samples
from tsebench.datasets.render import render
from tsebench.datasets.renderers.scaper import event_names, scaper_source, scaper_tree
from tsebench.datasets.renderers.shared.loudness import loudness
from tsebench.datasets.renderers.shared.sox_rate import sox_length, sox_rate
from tsebench.datasets.renderers.shared.sox_stages import loss_of_start
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.mixing import db_to_gain, loudness_lufs
from tsebench.datasets.types import Clip, Mixture, Source

RATE = 16_000


def test_resampling_keeps_a_tone_in_the_pass_band_and_stops_one_above() -> None:
    time = np.arange(48_000) / 48_000
    for tone_hz, gain in ((1000.0, 1.0), (6800.0, 1.0), (8200.0, 0.0)):
        tone = (0.5 * np.sin(2 * np.pi * tone_hz * time)).astype(np.float32)
        slow = sox_rate(tone, from_hz=48_000, to_hz=RATE)[2000:-2000]
        expected = 0.5 * np.sin(2 * np.pi * tone_hz * np.arange(RATE) / RATE)[2000:-2000] * gain
        np.testing.assert_allclose(slow, expected, atol=2e-6)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 16_000), (8000, 16_000), (48_000, 44_100)])
def test_resampling_does_not_depend_on_blocks(from_hz: int, to_hz: int) -> None:
    """A long signal is a sum of short ones, each of them in one block."""
    long = generator("long").uniform(-0.3, 0.3, 3 * from_hz).astype(np.float32)
    total = np.zeros(3 * to_hz)
    for second in range(3):
        part = np.zeros_like(long)
        part[second * from_hz : (second + 1) * from_hz] = long[second * from_hz : (second + 1) * from_hz]
        total += sox_rate(part, from_hz=from_hz, to_hz=to_hz)
    np.testing.assert_allclose(sox_rate(long, from_hz=from_hz, to_hz=to_hz), total, atol=1e-6)


# What SoX (soxbindings 1.2.3, `rate -h`) makes of 1600 samples that are zero but for 0: 0.5, 1: −0.25, 5: 0.5, 800: 0.5
# and 801: −0.4: its first eight samples, and four from two before the place of 800. All kinds of stages are there.
RESAMPLED = {
    (16_000, 44_100): "0.463674 0.347593 -0.038583 -0.287893 -0.312361 -0.135927 "
    "0.089812 0.170259 0.245188 0.465174 0.461161 0.200979",
    (32_000, 44_100): "0.463674 -0.038583 -0.312361 0.089812 0.059092 -0.169792 "
    "0.261707 0.492780 -0.101669 -0.018594 0.465174 0.200979",
    (22_050, 48_000): "0.463674 0.249357 -0.198912 -0.325565 -0.120453 0.138830 "
    "0.121835 -0.095693 -0.051725 0.274060 0.495883 0.318498",
    (8000, 48_000): "0.434192 0.430797 0.361847 0.235790 0.073884 -0.094455 "
    "-0.238338 -0.332373 0.474929 0.497588 0.461195 0.367840",
    (8000, 44_100): "0.418593 0.401555 0.314862 0.171645 -0.000660 -0.166835 "
    "-0.292644 -0.353402 0.465178 0.497890 0.461158 0.357130",
    (11_025, 48_000): "0.443993 0.378288 0.222968 0.017361 -0.180869 -0.314893 "
    "-0.348406 -0.278461 0.274203 0.423459 0.495637 0.460231",
    (12_000, 32_000): "0.463671 0.335896 -0.061851 -0.300574 -0.298783 -0.095329 "
    "0.122065 0.158975 0.129853 0.400530 0.494074 0.303021",
    (8000, 32_000): "0.487296 0.385067 0.187354 -0.045181 -0.238022 -0.331224 "
    "-0.302635 -0.176122 0.400532 0.493390 0.461197 0.303050",
    (12_000, 16_000): "0.487296 -0.045181 -0.302635 0.122056 0.010240 -0.140296 "
    "0.366173 0.428607 -0.037974 -0.099519 0.400532 0.303050",
    (44_100, 24_000): "0.203568 -0.124470 0.114895 0.227096 -0.044834 0.024088 "
    "-0.016268 0.012076 0.013052 -0.034793 0.180774 -0.074453",
    (32_000, 12_000): "0.082574 -0.002965 0.185292 -0.016081 0.003412 0.001777 "
    "-0.004601 0.006302 -0.023105 0.037093 0.064410 -0.064715",
    (44_100, 8000): "0.053556 0.079328 -0.002144 -0.000109 0.000736 -0.000999 "
    "0.001125 -0.001183 -0.004632 0.006403 0.024732 -0.012851",
    (48_000, 12_000): "0.042791 0.094673 0.044852 -0.020362 0.012922 -0.009136 "
    "0.006762 -0.005093 -0.011832 0.020073 0.032678 -0.027514",
    (48_000, 44_100): "0.416821 -0.240806 0.043562 -0.071181 0.218087 0.361399 "
    "-0.115133 0.072045 -0.043716 0.049760 0.392339 -0.328370",
}  # fmt: skip


@pytest.mark.parametrize("rates", RESAMPLED)
def test_resampling_starts_and_goes_on_as_in_sox(rates: tuple[int, int]) -> None:
    signal = np.zeros(1600, dtype=np.float32)
    signal[[0, 1, 5, 800, 801]] = 0.5, -0.25, 0.5, 0.5, -0.4
    found = sox_rate(signal, from_hz=rates[0], to_hz=rates[1])
    middle = 800 * rates[1] // rates[0] - 2
    expected = [float(sample) for sample in RESAMPLED[rates].split()]
    np.testing.assert_allclose([*found[:8], *found[middle : middle + 4]], expected, atol=6e-5)


def test_what_the_stages_lose_at_the_start_is_far_above_that() -> None:
    """The tolerance above would not pass without it."""
    for rates, least in (((8000, 44_100), 0.1), ((44_100, 24_000), 3e-3), ((48_000, 12_000), 1e-3)):
        assert np.abs(loss_of_start(*rates)).max() > least
    for rates in ((8000, 16_000), (8000, 32_000), (44_100, 22_050), (48_000, 32_000)):
        assert loss_of_start(*rates).size == 0


@settings(deadline=None)
@given(frames=st.integers(1, 10**7), rates=st.sampled_from([(44_100, 16_000), (16_000, 8000)]))
def test_resampled_length_is_the_nearest(frames: int, rates: tuple[int, int]) -> None:
    from_hz, to_hz = rates
    assert sox_length(6000, from_hz=12_000, to_hz=11_025) == 5512  # 5512.5, and SoX's ratio is a little less
    assert abs(sox_length(frames, from_hz=from_hz, to_hz=to_hz) - frames * to_hz / from_hz) <= 0.5


@settings(deadline=None)
@given(
    frames=st.integers(0, 10**7),
    start=st.integers(0, 10**7),
    rate=st.sampled_from([8000, 16_000, 22_050, 44_100, 48_000]),
)
def test_times_lead_back_to_the_sample(frames: int, start: int, rate: int) -> None:
    start_s = seconds_of(start, rate)
    assert frames_of(start_s, rate) == start
    stop_s = start_s + seconds_of(start + frames, rate, after_s=start_s)
    assert frames_of(stop_s, rate) == start + frames


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 40_000),
    rate=st.sampled_from([8000, 16_000, 44_100]),
    gain=st.floats(1e-5, 1.0),
    gap=st.floats(0.0, 1.0),
)
def test_loudness_is_that_of_pyloudnorm(frames: int, rate: int, gain: float, gap: float) -> None:
    sound = (gain * generator("loud", frames).standard_normal(frames)).astype(np.float32)
    sound[: int(gap * frames)] *= 1e-3  # the gates must find it
    whole = np.tile(sound, max(1, int(np.ceil(0.5 * rate / frames))))
    expected = loudness_lufs(whole, rate)
    assert loudness(sound, rate) == pytest.approx(expected, abs=1e-9)


@dataclass
class Noise:
    """Noise at the mixture's rate, one second for each path, silent where the path says so."""

    name: str = "noise"
    version: str = "1"
    licence: str = "CC0"

    def recordings(self) -> Sequence[Recording]:
        return ()

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        amplitude = 0.0 if path == "silent" else 0.2
        whole = generator(path).uniform(-amplitude, amplitude, RATE).astype(np.float32)
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


NOISE = {"noise": Noise()}


def _source(name: str, level_db: float, *, onset: int = 0, frames: int = RATE, **more: Any) -> Source:
    clip = Clip(corpus="noise", path=more.pop("path", name), start=0, frames=frames)
    return Source(
        id=name,
        label=name,
        role=more.pop("role", "foreground"),
        clip=clip,
        gain=db_to_gain(level_db),
        onset=onset,
        **more,
    )


def _mixture(*sources: Source, renderer: str = "scaper", num_samples: int = 2 * RATE) -> Mixture:
    return Mixture(id="m", sample_rate_hz=RATE, num_samples=num_samples, sources=sources, renderer=renderer)


def test_gain_is_the_loudness_of_an_event_before_its_fade() -> None:
    mixture = _mixture(_source("a", -30.0, onset=100), _source("b", -24.5, frames=3000, fade=160))
    plain, faded = render(mixture, NOISE).sources
    assert loudness_lufs(plain[100 : 100 + RATE], RATE) == pytest.approx(-30.0, abs=1e-4)
    assert not plain[:100].any()
    assert not plain[100 + RATE :].any()
    raw = NOISE["noise"].read("b", 0, 3000)[0]
    expected = raw * 10 ** ((-24.5 - loudness(raw, RATE)) / 20)
    ramp = np.sin(np.linspace(0, np.pi / 2, 160))
    np.testing.assert_allclose(faded[160:2840], expected[160:2840], rtol=1e-5)
    np.testing.assert_allclose(faded[:160], expected[:160] * ramp, atol=1e-7)
    np.testing.assert_allclose(faded[2840:3000], expected[2840:] * ramp[::-1], atol=1e-7)


def test_a_short_background_is_repeated_and_has_no_fade() -> None:
    background = _source("bg", -50.0, role="background", fade=0)
    samples = render(_mixture(background, num_samples=RATE * 5 // 2), NOISE).sources[0]
    np.testing.assert_array_equal(samples[:RATE], samples[RATE : 2 * RATE])
    np.testing.assert_array_equal(samples[: RATE // 2], samples[2 * RATE :])


def test_silence_stays_silence() -> None:
    mixture = _mixture(_source("silent", -20.0), _source("a", -30.0))
    assert not render(mixture, NOISE).sources[0].any()


def test_clipping_is_fixed_by_one_common_scale() -> None:
    loud = (_source("a", 0.0), _source("b", -6.0, onset=RATE // 2))
    plain = render(_mixture(*loud), NOISE)
    peak = np.abs(plain.mixture).max()
    assert peak > 1.0
    fixed = render(_mixture(*loud, renderer="scaper_fix_clipping"), NOISE)
    np.testing.assert_allclose(fixed.sources, plain.sources / peak, rtol=3e-6)
    assert 1.0 - 3e-6 < np.abs(fixed.mixture).max() <= 1.0
    quiet = _mixture(_source("a", -30.0), renderer="scaper_fix_clipping")
    np.testing.assert_array_equal(
        render(quiet, NOISE).mixture, render(replace(quiet, renderer="scaper"), NOISE).mixture
    )
    normalised = render(replace(quiet, renderer="scaper_peak_normalised"), NOISE)
    assert 1.0 - 3e-6 < np.abs(normalised.mixture).max() <= 1.0


def test_one_source_alone_is_the_same() -> None:
    mixture = _mixture(_source("a", -30.0), _source("b", -24.5, onset=77, fade=160))
    np.testing.assert_array_equal(scaper_source(mixture, "b", NOISE), render(mixture, NOISE).sources[1])
    with pytest.raises(DatasetError, match="has no source 'c'"):
        scaper_source(mixture, "c", NOISE)


def test_names_of_isolated_events_follow_time() -> None:
    mixture = _mixture(
        _source("bg", -50.0, role="background"), _source("late", -30.0, onset=9000), _source("early", -30.0, onset=10)
    )
    assert event_names(mixture) == {"bg": "background0_bg", "late": "foreground1_late", "early": "foreground0_early"}
    card: Any = None
    assert scaper_tree(card, mixture, "late") == "m_events/foreground1_late.wav"
    assert scaper_tree(card, mixture, "mixture") == "m.wav"


FOREGROUND = {
    "dog": [(44_100, 1, 4.0), (44_100, 1, 1.3)],
    "bell": [(48_000, 1, 5.2), (16_000, 1, 2.0)],
    "click": [(44_100, 1, 0.3), (22_050, 1, 0.07)],
    "car": [(44_100, 2, 3.0), (8000, 1, 2.5)],
}
BACKGROUND = {"park": [(48_000, 2, 12.0), (16_000, 1, 8.0)], "room": [(16_000, 1, 2.2)]}


def _natural(name: str, frames: int, channels: int) -> Samples:
    """Coloured noise whose level drifts."""
    rng = generator("natural", name)
    noise = lfilter([1.0], [1.0, -0.7], rng.standard_normal((frames, channels)), axis=0)
    drift = np.exp(rng.uniform(-1, 1) * np.sin(np.linspace(0, 9, frames)))[:, None]
    sound = noise * drift
    return np.asarray(0.5 * sound / np.abs(sound).max(), dtype=np.float32)


def _bank(root: Path) -> Path:
    for folder, bank in (("foreground", FOREGROUND), ("background", BACKGROUND)):
        for label, files in bank.items():
            for number, (rate, channels, seconds) in enumerate(files):
                path = root / folder / label / f"{label}{number}.wav"
                save(path, frames=1)  # makes the folder
                sound = _natural(path.name, round(rate * seconds), channels)
                soundfile.write(path, sound, rate, subtype="PCM_16")
    return root


@pytest.fixture(scope="module")
def scaper_package() -> Any:
    """Scaper with what NumPy 2 took from under it."""
    for needed in ("scaper", "soxbindings"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed (extra `scaper`)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not hasattr(np, "Inf"):
            np.Inf = np.inf  # type: ignore[attr-defined]
        import scaper

    return scaper


def _generate(scaper: Any, root: Path, *, sample_rate_hz: int, count: int = 6, **how: Any) -> Any:
    """JAMS files of random soundscapes, and what Scaper renders them to."""
    bank, out = _bank(root / "bank"), root / "out"
    out.mkdir()
    rendered = {}
    soundscape = scaper.Scaper(6.0, str(bank / "foreground"), str(bank / "background"), random_state=3)
    soundscape.sr, soundscape.ref_db = sample_rate_hz, how.pop("ref_db", -50)
    for number in range(count):
        soundscape.reset_fg_event_spec()
        soundscape.reset_bg_event_spec()
        soundscape.add_background(("choose", []), ("choose", []), ("uniform", 0, 3))
        for _ in range(3 + number % 2):
            soundscape.add_event(
                label=("choose", []),
                source_file=("choose", []),
                source_time=("uniform", 0, 2),
                event_time=("uniform", 0, 6),
                event_duration=("uniform", 0.2, 5),
                snr=("uniform", *how.get("snr", (15, 25))),
                pitch_shift=how.get("pitch_shift"),
                time_stretch=how.get("time_stretch"),
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            audio, _, _, events = soundscape.generate(
                str(out / f"scape{number}.wav"),
                str(out / f"scape{number}.jams"),
                fix_clipping=how.get("fix_clipping", False),
                peak_normalization=how.get("peak_normalization", False),
                save_isolated_events=how.get("save", False),
            )
        rendered[f"scape{number}"] = (audio[:, 0], [event[:, 0] for event in events])
    return bank, out, rendered


def _opened(bank: Path, out: Path, **changed: Any) -> Any:
    corpora = open_corpora(
        {
            "set": CorpusConfig(kind="scaper_set"),
            "foreground": CorpusConfig(kind="folder", options={"channel": "mean"}),
            "background": CorpusConfig(kind="folder", options={"channel": "mean"}),
        },
        {"set": out, "foreground": bank / "foreground", "background": bank / "background"},
    )
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora=corpora)
    options = {
        "soundscapes": "set",
        "events": {"corpus": "foreground"},
        "background": {"corpus": "background"},
        **changed,
    }
    return call_with(BUILDERS.get("jams"), options, where="s", given={"context": context}), corpora


def _compare(bank: Path, out: Path, rendered: Any, *, tolerance: float) -> None:
    builder, corpora = _opened(bank, out)
    assert builder.count == len(rendered)
    for index in range(builder.count):
        mixture = builder.draw(index).mixture
        ours = render(mixture, corpora)
        audio, events = rendered[mixture.id]
        np.testing.assert_allclose(ours.mixture, audio, atol=tolerance)
        # Sources are in order of time, the background first.
        np.testing.assert_allclose(ours.sources, np.stack(events), atol=tolerance)
        np.testing.assert_allclose(np.sum(events, axis=0), audio, atol=1e-7)


@pytest.mark.parametrize(("sample_rate_hz", "tolerance"), [(8000, 2e-5), (16_000, 2e-5), (44_100, 2e-5)])
def test_renders_what_scaper_renders(
    scaper_package: Any, tmp_path: Path, sample_rate_hz: int, tolerance: float
) -> None:
    made = _generate(scaper_package, tmp_path, sample_rate_hz=sample_rate_hz)
    _compare(*made, tolerance=tolerance)


@pytest.mark.parametrize("how", [{"fix_clipping": True}, {"peak_normalization": True}])
def test_scales_as_scaper_does(scaper_package: Any, tmp_path: Path, how: dict[str, bool]) -> None:
    made = _generate(scaper_package, tmp_path, sample_rate_hz=RATE, ref_db=-25, count=3, **how)
    peaks = [float(np.abs(audio).max()) for audio, _ in made[2].values()]
    assert max(peaks) == pytest.approx(1.0, abs=1e-6)
    _compare(*made, tolerance=1e-4)  # twenty times as loud as above


def test_clips_as_scaper_does(scaper_package: Any, tmp_path: Path) -> None:
    """Files are cut at full scale, mixture and events alike; without the option the mixture is whole."""
    bank, out, rendered = _generate(
        scaper_package, tmp_path, sample_rate_hz=RATE, ref_db=-18, count=3, save=True, snr=(10, 16)
    )
    cut, corpora = _opened(bank, out, clip=True)
    whole, _ = _opened(bank, out)
    loud = 0
    for index in range(3):
        drawn = cut.draw(index)
        name = drawn.mixture.id
        ours = render(drawn.mixture, corpora)
        written, _ = soundfile.read(out / f"{name}.wav", dtype="float32")
        np.testing.assert_allclose(ours.mixture, written, atol=1e-4)
        events = sorted((out / f"{name}_events").iterdir())
        stems = np.stack([soundfile.read(path, dtype="float32")[0] for path in events])
        np.testing.assert_allclose(ours.sources, stems, atol=1e-4)
        peak = float(np.abs(rendered[name][0]).max())
        assert drawn.above_full_scale == whole.draw(index).above_full_scale == (peak > 1.0)
        loud += peak > 1.0
        unclipped = render(whole.draw(index).mixture, corpora)
        np.testing.assert_allclose(unclipped.mixture, rendered[name][0], atol=1e-4)
    assert loud


def test_isolated_events_stand_in_for_changes_of_pitch_and_time(scaper_package: Any, tmp_path: Path) -> None:
    how = {"pitch_shift": ("uniform", -2, 2), "time_stretch": ("uniform", 0.9, 1.1)}
    bank, out, rendered = _generate(scaper_package, tmp_path, sample_rate_hz=RATE, count=2, save=True, **how)
    builder, corpora = _opened(bank, out)
    for index in range(builder.count):
        mixture = builder.draw(index).mixture
        assert {source.clip.corpus for source in mixture.sources} == {"set"}
        ours = render(mixture, corpora)
        audio, events = rendered[mixture.id]
        np.testing.assert_allclose(ours.mixture, audio, atol=1e-6)
        np.testing.assert_allclose(ours.sources, np.stack(events), atol=1e-6)
    refusing, _ = _opened(bank, out, isolated="never")
    with pytest.raises(DatasetError, match=r"scape0.jams' changes pitch or time of '\w+', and"):
        refusing.draw(0)


def test_soxbindings_agree(scaper_package: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import soxbindings
    assert scaper_package.__version__ == "1.6.5"
    hz = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
    for from_hz, to_hz in itertools.permutations(hz, 2):
        noise = generator("sox", from_hz).standard_normal(from_hz + 77) * 0.1
        transformer = soxbindings.Transformer()
        transformer.convert(samplerate=to_hz, n_channels=1, bitdepth=None)
        transformer.set_output_format(rate=to_hz, channels=1)
        theirs = transformer.build_array(input_array=noise[:, None], sample_rate_in=from_hz)[:, 0]
        ours = sox_rate(noise.astype(np.float32), from_hz=from_hz, to_hz=to_hz)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(level=st.floats(-60, -20), frames=st.integers(400, RATE))
def test_any_level_is_reached(level: float, frames: int) -> None:
    sound = render(_mixture(_source("a", level, frames=frames)), NOISE).sources[0][:frames]
    assert loudness(sound, RATE) == pytest.approx(level, abs=1e-3)
