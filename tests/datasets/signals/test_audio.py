"""Audio in and out: what files hold, what is refused, and resampling."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tsebench.core.errors import AudioError, OutputError
from tsebench.datasets.signals import audio

Samples = NDArray[np.float32]
RATE = 8000


def _noise(*shape: int, low: float = -0.9, high: float = 0.9) -> Samples:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


def _pcm16(path: Path, samples: Samples) -> Samples:
    soundfile.write(str(path), samples, RATE, subtype="PCM_16")
    read: Samples = soundfile.read(str(path), dtype="float32")[0]
    return read


CODES = np.arange(-32768, 32768)
QUANTISED = {
    "noise": _noise(200_000),
    "quiet": _noise(200_000, low=-1e-3, high=1e-3),
    "clipped": _noise(200_000, low=-1.5, high=1.5),
    "codes": (CODES / 32768).astype(np.float32),
    "halves": ((CODES + 0.5) / 32768).astype(np.float32),
    "just below": np.nextafter((CODES / 32768).astype(np.float32), np.float32(-2.0)),
    "just above": np.nextafter((CODES / 32768).astype(np.float32), np.float32(2.0)),
    "edges": np.array(
        [1, -1, 1 - 2**-24, 1 - 2**-16, -1 - 2**-16, 7, -7, 0.0, -0.0, 1e-30, -1e-30, -1e-12, -1e-9], dtype=np.float32
    ),
}


@pytest.mark.parametrize("samples", QUANTISED.values(), ids=list(QUANTISED))
def test_int16_is_what_soundfile_writes_and_reads(tmp_path: Path, samples: Samples) -> None:
    quantised = audio.quantise_int16(samples)
    assert quantised.dtype == np.float32
    np.testing.assert_array_equal(quantised, _pcm16(tmp_path / "a.wav", samples))


def test_both_precisions_make_the_same_codes() -> None:
    """float64, in which the arithmetic is that of libsndfile, and the shorter way of float32."""
    codes = np.concatenate([CODES, CODES + 0.5]) / 32768
    half_step = 2.0**-32 * np.array([-1.0, -0.999, 0.0, 0.999, 1.0])
    near = (codes[:, None] + half_step).astype(np.float32).ravel()
    bits = np.random.default_rng(0).integers(0, 2**32, 2**20, dtype=np.uint32)
    anything = bits.view(np.float32)
    samples = np.concatenate(
        [
            near,
            np.nextafter(near, np.float32(-2)),
            np.nextafter(near, np.float32(2)),
            anything[np.isfinite(anything)],
            np.float32([np.inf, -np.inf]),
        ]
    )
    exact = audio.quantise_int16(samples.astype(np.float64))
    np.testing.assert_array_equal(audio.quantise_int16(samples), exact)


def test_int16_floors_and_clips() -> None:
    lsb = 1 / 32768
    samples = np.array([1.0, 2.0, -1.0, -2.0, 0.9 * lsb, -0.1 * lsb], dtype=np.float32)
    expected = np.array([1 - lsb, 1 - lsb, -1.0, -1.0, 0.0, -lsb], dtype=np.float32)
    np.testing.assert_array_equal(audio.quantise_int16(samples), expected)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_int16_samples_survive_a_file_and_a_second_quantisation(tmp_path: Path, suffix: str) -> None:
    once = audio.quantise_int16(_noise(3, 5000, low=-1.2, high=1.2))
    audio.write(tmp_path / f"a.{suffix}", once, RATE, subtype="PCM_16")
    np.testing.assert_array_equal(audio.read(tmp_path / f"a.{suffix}")[0], once)
    np.testing.assert_array_equal(audio.quantise_int16(once), once)


def test_float_wav_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    samples = _noise(2, 1000, low=-3.0, high=3.0)
    audio.write(tmp_path / "new" / "a.wav", samples, 44_100)
    read, rate = audio.read(tmp_path / "new" / "a.wav")
    assert rate == 44_100
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, samples)
    assert audio.info(tmp_path / "new" / "a.wav") == audio.AudioInfo(frames=1000, sample_rate_hz=44_100, channels=2)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.wav"]


_KINDS = ("PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE", "ALAW", "VORBIS")
_FORMATS = [
    (kind, subtype)
    for kind in sorted(set(soundfile.available_formats()) - {"RAW", "SD2", "MP3"})
    for subtype in _KINDS
    if soundfile.check_format(kind, subtype)
]


@pytest.mark.parametrize(("kind", "subtype"), _FORMATS)
def test_every_format_is_read_as_soundfile_reads_floats(tmp_path: Path, kind: str, subtype: str) -> None:
    """Bit for bit, whatever way the samples take; all 65536 codes are among them."""
    codes = np.concatenate([CODES, CODES[::-1], CODES[::7]]) / 32768
    file = tmp_path / "a.audio"
    for channels in (1, 2, 8):
        samples = np.stack([np.roll(codes, 1000 * k) for k in range(channels)], axis=1)
        try:
            soundfile.write(str(file), samples, RATE, subtype=subtype, format=kind)
        except soundfile.LibsndfileError:
            assert channels > 1  # the format holds mono only
            continue
        whole = soundfile.read(str(file), dtype="float32", always_2d=True)[0].T
        np.testing.assert_array_equal(audio.read(file)[0], whole)
        with soundfile.SoundFile(str(file)) as opened:
            opened.seek(1001)
            frames = opened.read(5003, dtype="float32", always_2d=True)
        stretch = np.ascontiguousarray(frames.T)
        read = audio.read(file, 1001, 5003)[0]
        assert read.dtype == np.float32
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, stretch)
        for channel in range(channels):
            one = audio.read_mono(file, 1001, 5003, channel=channel)[0]
            assert one.flags.c_contiguous
            np.testing.assert_array_equal(one, stretch[channel])
        mean = audio.read_mono(file, 1001, 5003, channel="mean")[0]
        np.testing.assert_array_equal(mean, stretch.mean(axis=0, dtype=np.float32))


@pytest.mark.parametrize(("start", "frames"), [(0, 1000), (10, 20), (999, 1), (500, None)])
def test_a_stretch_is_a_slice(tmp_path: Path, start: int, frames: int | None) -> None:
    samples = _noise(1000)
    audio.write(tmp_path / "a.wav", samples, RATE)
    stop = None if frames is None else start + frames
    read, _ = audio.read_mono(tmp_path / "a.wav", start, frames)
    np.testing.assert_array_equal(read, samples[start:stop])


@pytest.mark.parametrize(("start", "frames"), [(990, 20), (2000, None), (-5, 10), (20, -5)])
def test_a_stretch_outside_the_file_is_refused(tmp_path: Path, start: int, frames: int | None) -> None:
    audio.write(tmp_path / "a.wav", _noise(1000), RATE)
    with pytest.raises(AudioError, match=rf"a\.wav' has 1000 frames, but frames {start} to "):
        audio.read(tmp_path / "a.wav", start, frames)


def test_channels(tmp_path: Path) -> None:
    stereo = _noise(2, 100)
    audio.write(tmp_path / "a.wav", stereo, RATE)
    with pytest.raises(AudioError, match="has 2 channels where mono is needed; set `channel`"):
        audio.read_mono(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=r"2 channels .* and channel 2 is asked for"):
        audio.read_mono(tmp_path / "a.wav", channel=2)
    with pytest.raises(AudioError, match="and channel -1 is asked for"):
        audio.read_mono(tmp_path / "a.wav", channel=-1)
    np.testing.assert_array_equal(audio.read_mono(tmp_path / "a.wav", channel=1)[0], stereo[1])
    mean = audio.read_mono(tmp_path / "a.wav", channel="mean")[0]
    np.testing.assert_allclose(mean, (stereo[0] + stereo[1]) / 2, atol=1e-7)
    audio.write(tmp_path / "mono.wav", stereo[0], RATE)
    np.testing.assert_array_equal(audio.read_mono(tmp_path / "mono.wav", channel=0)[0], stereo[0])
    with pytest.raises(AudioError, match=r"has 1 channels .* channel 1"):
        audio.read_mono(tmp_path / "mono.wav", channel=1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(tmp_path: Path, bad: float) -> None:
    samples = _noise(100)
    samples[50] = bad
    soundfile.write(str(tmp_path / "a.wav"), samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="holds NaN or inf"):
        audio.read(tmp_path / "a.wav")
    assert not np.isfinite(audio.read(tmp_path / "a.wav", finite=False)[0][0, 50])


def _wav_without_samples(path: Path) -> None:
    soundfile.write(str(path), np.zeros(0, dtype=np.float32), RATE)


BROKEN = {
    "empty.wav": (lambda path: path.write_bytes(b""), "cannot decode"),
    "text.wav": (lambda path: path.write_text("not audio"), "cannot decode"),
    "headerless.raw": (lambda path: path.write_bytes(bytes(100)), "cannot decode"),
    "folder.wav": (lambda path: path.mkdir(), "cannot decode"),
    "missing.wav": (lambda path: None, "does not exist"),
    "silence.wav": (_wav_without_samples, "has no samples"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_give_one_clear_line(tmp_path: Path, name: str) -> None:
    make, message = BROKEN[name]
    make(tmp_path / name)
    for function in (audio.read, audio.info):
        with pytest.raises(AudioError, match=message) as caught:
            function(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_flac_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    soundfile.write(str(tmp_path / "a.flac"), _noise(20_000), RATE)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    assert audio.info(tmp_path / "a.flac").frames == 20_000
    with pytest.raises(AudioError, match=r"a\.flac"):
        audio.read(tmp_path / "a.flac", 0, 20_000)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_flac_that_is_cut_off_is_noticed_without_decoding_it(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, _noise(50_000), RATE)
    audio.check_whole(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AudioError, match=r"is cut: its header says 50000 samples"):
        audio.check_whole(path)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_file_that_is_cut_off_is_told_by_its_header(tmp_path: Path, name: str, subtype: str) -> None:
    path = tmp_path / name
    soundfile.write(path, np.linspace(-0.5, 0.5, 4001), 8000, subtype=subtype)
    assert audio.info(path).frames == 4001
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=r"is cut: \d+ bytes .* header says \d+; copy it again"):
        audio.info(path)


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF, 0])
def test_a_length_that_the_writer_did_not_know_is_no_cut(tmp_path: Path, size: int) -> None:
    """sox and ffmpeg put such a size into the header of a wav file that they write to a pipe."""
    path = tmp_path / "pipe.wav"
    soundfile.write(path, np.linspace(-0.5, 0.5, 4001), 8000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    if size:
        assert audio.info(path).frames == 4001
    else:
        with pytest.raises(AudioError, match="has no samples"):
            audio.info(path)


@pytest.mark.parametrize("name", ["a.flac", "a.xyz", "a"])
def test_a_suffix_that_cannot_hold_floats_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=rf"cannot write FLOAT samples to .*{name}'; use"):
        audio.write(tmp_path / name, _noise(10), RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        audio.write(tmp_path / "a" / "b.wav", _noise(10), RATE)


RATES = [(44_100, 8000), (48_000, 16_000), (22_050, 8000), (8000, 44_100), (11_025, 16_000)]


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("length", [1, 2, 3, 7, 100, 1001, 44_101])
def test_resampled_length_is_the_ceiling(from_hz: int, to_hz: int, length: int) -> None:
    samples = np.ones((2, length), dtype=np.float32)
    resampled = audio.resample(samples, from_hz=from_hz, to_hz=to_hz)
    assert resampled.shape == (2, -(-length * to_hz // from_hz))
    assert resampled.dtype == np.float32


def test_resampling_keeps_a_tone_below_both_nyquist_frequencies() -> None:
    """The result is the same tone sampled at the other rate, away from the ends."""
    for from_hz, to_hz in [(44_100, 8000), (8000, 44_100), (16_000, 8000)]:
        tone = [np.sin(2 * np.pi * 700 * np.arange(rate) / rate) for rate in (from_hz, to_hz)]
        made = audio.resample(tone[0].astype(np.float32), from_hz=from_hz, to_hz=to_hz)
        middle = slice(to_hz // 5, -to_hz // 5)
        np.testing.assert_allclose(made[middle], tone[1][middle], atol=2e-5)


def test_resampling_removes_what_lies_above_the_new_nyquist_frequency() -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(16_000) / 16_000).astype(np.float32)
    made = audio.resample(tone, from_hz=16_000, to_hz=8000)
    assert np.abs(made[1000:-1000]).max() < 1e-5


def test_the_same_rate_and_nothing_are_left_alone() -> None:
    samples = _noise(2, 10)
    assert audio.resample(samples, from_hz=RATE, to_hz=RATE) is samples
    assert audio.resample(samples[:, :0], from_hz=RATE, to_hz=16_000).shape == (2, 0)


@pytest.mark.parametrize(("subtype", "shape"), [("FLOAT", (801,)), ("FLOAT", (2, 400)), ("PCM_16", (800,))])
def test_equal_samples_make_equal_files(subtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    samples = _noise(*shape)
    path = tmp_path / "a.wav"
    audio.write(path, samples, RATE, subtype=subtype)
    found = path.read_bytes()
    plain = tmp_path / "plain.wav"
    soundfile.write(str(plain), samples.T, RATE, subtype=subtype)
    # Apart from the time in its PEAK chunk, the file is that of libsndfile.
    place = found.find(b"PEAK")
    assert (place > 0) == (subtype == "FLOAT")
    differing = [i for i, (a, b) in enumerate(zip(found, plain.read_bytes(), strict=True)) if a != b]
    assert set(differing) <= set(range(place + 12, place + 16))
    if place > 0:
        assert found[place + 12 : place + 16] == bytes(4)
    np.testing.assert_array_equal(soundfile.read(str(path))[0], soundfile.read(str(plain))[0])


def _forged_mp3(path: Path) -> None:
    """A length of 2³² frames of 1,152 samples in the header: 9.9 TB of 16-bit samples."""
    soundfile.write(str(path), _noise(RATE), RATE, format="MP3")
    content = bytearray(path.read_bytes())
    place = max(content.find(b"Xing"), content.find(b"Info"))
    assert place > 0
    content[place + 8 : place + 12] = struct.pack(">I", 2**32 - 1)
    path.write_bytes(content)


def _forged_flac(path: Path) -> None:
    """2³⁶ − 1 samples in STREAMINFO."""
    soundfile.write(str(path), _noise(RATE), RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)


def _forged_rate(path: Path) -> None:
    soundfile.write(str(path), _noise(RATE), RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", 2**31 - 1)
    path.write_bytes(content)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


FORGED = {"a.mp3": _forged_mp3, "a.flac": _forged_flac, "a.wav": _forged_rate, "pipe.wav": _pipe}


@pytest.mark.parametrize("name", FORGED)
def test_headers_that_claim_what_is_not_there(tmp_path: Path, name: str) -> None:
    """Refused before memory is taken for it; opening a pipe does not wait."""
    path = tmp_path / name
    FORGED[name](path)
    with pytest.raises(AudioError, match=r"claims|header says|regular file"):
        audio.info(path)
    if name != "a.wav":  # its samples are there
        with pytest.raises(AudioError):
            audio.read(path)


def test_a_file_larger_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "room_for", lambda _: False)
    soundfile.write(str(tmp_path / "a.wav"), np.zeros(2**24 + 1, np.int16), RATE)
    with pytest.raises(AudioError, match="more than the memory holds"):
        audio.read(tmp_path / "a.wav")
    assert audio.info(tmp_path / "a.wav").frames == 2**24 + 1
    with pytest.raises(AudioError, match="correct the sample rate"):
        audio.resample(_noise(100), from_hz=1, to_hz=RATE)


def test_a_name_that_is_not_utf_8_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    audio.write(path, _noise(100), RATE)
    assert audio.info(path).frames == 100
    assert np.array_equal(audio.read(path)[0][0], _noise(100))


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise soundfile.LibsndfileError(2)

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OutputError, match="no space left on the disk"):
        audio.write(tmp_path / "a.wav", np.zeros(8, np.float32), 8000)
    assert not list(tmp_path.iterdir())
