"""Videos of the lips: files that hold the pictures, or a strip of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from helpers.site_films import COUNT, FPS, growing
from PIL import Image

from tsebench.reports.site import films
from tsebench.reports.site.films import write_film


def test_a_video_holds_the_pictures_at_their_times(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'tsebench[video]'")
    film = growing()
    written = write_film(film, tmp_path)
    assert (written.moving, written.count, written.seconds) == (True, COUNT, COUNT / FPS)
    with av.open(str(tmp_path / written.path)) as container:
        (stream,) = container.streams.video
        assert (stream.width, stream.height) == (written.width, written.height)
        frames = list(container.decode(stream))
    assert [float(frame.time) for frame in frames] == pytest.approx([n / FPS for n in range(COUNT)], abs=1e-3)
    shades = np.array([frame.to_ndarray(format="gray").mean() for frame in frames])
    assert np.abs(shades - film.pictures[:, 0, 0]).max() < 6
    assert write_film(film, tmp_path) == written


def test_without_pyav_there_is_a_strip_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films.importlib.util, "find_spec", lambda name: None)
    written = write_film(growing(), tmp_path)
    assert not written.moving
    strip = np.array(Image.open(io.BytesIO((tmp_path / written.path).read_bytes())))
    assert strip.shape == (written.height, written.width) == (64, 12 * 64)
    assert (np.diff(strip[0, ::64].astype(int)) > 0).all()
