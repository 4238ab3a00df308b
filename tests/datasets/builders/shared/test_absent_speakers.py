"""Queries by absent speakers: who is named, and that nothing about an enrollment tells who is absent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.builds import make_set

from tsebench.core.errors import ConfigError, DatasetError
from tsebench.datasets.build import draw_dataset
from tsebench.datasets.builders.shared.absent_speakers import AbsentSpeakers
from tsebench.datasets.builders.shared.target_trials import target_trial
from tsebench.datasets.checks.absent import check_absent
from tsebench.datasets.config import load_dataset_configs, open_builder
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.dynamic import TrialStream, open_stream
from tsebench.datasets.protocols.builder import BuildContext
from tsebench.datasets.types import Clip, ClueSpec, EnrollmentClip, Mixture, Source, Trial
from tsebench.systems.training.config import load_train_config
from tsebench.systems.training.state import run_identity

SPEAKERS = tuple("abcdefgh")


def _clip(path: str) -> Clip:
    return Clip(corpus="speech", path=path, start=0, frames=100)


def _mixture(number: int) -> Mixture:
    here = (SPEAKERS[number % 8], SPEAKERS[(number + 3) % 8])
    sources = tuple(
        Source(id=f"s{n}", label=who, role="foreground", clip=_clip(f"{who}/{number}"), gain=1.0)
        for n, who in enumerate(here, 1)
    )
    return Mixture(id=f"m{number}", sample_rate_hz=8000, num_samples=100, sources=sources, tags={"n_speakers": 2})


def _trials(mixture: Mixture) -> list[Trial]:
    return [
        target_trial(mixture, s.id, clue=ClueSpec(enrollments=(_clip(f"{s.label}/x"),)), tags={"target": s.label})
        for s in mixture.sources
    ]


def _absent(count: int, *, without: str = "") -> AbsentSpeakers[str]:
    places = {who: [f"{who}/{n}" for n in range(4)] for who in SPEAKERS}
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora={})
    return AbsentSpeakers(
        places,
        lambda _mixture, place, _turn: None if place[0] == without else (_clip(place),),
        context=context,
        count=count,
    )


def _speakers(trials: tuple[Trial, ...]) -> list[str]:
    return [
        str(clip.path)[0] for t in trials if not t.target_ids for clip in t.clue.enrollments if isinstance(clip, Clip)
    ]


def test_without_such_queries_the_trials_stay() -> None:
    mixture = _mixture(0)
    assert _absent(0).join(mixture, _trials(mixture)) == tuple(_trials(mixture))


def test_speakers_are_absent_different_and_nested() -> None:
    for number in range(20):
        mixture = _mixture(number)
        one, three = (_absent(count).join(mixture, _trials(mixture)) for count in (1, 3))
        named = set(_speakers(three))
        assert len(three) == 5
        assert len(named) == 3
        assert not named & {source.label for source in mixture.sources}
        assert set(_speakers(one)) < named
        assert {str(t.condition) for t in three if not t.target_ids} == {"0:1"}


def test_neither_id_nor_order_tells_who_is_absent() -> None:
    absent_at = Counter(
        trial.id
        for number in range(200)
        for trial in _absent(2).join(_mixture(number), _trials(_mixture(number)))
        if not trial.target_ids
    )
    by_place = Counter(int(name[-1]) for name in absent_at)
    assert sorted(by_place) == [0, 1, 2, 3]
    assert all(abs(count - 100) < 30 for count in by_place.values())  # 4 standard deviations


def test_every_speaker_is_drawn_alike() -> None:
    drawn = Counter(who for n in range(400) for who in _speakers(_absent(1).join(_mixture(n), [])))
    assert all(abs(count - 50) < 28 for count in drawn.values())  # 4 standard deviations
    assert len(drawn) == 8


def test_a_speaker_without_enrollment_is_passed_over() -> None:
    for number in range(20):
        assert "c" not in _speakers(_absent(2, without="c").join(_mixture(number), []))


def test_too_few_speakers() -> None:
    with pytest.raises(DatasetError, match="absent_speakers = 7, but only 6 speakers"):
        _absent(7).join(_mixture(0), [])


def _stream(share: float | None, **overrides: object) -> TrialStream:
    return open_stream("mini_speech", split="valid", seed=3, corpus_dirs={}, overrides=overrides, absent_share=share)


def test_enrollments_of_both_kinds_are_drawn_alike() -> None:
    """Each utterance enrolls a speaker of the mixture as often as an absent one, within chance."""
    stream = _stream(None, absent_speakers=2)
    used: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for index in range(50):
        for trial in stream.drawn(index).trials:
            (clip,) = trial.clue.enrollments
            assert isinstance(clip, Clip)
            used[bool(trial.target_ids)][clip.path.partition("/")[2]] += 1
    assert used[True].total() == used[False].total() == 100
    assert used[True].keys() == used[False].keys()  # all twelve numbers of utterances
    statistic = sum((used[True][n] - used[False][n]) ** 2 / (used[True][n] + used[False][n]) for n in used[True])
    assert statistic < 31.3  # chi-square of 11 degrees of freedom, p = 0.001


def test_share_of_absent_targets_in_a_stream() -> None:
    stream = _stream(0.25, absent_speakers=1)
    absent = [not stream.drawn(index).trials[0].target_ids for index in range(40)]
    assert 2 <= sum(absent) <= 18  # 10 ± 3 standard deviations
    assert not any(not _stream(0.0, absent_speakers=1).drawn(index).trials[0].target_ids for index in range(10))


def test_share_needs_such_queries() -> None:
    stream = _stream(0.99)
    with pytest.raises(ConfigError, match=r"absent_share = 0.99, but dataset 'mini_speech' .* absent_speakers: 1"):
        list(map(stream.drawn, range(5)))


def _label(clip: EnrollmentClip, dataset: Dataset) -> str:
    """The speaker of an enrollment: of a source of a mixture, or of a path such as si_et_05/445/445c0206.wav."""
    for mixture in dataset.manifest.mixtures:
        for source in mixture.sources:
            same = source.clip == clip if isinstance(clip, Clip) else clip.mixture_id == mixture.id
            if same and (isinstance(clip, Clip) or clip.source_id == source.id):
                return source.label
    assert isinstance(clip, Clip)
    return clip.path.split("/")[0 if "speaker" in clip.path else 1]


@pytest.mark.parametrize("builder", ["librimix", "librimix_files", "speech_mix", "wsj0_mix", "wsj0_mix_files"])
def test_every_speech_set_has_them(builder: str, tmp_path: Path) -> None:
    config, folders = make_set(builder, tmp_path)
    plain = draw_dataset(config, corpus_dirs=folders)
    asked = config.model_copy(update={"params": {**config.params, "absent_speakers": 1}})
    dataset = draw_dataset(asked, corpus_dirs=folders)
    absent = [trial for trial in dataset.trials if not trial.target_ids]
    present = [trial for trial in dataset.trials if trial.target_ids]
    assert [t.mixture_id for t in absent] == [m.id for m in dataset.manifest.mixtures]
    assert {(t.mixture_id, t.target_ids, t.clue) for t in present} == {
        (t.mixture_id, t.target_ids, t.clue) for t in plain.trials
    }
    assert dataset.manifest.mixtures == plain.manifest.mixtures
    labels = {m.id: {s.label for s in m.sources} for m in dataset.manifest.mixtures}
    for trial in absent:
        (speaker,) = {_label(clip, dataset) for clip in trial.clue.enrollments}
        assert speaker not in labels[trial.mixture_id]
        assert speaker in set().union(*labels.values())
    assert all(trial.id.rpartition("_")[2] in {"q0", "q1", "q2", "q3"} for trial in dataset.trials)
    assert [finding.verdict for finding in check_absent(dataset)] == ["ok"]
    assert list(check_absent(plain)) == []
    wrong = replace(absent[0], clue=next(t.clue for t in present if t.mixture_id == absent[0].mixture_id))
    (finding,) = check_absent(Dataset(replace(dataset.manifest, trials=[wrong]), dataset.corpora))
    assert finding.detail.startswith(f"trial {wrong.id!r} has no target, and enrolls")


def test_a_set_of_files_without_enrollments_has_none(tmp_path: Path) -> None:
    config, folders = make_set("librimix_files", tmp_path)
    asked = config.model_copy(update={"params": {**config.params, "absent_speakers": 1, "enrollment": "none"}})
    with pytest.raises(ConfigError, match="absent_speakers = 1 needs enrollments"):
        draw_dataset(asked, corpus_dirs=folders)


def test_the_embedded_set_has_the_mixtures_and_queries_of_mini_speech() -> None:
    plain, absent = (
        open_builder(load_dataset_configs(name)[0], {}).builder.draw(2)
        for name in ("mini_speech", "mini_speech_absent")
    )
    assert absent.mixture == plain.mixture
    clues = {trial.target_ids: trial.clue for trial in absent.trials}
    assert all(clues[trial.target_ids] == trial.clue for trial in plain.trials)
    assert len(absent.trials) == 2 * len(plain.trials)


def test_a_share_of_absent_targets_is_another_training_and_none_is_the_same_as_before() -> None:
    config = load_train_config("td_speakerbeam_mini_inactive")
    none = config.model_copy(update={"data": config.data.model_copy(update={"absent_share": None})})
    assert '"absent_share":0.33' in run_identity(config, fingerprints=("a", "b"))
    assert "absent_share" not in run_identity(none, fingerprints=("a", "b"))
