"""The videos that go with audio-visual mixtures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.av_mixtures import FILMED, FPS, RATE, FilmCorpus, av_builder, av_corpora, mini_config, rendered

from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item, at_rate
from tsebench.core.errors import AudioError, DatasetError
from tsebench.datasets.batches import collate
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.trials import render_trial
from tsebench.datasets.types import VideoClip
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard


def test_missing_and_short_videos_are_counted() -> None:
    """They are reported as missing recordings, which --allow-missing leaves out."""
    short = av_corpora(films=FilmCorpus("films", FILMED, shorter=60))
    with pytest.raises(AudioError, match=r"lasts 3.60 s, less than the 4 s of its sound"):
        av_builder(short).draw(0)
    slightly = av_corpora(films=FilmCorpus("films", FILMED, shorter=53))
    drawn = av_builder(slightly).draw(0)
    assert drawn.trials[0].clue.video is not None
    assert (drawn.trials[0].clue.video.start, drawn.trials[0].clue.video.frames) == (0, 97)
    query, _ = rendered(drawn, slightly)
    assert query.clues.video is not None
    assert query.clues.video.shape == (100, 4, 6)
    numbers = (query.clues.video[:, 0, 0] * 255).round().int().tolist()
    assert numbers == [*range(97), 96, 96, 96]


class TestVideoOfAQuery:
    """From the corpus to the system, the pictures stay what they are."""

    def test_values(self) -> None:
        corpora = av_corpora()
        drawn = av_builder(corpora).draw(1)
        query, _ = rendered(drawn, corpora)
        video, clip = query.clues.video, drawn.trials[0].clue.video
        assert video is not None
        assert clip is not None
        assert (video.shape, video.dtype, query.clues.video_fps) == ((100, 4, 6), torch.float32, FPS)
        expected = (clip.start + np.arange(100)) / 255
        np.testing.assert_allclose(video[:, 2, 3], expected, atol=1e-7)
        assert 0.0 <= video.min() <= video.max() <= 1.0

    def test_as_many_pictures_as_fit_into_the_mixture(self) -> None:
        corpora = av_corpora()
        drawn = av_builder(corpora).draw(0)
        trial = drawn.trials[0]
        for samples, frames in ((RATE, 25), (RATE - 1, 24), (RATE + 319, 25), (RATE + 320, 26)):
            mixture = replace(drawn.mixture, num_samples=samples)
            query, _ = render_trial(trial, mixture, corpora)
            assert query.clues.video is not None
            assert len(query.clues.video) == frames, samples

    def test_a_corpus_without_videos(self) -> None:
        corpora = av_corpora()
        drawn = av_builder(corpora).draw(0)
        clip = VideoClip(corpus="speech", path="dora/0.wav", start=0, frames=5)
        trial = replace(drawn.trials[0], clue=replace(drawn.trials[0].clue, video=clip))
        with pytest.raises(DatasetError, match="is of corpus 'speech', which has no videos"):
            render_trial(trial, drawn.mixture, corpora)

    def _item(self) -> Item:
        corpora = av_corpora()
        query, truth = rendered(av_builder(corpora).draw(0), corpora)
        return Item(index=0, query=query, truth=truth)

    def test_another_rate_of_the_sound_leaves_it_alone(self) -> None:
        item = self._item()
        other = at_rate(item, 16_000)
        assert other.query.mixture.shape == (1, 8 * RATE)
        assert other.query.clues.video_fps == FPS
        assert other.query.clues.video is not None
        assert item.query.clues.video is not None
        assert torch.equal(other.query.clues.video, item.query.clues.video)

    def test_batches_keep_it_unpadded(self) -> None:
        query = self._item().query
        assert query.clues.video is not None
        short = replace(
            query, id="short", mixture=query.mixture[:, :RATE], clues=replace(query.clues, video=query.clues.video[:25])
        )
        batch = collate([query, short], device="cpu")
        videos = [clues.video for clues in batch.clues]
        assert [None if video is None else len(video) for video in videos] == [100, 25]
        on_meta = collate([query], device="meta").clues[0].video
        assert on_meta is not None
        assert on_meta.device.type == "meta"

    def test_a_system_that_works_in_place_spoils_nothing(self) -> None:
        item = self._item()
        assert item.query.clues.video is not None
        before = item.query.clues.video.clone()
        answers = Inference(_Spoiler(), device="cpu", batch_size=1).begin([item]).finish()
        assert answers[0].failure is None
        assert torch.equal(item.query.clues.video, before)


class _Spoiler:
    card = SystemCard(name="spoiler", family="baseline", description="", clues=frozenset({"video"}))

    def extract(self, batch: QueryBatch) -> Extraction:
        for clues in batch.clues:
            assert clues.video is not None
            clues.video.zero_()
        return Extraction(estimate=batch.mixture[:, 0])


@pytest.mark.long
def test_a_shipped_set_is_built_opened_and_valid(tmp_path: Path) -> None:
    config = mini_config("mini_av_noise_spk", clues=[["video", "enrollment"], ["video"]])
    dataset = build(config, tmp_path / "set", corpus_dirs={})
    opened = load_dataset(tmp_path / "set")
    assert opened.card.fingerprint == dataset.card.fingerprint
    assert all(finding.verdict == "ok" for finding in validate(opened))
    assert len(opened) == 6
    for index in range(6):
        query, truth = opened[index]
        assert query.clues.video is not None
        assert query.clues.video.shape == (100, 64, 64)
        assert query.mixture.shape == (1, 32_000)
        assert truth.target is not None
    videos = {t.clue.video.path for t in opened.trials if t.clue.video is not None}
    hashed = {file.path for file in opened.manifest.files if file.corpus == "films"}
    assert videos <= hashed


def test_the_video_is_that_of_the_on_screen_speech(tmp_path: Path) -> None:
    """Across mixtures, the pictures go with their own on-screen speech better than with others'."""
    config = mini_config("mini_av_2spk", count=8)
    dataset = build(config, tmp_path / "set", corpus_dirs={})
    contrasts, levels = [], []
    for trial in dataset.trials:
        query, _ = dataset[dataset.trials.index(trial)]
        assert query.clues.video is not None
        contrasts.append(query.clues.video[:, 20:50, 12:52].numpy().std(axis=(1, 2)))
        speech = dataset.signals(trial.mixture_id).sources[0].reshape(100, 320)
        levels.append(np.log(np.square(speech.astype(np.float64)).mean(axis=1) + 1e-6))
    fit = np.corrcoef(contrasts, levels)[:8, 8:]
    own = fit.diagonal()
    others = fit[~np.eye(8, dtype=bool)]
    assert own.mean() > others.mean() + 0.25
    assert np.mean(own > others.mean() + others.std()) > 0.8
