"""Sets of wav files that official scripts wrote: the same trials and samples as those rendered from the corpora."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.trees.audio import save
from helpers.trees.librimix import MAP, Place, librimix_config, make_librimix, mixture_row, utterance
from helpers.trees.librimix_files import NAMES, make_librimix_files
from helpers.trees.wsj0 import ROWS, make_wsj0, make_wsj0_lists
from helpers.trees.wsj0_mix_files import NAMES as WSJ0_NAMES
from helpers.trees.wsj0_mix_files import make_wsj0_mix_files

from tsebench import evaluate
from tsebench.bench.config import RunConfig
from tsebench.bench.rows import read_rows
from tsebench.core.config_files import shipped_names
from tsebench.core.errors import CorpusError, DatasetError, TsebenchError
from tsebench.datasets.build import build, materialise
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.dataset import Dataset, load_dataset

SPEAKERS = (61, 121, 260)
SPEECH = {utterance(s, n): 48_000 + 37 * s + 11 * n for s in SPEAKERS for n in range(4)}
ROWS_OF_TWO = [
    mixture_row({utterance(61, 0): 0.6, utterance(121, 1): 0.4}, "tt/a.wav", 0.5),
    mixture_row({utterance(121, 0): 0.75, utterance(260, 1): 0.3}, "tt/b.wav", 0.7),
    mixture_row({utterance(61, 2): 0.2, utterance(260, 0): 0.9}, "tt/a.wav", 0.1),
]
ROWS_OF_THREE = [
    mixture_row({utterance(61, n): 0.6, utterance(121, n): 0.4, utterance(260, n): 0.5}, "tt/a.wav", 0.5)
    for n in range(2)
]


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("place")
    place = make_librimix(root, ROWS_OF_TWO, SPEECH, {"tt/a.wav": 70_000, "tt/b.wav": 30_000})
    ids = [row["mixture_ID"] for row in ROWS_OF_TWO]
    lines = [(0, 0, "s1", 2), (0, 1, "s1", 1), (1, 0, "s2", 0), (1, 1, "s2", 2), (2, 0, "s1", 0), (2, 1, "s2", 1)]
    text = "".join(f"{ids[m]} {ids[m].split('_')[t]} {source}/{ids[other]}\n" for m, t, source, other in lines)
    (root / "metadata" / MAP).write_text(text)
    three = make_librimix(
        root / "three", ROWS_OF_THREE, SPEECH, {"tt/a.wav": 70_000}, table="Libri3Mix/libri3mix_test-clean.csv"
    )
    assert three.root == root / "three"
    return place


def _files_config(builder: str, corpora: Mapping[str, str], split: str, **params: Any) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": "small",
            "builder": builder,
            "split": split,
            "seed": 1,
            "corpora": {name: {"kind": kind} for name, kind in corpora.items()},
            "params": params,
        }
    )


def _assert_equal(rendered: Dataset, read: Dataset, *, words: bool) -> None:
    """Equal ids, clusters, targets and samples of all trials, enrollments included."""
    assert [t.id for t in read.trials] == [t.id for t in rendered.trials]
    assert list(read.mixtures) == list(rendered.mixtures)
    for index, (one, other) in enumerate(zip(rendered.trials, read.trials, strict=True)):
        assert (one.cluster, one.target_ids, one.condition) == (other.cluster, other.target_ids, other.condition)
        assert one.tags["target"] == other.tags["target"]
        (query, truth), (query_2, truth_2) = rendered[index], read[index]
        assert query.sample_rate_hz == query_2.sample_rate_hz
        np.testing.assert_array_equal(query.mixture, query_2.mixture)
        np.testing.assert_array_equal(truth.target, truth_2.target)
        np.testing.assert_array_equal(truth.interferers, truth_2.interferers)
        assert (truth.active_classes, truth.target_labels) == (truth_2.active_classes, truth_2.target_labels)
        assert len(query.clues.enrollments) == len(query_2.clues.enrollments) == 1
        np.testing.assert_array_equal(query.clues.enrollments[0], query_2.clues.enrollments[0])
        if words:
            assert truth.transcript == truth_2.transcript


LIBRIMIX: dict[str, tuple[dict[str, Any], bool]] = {
    "clean, map": ({"mix": "clean", "enrollment": "map", "enrollment_map": MAP}, False),
    "both, max, 16 kHz, map": (
        {"mix": "both", "mode": "max", "sample_rate_hz": 16_000, "enrollment": "map", "enrollment_map": MAP},
        False,
    ),
    "both, drawn from LibriSpeech": ({"mix": "both"}, True),
    "clean, max, drawn from LibriSpeech": ({"mix": "clean", "mode": "max"}, True),
}


@pytest.mark.parametrize("case", LIBRIMIX)
def test_librimix_read_back_is_librimix_rendered(case: str, shared_place: Place, tmp_path: Path) -> None:
    params, speech = LIBRIMIX[case]
    rendered = build(librimix_config(**params), tmp_path / "rendered", corpus_dirs=shared_place.dirs)
    materialise(rendered, tmp_path / "rendered")
    corpora = {"librimix_files": "librimix_files", "librimix": "librimix_metadata"}
    if speech:
        params = {**params, "speech": "librispeech"}
        corpora["librispeech"] = "librispeech"
    dirs = {**shared_place.dirs, "librimix_files": tmp_path / "rendered" / "audio"}
    config = _files_config("librimix_files", corpora, "test", **params)
    build(config, tmp_path / "read", corpus_dirs=dirs)
    read = load_dataset(tmp_path / "read", corpus_dirs=dirs)
    # Without the script's table the order is that of the names.
    by_name = {**rendered.mixtures}
    order = sorted(by_name)
    trials = sorted(rendered.trials, key=lambda trial: (order.index(trial.mixture_id), trial.target_ids))
    mixtures = [by_name[name] for name in order]
    ordered = Dataset(replace(rendered.manifest, mixtures=mixtures, trials=trials), rendered.corpora)
    _assert_equal(ordered, read, words=speech)
    assert not [f for f in validate(read) if f.verdict == "failed" or not f.ok]
    materialise(read, tmp_path / "read")
    again = load_dataset(tmp_path / "read", corpus_dirs={**dirs, "librimix_files": tmp_path / "read" / "audio"})
    top = next(iter(again.mixtures.values())).sources[0].clip.path
    assert (tmp_path / "read" / "audio" / top).is_file()


def test_three_speakers(shared_place: Place, tmp_path: Path) -> None:
    root = shared_place.root / "three"
    dirs = {"librimix": root / "metadata", "librispeech": root / "LibriSpeech", "wham": root / "wham_noise"}
    config = librimix_config(metadata="Libri3Mix/libri3mix_test-clean.csv", mix="both")
    rendered = build(config, tmp_path / "set", corpus_dirs=dirs)
    materialise(rendered, tmp_path / "set")
    corpora = {"librimix_files": "librimix_files", "librispeech": "librispeech"}
    params = {"n_speakers": 3, "mix": "both", "speech": "librispeech"}
    dirs["librimix_files"] = tmp_path / "set/audio/Libri3Mix"
    read = build(_files_config("librimix_files", corpora, "test", **params), tmp_path / "read", corpus_dirs=dirs)
    _assert_equal(rendered, read, words=True)


def test_scores_are_equal(shared_place: Place, tmp_path: Path) -> None:
    """Of the mixture and of an oracle, through the whole of a run."""
    params = {"mix": "both", "enrollment": "map", "enrollment_map": MAP}
    rendered = librimix_config(**params)
    dirs = {**shared_place.dirs, "librimix_files": tmp_path / "set" / "audio"}
    materialise(build(rendered, tmp_path / "set", corpus_dirs=dirs), tmp_path / "set")
    corpora = {"librimix_files": "librimix_files", "librimix": "librimix_metadata"}
    read = _files_config("librimix_files", corpora, "test", **params)
    found = []
    for config in (rendered, read):
        path = tmp_path / f"{config.builder}.yaml"
        path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
        settings = RunConfig.model_validate(
            {
                "name": "run",
                "datasets": [str(path)],
                "systems": ["mixture", "oracle_irm"],
                "metrics": ["si_sdr", "snr", "si_sdri"],
            }
        )
        named = {name: dirs[name] for name in config.corpora if name in dirs}
        evaluate(settings, out=tmp_path / f"run-{config.builder}", device="cpu", jobs=1, corpora=named)
        rows = read_rows(tmp_path / f"run-{config.builder}")
        columns = ["system", "trial_id", "metric", "signature", "value", "status"]
        found.append(rows[columns].sort_values(columns[:3]).reset_index(drop=True))
    assert len(found[0]) == 2 * 6 * 3
    pd.testing.assert_frame_equal(found[0], found[1], check_exact=True)


WSJ0: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "min": ({}, {}, "2speakers"),
    "max, 16 kHz": ({"mode": "max", "sample_rate_hz": 16_000}, {}, "2speakers"),
    "extr": ({"protocol": "extr"}, {}, "wsj0_2mix_extr"),
}


@pytest.mark.parametrize("case", WSJ0)
@pytest.mark.parametrize("listed", [True, False])
def test_wsj0_read_back_is_wsj0_rendered(case: str, listed: bool, tmp_path: Path) -> None:
    params, more, top = WSJ0[case]
    dirs = {"wsj0": make_wsj0(tmp_path / "speech"), "wsj0_mix": make_wsj0_lists(tmp_path / "lists")}
    corpora = {"wsj0": "wsj0", "wsj0_mix": "wsj0_mix_lists"}
    rendered = build(_files_config("wsj0_mix", corpora, "tt", **params), tmp_path / "rendered", corpus_dirs=dirs)
    materialise(rendered, tmp_path / "rendered")
    dirs["wsj0_mix_files"] = tmp_path / "rendered" / "audio" / top
    used = {"wsj0_mix_files": "wsj0_mix_files", **corpora}
    extr = "protocol" in params
    more = {**more, "speech": None if extr else "wsj0"}
    if listed:
        more["mixture_list"] = "mix_2_spk_tt_extr.txt" if extr else "mix_2_spk_tt.txt"
    config = _files_config("wsj0_mix_files", used, "tt", **params, **more)
    read = build(config, tmp_path / "read", corpus_dirs=dirs)
    if listed:
        _assert_equal(rendered, read, words=False)
        assert [t.tags["input_snr_db"] for t in read.trials] == [t.tags["input_snr_db"] for t in rendered.trials]
    else:
        assert {t.id for t in read.trials} == {t.id for t in rendered.trials}
    assert not [f for f in validate(read) if not f.ok]


FILES_SETS = [name for name in shipped_names("datasets") if name.endswith("_files")]


@pytest.mark.parametrize("name", FILES_SETS)
def test_shipped_configs_build(name: str, tmp_path: Path) -> None:
    (config,) = load_dataset_configs(name)
    assert config.name == name
    if config.builder == "wsj0_mix_files":
        names, top = WSJ0_NAMES, "2speakers/wav8k/min/tt"
        if "extr" in name:
            names, top = tuple(f"{stem}_{stem[:4]}0399" for stem in WSJ0_NAMES), "extr"
            for number, stem in enumerate(names):
                save(tmp_path / top / "aux" / f"{stem}.wav", frames=900 + number, rate_hz=8000, seed=number)
        root = make_wsj0_mix_files(tmp_path, names, top=top)
        dataset = build(config, tmp_path / "set", corpus_dirs={"wsj0_mix_files": root})
        assert len(dataset) == len(names) * (1 if "extr" in name else 2)
        return
    names = tuple(f"{stem}_{700 + n}-1-000{n}" for n, stem in enumerate(NAMES)) if "libri3" in name else NAMES
    speech = ("s1", "s2", "s3") if "libri3" in name else ("s1", "s2")
    root = make_librimix_files(tmp_path, names, signals=("mix_clean", "mix_both", *speech, "noise"))
    (tmp_path / "lists" / "Libri2Mix").mkdir(parents=True)
    wanted = [(stem, target) for stem in NAMES for target in stem.split("_")]
    others = {
        t.partition("-")[0]: [(s, k) for s in NAMES for k, u in enumerate(s.split("_"), 1) if u[:3] == t[:3]]
        for _, t in wanted
    }
    lines = [
        f"{stem} {target} s{others[target.partition('-')[0]][-1][1]}/{others[target.partition('-')[0]][-1][0]}"
        for stem, target in wanted
    ]
    (tmp_path / "lists" / "Libri2Mix" / "map_mixture2enrollment_test").write_text("\n".join(lines))
    dataset = build(config, tmp_path / "set", corpus_dirs={"librimix_files": root, "librimix": tmp_path / "lists"})
    assert len(dataset) == 8


def test_enrollments_from_other_mixtures(tmp_path: Path) -> None:
    """Without a map and without LibriSpeech: of the same speaker, another utterance, another mixture."""
    root = make_librimix_files(tmp_path)
    config = _files_config("librimix_files", {"librimix_files": "librimix_files"}, "test", mix="clean")
    dataset = build(config, tmp_path / "set", corpus_dirs={"librimix_files": root})
    assert list(dataset.mixtures) == list(NAMES)  # the order of the table
    assert len(dataset) == 8
    for trial in dataset.trials:
        (clip,) = trial.clue.enrollments
        folder, name = Path(clip.path).parent.name, Path(clip.path).stem
        place = int(folder[1:]) - 1
        own = trial.mixture_id.split("_")[int(trial.target_ids[0][1:]) - 1]
        assert name != trial.mixture_id
        assert name.split("_")[place] != own
        assert name.split("_")[place].split("-")[0] == own.split("-")[0] == trial.tags["target"]
    assert dataset.card.parts == ("librispeech:test-clean",)
    assert any("transcripts are not known" in note for note in dataset.card.notes)
    limited = build(
        _files_config("librimix_files", {"librimix_files": "librimix_files"}, "test", limit=1),
        tmp_path / "one",
        corpus_dirs={"librimix_files": root},
    )
    assert [t.id for t in limited.trials] == [t.id for t in dataset.trials[:2]]
    assert [t.clue for t in limited.trials] == [t.clue for t in dataset.trials[:2]]


def test_names_that_give_no_speaker(tmp_path: Path) -> None:
    root = make_librimix_files(tmp_path, ("a-0", "a-1"), signals=("mix_clean", "s1", "s2"))
    corpora = {"librimix_files": "librimix_files"}
    with pytest.raises(DatasetError, match=r"'a-0' does not name its 2 utterances.*set `enrollment: none`"):
        build(_files_config("librimix_files", corpora, "test"), tmp_path / "set", corpus_dirs={"librimix_files": root})
    config = _files_config("librimix_files", corpora, "test", enrollment="none")
    dataset = build(config, tmp_path / "set", corpus_dirs={"librimix_files": root})
    assert [t.id for t in dataset.trials] == ["a-0_s1", "a-0_s2", "a-1_s1", "a-1_s2"]
    assert all(not trial.clue.kinds() for trial in dataset.trials)
    assert not [f for f in validate(dataset) if not f.ok]


@pytest.mark.parametrize("below", ["..", ".", "wav8k", "wav8k/min", "wav8k/min/test"])
def test_the_folder_may_be_named_from_above_or_below(below: str, tmp_path: Path) -> None:
    root = make_librimix_files(tmp_path)
    config = _files_config("librimix_files", {"librimix_files": "librimix_files"}, "test")
    dataset = build(config, tmp_path / "set", corpus_dirs={"librimix_files": root / below})
    assert dataset.mixtures[NAMES[0]].sources[0].clip.path == f"wav8k/min/test/s1/{NAMES[0]}.wav"


@pytest.mark.parametrize("top", ["tt", "x/tt", "min/tt", "x"])
def test_a_tree_without_its_upper_folders(top: str, tmp_path: Path) -> None:
    make_wsj0_mix_files(tmp_path / "a", top=f"data/{top}")
    config = _files_config("wsj0_mix_files", {"wsj0_mix_files": "wsj0_mix_files"}, "tt")
    root = tmp_path / "a" / "data"
    dataset = build(config, tmp_path / "set", corpus_dirs={"wsj0_mix_files": root})
    assert len(dataset) == 8


def test_a_mixture_of_the_list_that_is_not_there_counts_as_missing(tmp_path: Path) -> None:
    root = make_wsj0_mix_files(tmp_path, WSJ0_NAMES[:3])
    (tmp_path / "lists").mkdir()
    cells = [name.split("_") for name in (WSJ0_NAMES[1], WSJ0_NAMES[3], WSJ0_NAMES[0])]
    rows = [f"a/si_et_05/{a}.wav {x} a/si_et_05/{b}.wav {y} " for a, x, b, y in cells]
    (tmp_path / "lists" / "l.txt").write_text("\n".join(rows))
    corpora = {"wsj0_mix_files": "wsj0_mix_files", "wsj0_mix": "wsj0_mix_lists"}
    config = _files_config("wsj0_mix_files", corpora, "tt", mixture_list="l.txt")
    dirs = {"wsj0_mix_files": root, "wsj0_mix": tmp_path / "lists"}
    with pytest.raises(DatasetError, match=rf"the first is 'wav8k/min/tt/mix/{re.escape(WSJ0_NAMES[3])}.wav'"):
        build(config, tmp_path / "set", corpus_dirs=dirs)
    part = build(config, tmp_path / "set", corpus_dirs=dirs, allow_missing=True)
    assert list(part.mixtures) == [WSJ0_NAMES[0]]
    assert part.card.counts["excluded_missing_enrollment"] == 2  # of 050 and 441, who speak again in the lost one alone
    assert any("1 mixtures, the first is '440o0301" in note for note in part.card.notes)


def test_speakers_without_another_utterance_are_left_out_and_counted(tmp_path: Path) -> None:
    root = make_wsj0_mix_files(tmp_path, ("440c0201_1_22gc0101_-1", "440c0202_1_441c0201_-1"))
    config = _files_config("wsj0_mix_files", {"wsj0_mix_files": "wsj0_mix_files"}, "tt")
    dataset = build(config, tmp_path / "set", corpus_dirs={"wsj0_mix_files": root})
    assert [t.id for t in dataset.trials] == ["440c0201_1_22gc0101_-1_s1", "440c0202_1_441c0201_-1_s1"]
    assert dataset.card.counts["excluded_no_other_utterance"] == 2
    alone = make_wsj0_mix_files(tmp_path / "b", ("440c0201_1_22gc0101_-1", "440c0201_2_22gc0101_-2"))
    with pytest.raises(DatasetError, match=r"no speaker of wav8k/min/tt is in two mixtures with different utterances"):
        build(config, tmp_path / "none", corpus_dirs={"wsj0_mix_files": alone})


def _lose(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).unlink()


def _cut(root: Path) -> object:
    return save(root / "wav8k/min/test/s2" / f"{NAMES[1]}.wav", frames=900, rate_hz=8000)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_lose(f"wav8k/min/test/s1/{NAMES[0]}.wav"), f"first is 'wav8k/min/test/s1/{NAMES[0]}.wav'.*need them \\(1\\)"),
        (_lose(f"wav8k/min/test/mix_clean/{NAMES[0]}.wav"), f"first is 'wav8k/min/test/mix_clean/{NAMES[0]}.wav'"),
        (_cut, r"s2/121-.*has 900 samples and its mixture 1001"),
    ],
)
def test_a_lost_file_is_named_and_may_be_left_out(harm: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    root = make_librimix_files(tmp_path)
    harm(root)
    config = _files_config("librimix_files", {"librimix_files": "librimix_files"}, "test")
    dirs = {"librimix_files": root}
    with pytest.raises(DatasetError, match=message):
        build(config, tmp_path / "set", corpus_dirs=dirs)
    part = build(config, tmp_path / "set", corpus_dirs=dirs, allow_missing=True)
    assert part.card.counts["missing_recordings"] == 1
    assert part.card.counts["mixtures"] == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sample_rate_hz": 16_000}, r"has no wav16k/min/test/s1; make it with the set's script"),
        ({"mode": "max"}, r"has no wav8k/max/test/s1"),
        ({"mix": "single"}, r"has no files in mix_single"),
        ({"n_speakers": 3}, r"does not name its 3 utterances"),
        ({"enrollment": "map"}, "do not go together"),
        ({"speech": "librispeech"}, "no corpus 'librispeech'"),
    ],
)
def test_wrong_parameters_are_told(params: dict[str, Any], message: str, tmp_path: Path) -> None:
    root = make_librimix_files(tmp_path)
    config = _files_config("librimix_files", {"librimix_files": "librimix_files"}, "test", **params)
    with pytest.raises(TsebenchError, match=message) as refused:
        build(config, tmp_path / "set", corpus_dirs={"librimix_files": root})
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


def test_what_is_no_tree_is_refused(tmp_path: Path) -> None:
    make_librimix_files(tmp_path / "a")
    shutil.copytree(tmp_path / "a" / "Libri2Mix", tmp_path / "a" / "Libri3Mix")
    config = _files_config("librimix_files", {"librimix_files": "librimix_files"}, "test")
    with pytest.raises(CorpusError, match="holds several sets \\('Libri2Mix', 'Libri3Mix'\\); name one"):
        build(config, tmp_path / "set", corpus_dirs={"librimix_files": tmp_path / "a"})
    with pytest.raises(CorpusError, match=r"\(no such folder\): looked for wav8k/min, .* --corpus librimix_files=DIR"):
        build(config, tmp_path / "set", corpus_dirs={"librimix_files": tmp_path / "none"})


def test_mixtures_of_one_speaker_twice(tmp_path: Path) -> None:
    names = ("440c0201_1_440c0202_-1", "440c0203_1_441c0201_-1", ROWS[1].split()[0][-12:-4] + "_2_441c0202_-2")
    root = make_wsj0_mix_files(tmp_path, names)
    config = _files_config("wsj0_mix_files", {"wsj0_mix_files": "wsj0_mix_files"}, "tt")
    dataset = build(config, tmp_path / "set", corpus_dirs={"wsj0_mix_files": root})
    assert dataset.card.counts["excluded_ambiguous_speaker"] == 2
    assert any(note.startswith("1 of 3 mixtures hold a speaker more than once") for note in dataset.card.notes)
