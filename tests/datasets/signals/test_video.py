"""Video files: the very pictures that are asked for, their grey levels, and crops of the mouth."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.trees.audio import save
from numpy.typing import NDArray

from tsebench.core.errors import AudioError, CorpusError
from tsebench.datasets.corpora.disk.lip_videos import LipVideos
from tsebench.datasets.signals import video

av: Any = pytest.importorskip("av", reason="PyAV is not installed")

FRAMES, SIZE, BITS = 60, 64, 8


def _numbered(count: int) -> NDArray[np.uint8]:
    """Pictures [F, 64, 64] with their numbers in eight dark or bright stripes."""
    bits = np.arange(count)[:, None] >> np.arange(BITS) & 1
    rows = np.repeat(40 + 170 * bits, SIZE // BITS, axis=1).astype(np.uint8)
    return np.repeat(rows[:, :, None], SIZE, axis=2)


def _numbers(pictures: NDArray[np.uint8]) -> list[int]:
    stripes = pictures.reshape(len(pictures), BITS, SIZE // BITS, SIZE).mean(axis=(2, 3)) > 125
    return [int(number) for number in stripes @ (1 << np.arange(BITS))]


def _write(
    path: Path, pictures: NDArray[np.uint8], *, codec: str = "mpeg4", times: Sequence[int] | None = None, **options: str
) -> Path:
    """A file of 25 pictures per second, or with the given times in 1/25 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for place, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24" if picture.ndim == 3 else "gray")
            frame.pts, frame.time_base = (times or range(10**6))[place], Fraction(1, 25)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


# B pictures are decoded in another order than they are shown in; a WebM file does not say how many
# pictures it has, and rounds their times to 1 ms.
KINDS = {
    "b.mp4": ("libx264", {"g": "12", "bf": "3"}),
    "one_key.mp4": ("mpeg4", {"g": "600"}),
    "many_keys.avi": ("mpeg4", {"g": "5"}),
    "rounded.webm": ("libvpx-vp9", {"g": "20"}),
}


@pytest.fixture(scope="module", params=KINDS)
def numbered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, options = KINDS[request.param]
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {codec}")
    path = tmp_path_factory.mktemp("video") / request.param
    return _write(path, _numbered(FRAMES), codec=codec, **options)


def test_info(numbered: Path) -> None:
    known = video.info(numbered)
    assert (known.frames, known.fps) == (FRAMES, 25.0)


def test_exactly_the_pictures_that_are_asked_for(numbered: Path) -> None:
    for start, count in itertools.product((0, 1, 11, 12, 13, 35, 59), (1, 2, 13, None)):
        stop = FRAMES if count is None else start + count
        if stop <= FRAMES:
            pictures, fps = video.read(numbered, start, count)
            assert _numbers(pictures) == list(range(start, stop))
            assert (pictures.dtype, fps) == (np.uint8, 25.0)


@pytest.mark.parametrize(("start", "count"), [(60, 1), (50, 11), (60, None), (10**6, 1), (-1, 2)])
def test_pictures_beyond_the_ends_are_refused(numbered: Path, start: int, count: int | None) -> None:
    with pytest.raises(AudioError, match=rf"does not have pictures {start} to "):
        video.read(numbered, start, count)


def test_grey_is_luma_in_full_range(tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [128, 128, 128], [200, 50, 100], [10, 220, 30]], np.uint8)
    pictures = np.broadcast_to(colours[:, None, None], (5, 32, 32, 3))
    path = _write(tmp_path / "colours.mp4", pictures.copy(), codec="mpeg4", qmin="1", qmax="1")
    grey = video.read(path)[0].mean(axis=(1, 2))
    # Two steps of rounding, to limited range and back, cost up to two levels.
    np.testing.assert_allclose(grey, colours @ [0.299, 0.587, 0.114], atol=2.5)


def test_varying_frame_rates_are_refused(tmp_path: Path) -> None:
    times = [*range(30), *range(31, 61)]
    path = _write(tmp_path / "gap.mp4", _numbered(60), times=times)
    with pytest.raises(AudioError, match="only constant frame rates are read"):
        video.read(path)


def test_what_is_no_video(tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"no video" * 200)
    for ask in (video.info, video.read):
        with pytest.raises(AudioError, match=r"cannot decode video file .*junk.mp4"):
            ask(junk)
        with pytest.raises(AudioError, match="does not exist"):
            ask(tmp_path / "missing.mp4")
        with pytest.raises(AudioError, match="has no video stream"):
            ask(save(tmp_path / "sound.wav"))


def test_without_pyav_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CorpusError, match=r"pip install tsebench\[video\]"):
        video.info(Path("some.mp4"))


def test_the_centre_crop_of_a_face_of_its_own_size_is_a_slice() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 224, 224), dtype=np.uint8)
    np.testing.assert_array_equal(video.crop_centre(faces), faces[:, 56:168, 56:168])
    odd = np.random.default_rng(0).integers(0, 256, (1, 30, 30), dtype=np.uint8)
    np.testing.assert_array_equal(video.crop_centre(odd, 15), odd[:, 8:23, 8:23])


@pytest.mark.parametrize(("height", "width"), [(448, 448), (112, 112), (300, 260)])
def test_the_centre_crop_of_a_ramp_is_the_middle_half_of_it(height: int, width: int) -> None:
    """Scaling keeps a linear ramp: pixel j of n shows (j + 0.5) / n of it."""
    ramp = 250 * (np.arange(width) + 0.5) / width
    face = np.broadcast_to(np.rint(ramp), (1, height, width)).astype(np.uint8)
    expected = 250 * (np.arange(56, 168) + 0.5) / 224
    crop = video.crop_centre(face)
    assert crop.shape == (1, 112, 112)
    np.testing.assert_allclose(crop[0], np.broadcast_to(expected, (112, 112)), atol=2.0)


def test_lips_are_cut_where_the_landmarks_are() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 40, 50), dtype=np.uint8)
    crops = video.crop_lips(pictures, np.array([[20.0, 15.0, 16.0], [45.0, 4.0, 16.0]]), 16)
    np.testing.assert_array_equal(crops[0], pictures[0, 7:23, 12:28])
    # The second square sticks out above and at the right: there the edge repeats.
    padded = np.pad(pictures[1], 16, mode="edge")
    np.testing.assert_array_equal(crops[1], padded[16 - 4 : 16 + 12, 16 + 37 : 16 + 53])
    halved = video.crop_lips(np.full((1, 40, 50), 77, np.uint8), np.array([[20.0, 20.0, 32.0]]), 16)
    np.testing.assert_array_equal(halved, np.full((1, 16, 16), 77))


class TestLipVideos:
    """Videos of a corpus, with and without landmarks."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "id1").mkdir()
        spots = np.full((10, 48, 48), 20, np.uint8)
        for place, picture in enumerate(spots):  # a bright spot that moves right by 2 pixels each
            picture[20:28, 8 + 2 * place : 16 + 2 * place] = 230
        _write(tmp_path / "id1" / "1.mp4", spots)
        (tmp_path / "id1" / "1.lips.csv").write_text("frame,x,y,side\n0,12,24,8\n9,30,24,8\n")
        return tmp_path

    def test_landmarks_follow_the_mouth(self, root: Path) -> None:
        still = LipVideos(root, where="corpus", size=8)
        moving = LipVideos(root, where="corpus", size=8, landmarks=True)
        for start, count in ((0, None), (3, 4)):
            assert moving.read("id1/1.mp4", start, count)[0].mean(axis=(1, 2)).min() > 200
        assert still.read("id1/1.mp4")[0].mean(axis=(1, 2)).min() < 100
        assert moving.read("id1/1.mp4", 3, 4)[0].shape == (4, 8, 8)
        assert moving.info("id1/1.mp4").frames == 10

    def test_the_digest_covers_all_that_determines_the_crops(self, root: Path) -> None:
        def digests() -> list[str]:
            kinds = [(8, False), (16, False), (8, True)]
            return [LipVideos(root, where="c", size=size, landmarks=marks).digest("id1/1.mp4") for size, marks in kinds]

        before = digests()
        assert len(set(before)) == 3
        (root / "id1" / "1.lips.csv").write_text("frame,x,y,side\n0,13,24,8\n")
        assert [a == b for a, b in zip(before, digests(), strict=True)] == [True, True, False]

    @pytest.mark.parametrize(
        "text",
        [
            "frame,x,y\n0,1,2\n",
            "frame,x,y,side\n0,a,2,3\n",
            "frame,x,y,side\n5,1,2,3\n4,1,2,3\n",
            "frame,x,y,side\n0,nan,2,3\n",
            "frame,x,y,side\n0,1,2,0\n",
        ],
    )
    def test_bad_landmarks(self, root: Path, text: str) -> None:
        (root / "id1" / "1.lips.csv").write_text(text)
        with pytest.raises(AudioError, match=r"corpus 'x': landmarks .*1\.") as caught:
            LipVideos(root, where="corpus 'x'", landmarks=True).read("id1/1.mp4")
        assert "\n" not in str(caught.value)

    def test_missing_files_and_paths_that_lead_out(self, root: Path) -> None:
        videos = LipVideos(root / "id1", where="corpus", landmarks=True)
        for ask in (videos.info, videos.read, videos.digest):
            with pytest.raises(AudioError, match="leads out of the corpus folder"):
                ask("../other.mp4")
            with pytest.raises(AudioError, match=r"2\.mp4"):
                ask("2.mp4")
        (root / "id1" / "1.lips.csv").unlink()
        for ask in (videos.read, videos.digest):
            with pytest.raises(AudioError, match=r"1\.lips\.csv"):
                ask("1.mp4")
