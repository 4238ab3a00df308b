"""Systems that were trained on part of a test set: found exactly, and shown in every report."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers.trees.librimix import librimix_config, make_librimix, mixture_row, utterance
from rich.console import Console

from tsebench.bench.config import load_run_config
from tsebench.bench.run.record import ContentsRecord, OverlapFacts, read_record
from tsebench.bench.run.runner import RunOptions, run
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig, load_dataset_configs, open_builder
from tsebench.datasets.contamination import Overlap, overlap
from tsebench.datasets.contents import Contents, contents_of, parts_of, short, summary_of
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.dynamic import TrialStream, open_stream
from tsebench.reports.formats.md import board_markdown
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import Leaderboard
from tsebench.reports.leaderboard.training_overlap import sentence
from tsebench.reports.site.site import render
from tsebench.reports.terminal.print_leaderboard import print_leaderboard
from tsebench.systems.checkpoints.checkpoint import ZOO, CheckpointCard, trained_on
from tsebench.systems.registry import load_system

MINI = "soundbeam_mini_1hot"


def small(name: str, **params: Any) -> DatasetConfig:
    (config,) = load_dataset_configs(name)
    return config.model_copy(update={"params": {**config.params, "count": 4, **params}})


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    changed = {"duration_s": 2.0, "event_s": [0.8, 1.5], "conditions": ["1:0"]}
    return build(small("mini_sounds", **changed), tmp_path_factory.mktemp("sounds"), corpus_dirs={})


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build(small("mini_speech"), tmp_path_factory.mktemp("speech"), corpus_dirs={})


# What is in a set ---------------------------------------------------------------------------------


def test_contents_of_a_set(sounds: Dataset, speech: Dataset) -> None:
    contents = contents_of(sounds)
    assert sounds.card.parts == contents.parts == ("synthetic_sounds:test",)
    assert contents.recordings == tuple(sorted(f.sha256[:16] for f in sounds.manifest.files))
    assert contents.speakers == ()  # classes are the same in training and test, by design
    contents = contents_of(speech)
    spoken = {source.label for m in speech.mixtures.values() for source in m.sources}
    assert contents.speakers == tuple(sorted(f"synthetic_speech:{name}" for name in spoken))
    summary = summary_of(contents)
    assert (summary.recordings, summary.speakers) == (len(contents.recordings), len(spoken))
    assert summary == summary_of(contents_of(speech))
    assert summary != summary_of(replace(contents, speakers=()))


def test_a_set_of_an_older_release_has_the_same_contents(sounds: Dataset) -> None:
    card = replace(sounds.card, parts=())
    assert contents_of(Dataset(replace(sounds.manifest, card=card), sounds.corpora)) == contents_of(sounds)


def test_parts_come_from_folders_where_these_tell_them(tmp_path: Path) -> None:
    """A half-copied corpus cannot be listed, and need not be."""
    a, b = utterance(60, 1), utterance(61, 1)
    speech = {a: 48_000, b: 48_001, utterance(60, 2): 48_002, utterance(61, 2): 48_003}
    rows = [mixture_row({a: 0.5, b: 0.5}, "tt/a.wav", 1.0)]
    place = make_librimix(tmp_path / "place", rows, speech, {"tt/a.wav": 60_000})
    recipe = librimix_config(mix="both")
    dataset = build(recipe, tmp_path / "set", corpus_dirs=place.dirs)
    assert dataset.card.parts == ("librispeech:test-clean", "wham:tt")
    assert contents_of(dataset).speakers == ("librispeech:60", "librispeech:61")
    lost = place.dirs["librispeech"] / Path(a).parent
    shutil.rmtree(lost)
    files = [(file.corpus, file.path) for file in dataset.manifest.files]
    assert parts_of(files, dataset.card.corpora, dataset.corpora) == dataset.card.parts


# What training draws from -------------------------------------------------------------------------


def test_a_stream_tells_all_recordings_of_its_selections() -> None:
    stream = open_stream("mini_sounds", split="train", seed=0, corpus_dirs={})
    contents = stream.contents()
    assert stream.title == "mini_sounds:train"
    assert contents.parts == ("synthetic_sounds:train",)
    assert len(contents.recordings) == 17 * 40  # 16 classes and the background
    corpora = open_builder(small("mini_sounds"), {}).corpora
    kept = [r for r in corpora["sounds"].recordings() if r.label == "cricket"]
    left_out = {short(corpora["sounds"].digest(r.path)) for r in kept}
    assert not left_out & set(contents.recordings)
    assert contents.speakers == ()
    assert contents == open_stream("mini_sounds", split="train", seed=1, corpus_dirs={}).contents()


def test_a_stream_of_speech_tells_its_speakers(speech: Dataset) -> None:
    contents = open_stream("mini_speech", split="train", seed=0, corpus_dirs={}).contents()
    assert len(contents.speakers) == 16
    assert not set(contents.speakers) & set(contents_of(speech).speakers)
    assert not set(contents.recordings) & set(contents_of(speech).recordings)


def test_a_stream_that_follows_a_list_tells_its_parts(tmp_path: Path) -> None:
    speech = {utterance(n, m): 48_000 + m for n in (60, 61) for m in (1, 2)}
    rows = [mixture_row({utterance(60, 1): 0.5, utterance(61, 1): 0.5}, "tt/a.wav", 1.0)]
    place = make_librimix(tmp_path, rows, speech, {"tt/a.wav": 60_000})
    stream = TrialStream(open_builder(librimix_config(), place.dirs))
    assert stream.contents() == Contents(parts=("librispeech:test-clean",))


# What both share ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "same"),
    [
        ("synthetic_sounds:test", True),
        (" Synthetic_Sounds:TEST ", True),
        ("synthetic_sounds", True),
        ("synthetic_sounds:train", False),
        ("synthetic_sound:test", False),
        ("mini_sounds:test", True),
        ("mini_sounds:train", False),
        ("mini_sounds", True),
        ("FINGERPRINT", True),
        ("FINGERPRINT"[:3], False),
        ("0123456789ab", False),
        ("a corpus of our own, 300 h", False),
        ("", False),
    ],
)
def test_names_of_training_data(sounds: Dataset, stated: str, same: bool) -> None:
    stated = stated.replace("FINGERPRINT", sounds.card.fingerprint)
    found = overlap(sounds, training_data=["librispeech:train-clean-100", stated])
    assert (found is not None) == same
    if found:
        assert found.named == (stated,)
        assert not found.listed
        assert (found.trials, found.of_trials) == (4, 4)


def test_a_short_prefix_of_a_fingerprint_will_do(sounds: Dataset) -> None:
    assert overlap(sounds, training_data=[sounds.card.fingerprint[:12]]) is not None


def test_recordings_are_counted_with_the_trials_that_hold_them(sounds: Dataset) -> None:
    file = sounds.manifest.files[0]
    known = Contents(recordings=("0" * 16, short(file.sha256)))
    found = overlap(sounds, training_data=(), trained_on=known)
    holding = [
        trial
        for trial in sounds.trials
        if file.path
        in {
            *(source.clip.path for source in sounds.mixtures[trial.mixture_id].sources),
            *(clip.path for clip in trial.clue.enrollments if hasattr(clip, "path")),
        }
    ]
    assert 0 < len(holding) < 4
    assert found == Overlap(
        named=(),
        listed=True,
        recordings=1,
        of_recordings=len(sounds.manifest.files),
        speakers=0,
        of_speakers=0,
        trials=len(holding),
        of_trials=4,
    )


def test_a_common_part_is_nothing_where_recordings_are_known_and_differ(sounds: Dataset) -> None:
    part = contents_of(sounds).parts[0]
    others = Contents(parts=(part,), recordings=("0" * 16,))
    assert overlap(sounds, training_data=[part], trained_on=others) is None
    assert overlap(sounds, training_data=[part], trained_on=Contents(parts=(part,))) is not None
    found = overlap(sounds, training_data=["mini_sounds"], trained_on=others)
    assert found is not None  # more was trained on than what is listed
    assert (found.named, found.recordings) == (("mini_sounds", part), 0)


def test_speakers_are_counted_though_recordings_differ(speech: Dataset) -> None:
    speaker = contents_of(speech).speakers[0]
    found = overlap(speech, training_data=(), trained_on=Contents(speakers=(speaker, "vctk:p225")))
    assert found is not None
    assert (found.recordings, found.speakers) == (0, 1)
    shared = [
        speaker.partition(":")[2] in {s.label for s in speech.mixtures[t.mixture_id].sources} for t in speech.trials
    ]
    assert found.trials == sum(shared)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"listed": True, "recordings": 12, "of_recordings": 40, "named": ("esc10:test",)},
            "12 of 40 clips (esc10:test)",
        ),
        ({"named": ("a:x", "b")}, "a:x, b"),
        ({"listed": True, "of_recordings": 9, "named": ("a:x",)}, "0 of 9 clips (a:x)"),
        ({"speakers": 2, "of_speakers": 8}, "2 of 8 speakers"),
    ],
)
def test_sentences(facts: dict[str, Any], said: str) -> None:
    warnings = sentence(OverlapFacts.model_validate(facts))
    assert warnings == f"trained on part of this test set: {said}"


# Systems and runs ---------------------------------------------------------------------------------


def test_the_shipped_network_knows_its_training() -> None:
    card = load_system("soundbeam", checkpoint=MINI).card
    assert card.training_data == ("mini_sounds:train", "synthetic_sounds:train")
    stream = open_stream("mini_sounds", split="train", seed=0, corpus_dirs={})
    assert trained_on(card.checkpoint) == stream.contents()
    assert trained_on(None) is None
    assert trained_on("https://example.org/weights.ckpt") is None


def test_systems_made_elsewhere_can_say_what_they_were_trained_on() -> None:
    said = ("librispeech:train-clean-100",)
    card = load_system("command", program="true {mixture} {output}", training_data=said).card
    assert card.training_data == said


def copy_of_mini(folder: Path, **changes: Any) -> str:
    shutil.copytree(ZOO / MINI, folder)
    path = folder / "card.json"
    card = CheckpointCard.model_validate_json(path.read_text()).model_copy(update=changes)
    path.write_text(card.model_dump_json())
    return str(folder)


@pytest.fixture(scope="module")
def tried(sounds: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the shipped network and of two with false cards, of which one lists recordings."""
    folder = tmp_path_factory.mktemp("run")
    part = Contents(parts=("synthetic_sounds:test",), recordings=contents_of(sounds).recordings[:3])
    named = copy_of_mini(folder / "a", training_data=part.parts, trained_on=None)
    listed = copy_of_mini(folder / "b", training_data=part.parts, trained_on=part)
    systems = [
        {"name": "soundbeam", "label": label, "options": {"checkpoint": checkpoint}}
        for label, checkpoint in (("honest", MINI), ("named", named), ("listed", listed))
    ]
    config = {
        "name": "try",
        "datasets": [{"dataset": str(folder / "set"), "metrics": ["snri"]}],
        "systems": ["mixture", *systems],
        "bootstrap": {"resamples": 50},
        "measure_cost": False,
    }
    changed = {"duration_s": 2.0, "event_s": [0.8, 1.5], "conditions": ["1:0"]}
    build(small("mini_sounds", **changed), folder / "set", corpus_dirs={})
    (folder / "run.yaml").write_text(json.dumps(config))
    options = RunOptions(out=folder / "out", device="cpu", jobs=1, cache=folder / "cache")
    run(load_run_config(str(folder / "run.yaml")), options)
    return folder / "out"


@pytest.fixture
def board(tried: Path) -> Leaderboard:
    return open_board([tried])


def test_the_record_holds_contents_and_overlaps(tried: Path, sounds: Dataset) -> None:
    record = read_record(tried)
    assert record is not None
    facts = record.datasets["mini_sounds"]
    assert facts.contents == ContentsRecord(**asdict(summary_of(contents_of(sounds))))
    assert set(facts.overlaps) == {"named", "listed"}
    assert facts.overlaps["listed"].recordings == 3
    # The lists themselves stay where they are.
    assert contents_of(sounds).recordings[0] not in (tried / "run.json").read_text()


def test_false_cards_are_flagged_and_the_shipped_one_is_not(board: Leaderboard) -> None:
    (table,) = board.tables
    warnings = {entry.system: entry.warning for entry in table.entries}
    contents = board.runs[0].datasets["mini_sounds"].contents
    assert contents is not None
    assert contents.text() == f"synthetic_sounds:test, {contents.recordings} recordings"
    part = "trained on part of this test set: "
    assert warnings == {
        "mixture": "",
        "honest": "",
        "named": f"{part}synthetic_sounds:test",
        "listed": f"{part}3 of {contents.recordings} clips (synthetic_sounds:test)",
    }
    issues = {issue.system: issue for issue in board.issues if issue.status == "contaminated"}
    assert set(issues) == {"named", "listed"}
    assert issues["named"].n_trials == 4
    assert 0 < issues["listed"].n_trials <= 4
    # A warning only: the system keeps its rank.
    assert all(entry.rank is not None for entry in table.entries if entry.facts.competes)


def test_every_report_says_it_next_to_the_name(board: Leaderboard) -> None:
    said = "trained on part of this test set: "
    page, text = render(board), board_markdown(board)
    row = page.partition('data-value="named"')[2].partition("</th>")[0]
    assert said in row
    assert said not in page.partition('data-value="honest"')[2].partition("</th>")[0]
    assert "contaminated" in page.partition('id="issues"')[2]
    assert "Trained on part of a test set: listed, named</a>" in page
    assert "named ⚠" in text
    assert "honest ⚠" not in text
    assert "| contaminated |" in text.partition("## Contaminated")[2]
    warnings = board.to_frame().groupby("system")["warning"].first()
    assert warnings[warnings != ""].index.tolist() == ["listed", "named"]
    console = Console(width=80, record=True)
    print_leaderboard(board, console)
    shown = console.export_text()
    assert shown.count("trained on test data") == 2
    assert "trained on part of a test set: listed, named" in shown


def test_a_run_of_an_older_release_is_reported_as_before(tried: Path, tmp_path: Path) -> None:
    shutil.copytree(tried, tmp_path / "old")
    path = tmp_path / "old" / "run.json"
    facts = json.loads(path.read_text())
    for dataset in facts["datasets"].values():
        del dataset["contents"], dataset["overlaps"]
    path.write_text(json.dumps(facts))
    assert read_record(tmp_path / "old") is not None
    board = open_board([tmp_path / "old"])
    assert all(not entry.warning for entry in board.tables[0].entries)
    assert isinstance(board.to_frame(), pd.DataFrame)
