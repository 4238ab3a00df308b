"""Bad input on the command line: one line on standard error that names the thing and its fix,
exit code 2, no traceback, and what lies in the output folder is left as it is."""

from __future__ import annotations

import errno
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from helpers.paths import ROOT

from tsebench.bench.rows import read_rows
from tsebench.cli import main as cli
from tsebench.core import files
from tsebench.core.folder_lock import folder_lock

RATE_HZ = 8000
ZOO = ROOT / "systems" / "zoo" / "soundbeam_mini_1hot"

DATASET = """
name: spoken
builder: speech_mix
corpora: {mine: {kind: folder, options: {licence: none}}}
params: {count: 2, sample_rate_hz: 8000, n_speakers: 2, speech: {corpus: mine, exclude: [cat]}}
"""
SOUNDS = """
name: small
builder: sound_mix
corpora: {sounds: {kind: synthetic_sounds, options: {seed: 0}}}
params:
  count: 2
  sample_rate_hz: 8000
  duration_s: 1.0
  n_classes: [2, 2]
  event_s: [0.5, 0.8]
  snr_db: [0.0, 5.0]
  events: {corpus: sounds, labels: [bell, rain, siren]}
  conditions: ["1:0"]
  clues: [classes]
"""
RUN = """
name: try
datasets: [{dataset: sounds.yaml, metrics: [si_sdr]}]
systems: [mixture, {name: precomputed, label: mine, options: {folder: est}}]
bootstrap: {resamples: 100}
"""
TRAIN = """
name: tiny
system: soundbeam
net: {num_filters: 8, hidden: 8, blocks: 2, stacks: 2}
data: {dataset: sounds.yaml, overrides: {count: 2}, per_epoch: 2, valid: 1}
optimiser: {epochs: 1, batch_size: 1}
loss: {name: neg_snr}
"""

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with configs, a corpus, folders to score, and results that must not be lost."""
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TSEBENCH_CORPORA", raising=False)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("dataset", "sounds", "run", "train"):
        text = {"dataset": DATASET, "sounds": SOUNDS, "run": RUN, "train": TRAIN}[name]
        Path(f"{name}.yaml").write_text(text)
    for label in ("ann", "bob", "cat"):
        for number in range(3):
            save(Path("corpus") / label / f"{number}.wav", noise(rng))
    for number in range(3):
        reference = noise(rng)
        save(Path("ref") / f"u{number}.wav", reference)
        save(Path("mix") / f"u{number}.wav", reference + noise(rng))
        save(Path("est") / f"u{number}.wav", reference + 0.1 * noise(rng))
    Path("out").mkdir()
    Path("out/keep.txt").write_text("results of long work")
    return tmp_path


def noise(rng: np.random.Generator, frames: int = RATE_HZ // 2) -> np.ndarray:
    return (0.1 * rng.standard_normal(frames)).astype(np.float32)


def save(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, rate_hz, subtype="FLOAT")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Call the command line with something wrong; returns the line."""

    def call(*arguments: object) -> str:
        before = tree(Path("out")) if Path("out").is_dir() else {}
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        err = capsys.readouterr().err
        assert (stop.value.code, err.count("\n")) == (2, 1), err
        assert err.startswith("tsebench: ")
        after = tree(Path("out")) if Path("out").is_dir() else {}
        assert {name: after.get(name) for name in before} == before
        return err.removeprefix("tsebench: ").rstrip("\n")

    return call


def edit(config: str, old: str, new: str) -> None:
    path = Path(f"{config}.yaml")
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "run.yaml", "--out", "out", "--tracking-uri", "none"),
    "train": ("train", "train.yaml", "--tracking-uri", "none", "--out", "out"),
    "sounds": ("build", "sounds.yaml", "--out", "out"),
    "dataset": ("build", "dataset.yaml", "--out", "out", "--corpus", "mine=corpus"),
}
SCORE = ("score", "--estimates", "est", "--references", "ref", "--out", "out")
CORPUS = ("--corpus", "mine=corpus")

# The command line itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("rnu",), ("'rnu'", "'run'")),
        (("zzz",), ("'zzz'", "tsebench --help")),
        (("run", "--outt", "x"), ("'--outt'", "did you mean '--out'?", "tsebench run --help")),
        (("run", "--zzz"), ("'--zzz'", "known:", "--fresh")),
        (("run", "--out"), ("'--out'", "requires an argument")),
        (("run", "a", "b"), ("(b)",)),
        (("run", "--jobs", "0"), ("'--jobs'", "'0'", "must be 1 or more")),
        (("run", "--jobs", "two"), ("'--jobs'", "'two'", "must be a whole number")),
        (("build",), ("'CONFIG'",)),
        (("score", "--out", "out"), ("'--estimates'",)),
        ((*SCORE, "--channel", "-1"), ("--channel '-1'", "neither a number from 0 nor mean", "estimates=1")),
        (("report", "--out", "out"), ("missing argument", "DIR")),
        (("list", "sytems"), ("'sytems'", "did you mean 'systems'?", "corpora")),
        (("run", "run.yaml", "--executor", "rai"), ("'rai'", "local")),
        (("run", "run.yaml", "--device", "gpu"), ("'gpu'", "auto, cpu, cuda")),
        (("train", "train.yaml", "--device", "cpux"), ("'cpux'", "auto, cpu, cuda")),
        (("run", "quikstart"), ("'quikstart'", "did you mean 'quickstart'?")),
        (("train", "soundbeam_mini_1ht"), ("'soundbeam_mini_1ht'", "did you mean 'soundbeam_mini_1hot'?")),
        (("build", "mini_sound"), ("'mini_sound'", "did you mean 'mini_sounds'?")),
        (("run", "x" * 300), ("neither a file nor a shipped config",)),
        (("run", "corpus"), ("'corpus'", "neither a file")),
        (("validate", "corpus"), ("'corpus'", "card.json", "tsebench build")),
        (("validate", "nowhere"), ("'nowhere'", "card.json", "tsebench build")),
        (("doctor", "mixtur"), ("'mixtur'", "did you mean 'mixture'?")),
        (("doctor", "mixture", "--option", "a"), ("'a'", "KEY=VALUE")),
        (("doctor", "mixture", "--option", "=a"), ("'=a'", "KEY=VALUE")),
        (("doctor", "mixture", "--option", "a=["), ("'a=['", "not YAML")),
        (("doctor", "mixture", "--option", "a=1"), ("unknown key 'a'",)),
        (("doctor", "--streaming"), ("--streaming", "one system")),
        (("doctor", "metrics", "--streaming"), ("--streaming", "one system")),
        (("doctor", "mixture", "--streaming", "--isolation", "process"), ("--isolation process", "leave out")),
        (("doctor", "precomputed", "--option", "folder=nowhere"), ("'nowhere'", "not exist")),
        (("report", "nowhere", "--out", "x"), ("'nowhere'", "does not exist")),
        (("report", "ref", "--out", "x"), ("'ref'", "no score rows")),
        (("report", "ref", "--out", "x", "--format", "htm"), ("'htm'", "did you mean 'html'?")),
        (("report", "ref", "--out", "x", "--format", ","), ("','", "html,md")),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_use(refused: Refused, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    line = refused(*arguments)
    for part in parts:
        assert part in line


@pytest.mark.parametrize("pair", ["corpus", "=corpus", "mine="])
@pytest.mark.parametrize("command", ["run", "train", "dataset"])
def test_a_corpus_is_name_and_folder(refused: Refused, command: str, pair: str) -> None:
    line = refused(*COMMANDS[command], "--corpus", pair)
    assert f"--corpus {pair!r} is not NAME=DIR" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("command", ["run", "train"])
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_no_gpu_here(refused: Refused, command: str, device: str) -> None:
    line = refused(*COMMANDS[command], "--device", device)
    assert repr(device) in line
    assert "cpu" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_no_gpu_for_score_and_doctor(refused: Refused) -> None:
    assert "'cuda'" in refused(*SCORE, "--device", "cuda")
    assert "'cuda'" in refused("doctor", "--device", "cuda")
    assert "'cuda'" in refused("doctor", "mixture", "--device", "cuda")


def test_a_process_ends_without_a_traceback(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tsebench", "run", "run.yaml", "--jobz", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=place,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tsebench: unknown option '--jobz'; did you mean '--jobs'?")
    assert done.stderr.count("\n") == 1


# Configs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "old", "new", "parts"),
    [
        ("run", "datasets:", "data_sets:", ("'data_sets'", "'datasets'?")),
        ("run", "resamples", "resample", ("'bootstrap.resample'", "'resamples'?")),
        ("run", "metrics: [", "metrcs: [", ("'datasets.0.metrcs'", "'metrics'?")),
        ("run", "options:", "option:", ("'systems.1.option'", "'options'?")),
        ("run", "folder:", "foldr:", ("'precomputed'", "'foldr'", "'folder'?")),
        ("run", "name: precomputed", "name: precomputd", ("'precomputd'", "'precomputed'?")),
        ("run", "[mixture,", "[mixtur,", ("unknown system 'mixtur'", "'mixture'?")),
        ("run", "si_sdr]", "si_sdrr]", ("unknown metric 'si_sdrr'", "'si_sdr'?")),
        ("run", "sounds.yaml", "sound.yaml", ("sound.yaml'", "neither a file")),
        ("run", "label: mine", "label: mixture", ("'mixture'", "label")),
        ("run", "resamples: 100", "resamples: 0", ("resamples = 0", "must be 1 or more")),
        ("run", "resamples: 100", "resamples: many", ("'many'", "must be a whole number")),
        ("run", "name: try", "name: a/b", ("name = 'a/b'",)),
        ("run", "name: try", "", ("'name' is missing",)),
        ("run", "folder: est", "folder: nowhere", ("'nowhere'", "does not exist")),
        ("sounds", "builder:", "bulder:", ("'bulder'", "'builder'?")),
        ("sounds", "sound_mix", "sound_mx", ("unknown builder 'sound_mx'", "'sound_mix'?")),
        ("sounds", "synthetic_sounds", "sintetic_sounds", ("'synthetic_sounds'?",)),
        ("sounds", "seed: 0", "sed: 0", ("corpus 'sounds'", "'sed'", "'seed'?")),
        ("sounds", "options:", "opts:", ("'corpora.sounds.opts'", "'options'?")),
        ("sounds", "count:", "cont:", ("'small' (sound_mix)", "'cont'", "'count'?")),
        ("sounds", "labels:", "lables:", ("'events.lables'", "'labels'?")),
        ("sounds", "siren]", "syren]", ("'syren'", "'siren'?")),
        ("sounds", "corpus: sounds", "corpus: sound", ("'sound'", "'sounds'?")),
        ("sounds", '"1:0"', '"1-0"', ("'1-0'", "FMQ")),
        ("sounds", "[classes]", "[clases]", ("'clases'", "'classes', 'enrollment' or 'text'")),
        ("sounds", "sample_rate_hz: 8000", "sample_rate_hz: 0", ("sample_rate_hz", "0")),
        ("sounds", "duration_s: 1.0", "duration_s: .nan", ("duration_s", "nan")),
        ("sounds", "[0.0, 5.0]", "[5.0, 0.0]", ("snr_db", "[5.0, 0.0]")),
        ("dataset", "licence", "license", ("corpus 'mine'", "'license'", "'licence'?")),
        ("dataset", "n_speakers", "num_speakers", ("'num_speakers'", "'n_speakers'?")),
        ("dataset", "exclude", "exlude", ("'speech.exlude'", "'exclude'?")),
        ("dataset", "[cat]", "[kat]", ("'kat'", "'cat'?")),
        ("train", "system:", "sistem:", ("'sistem'", "'system'?")),
        ("train", "system: soundbeam", "system: soundbean", ("'soundbean'", "'soundbeam'?")),
        ("train", "system: soundbeam", "system: mixture", ("'mixture'", "soundbeam")),
        ("train", "hidden", "hiden", ("'hiden'", "'hidden'?")),
        ("train", "per_epoch", "per_epok", ("'data.per_epok'", "'per_epoch'?")),
        ("train", "count: 2", "cuont: 2", ("'cuont'", "'count'?")),
        ("train", "batch_size: 1", "batchsize: 1", ("'optimiser.batchsize'", "'batch_size'?")),
        ("train", "name: neg_snr", "nam: neg_snr", ("'loss.nam'", "'name'?")),
        ("train", "epochs: 1", "epochs: 0", ("optimiser.epochs = 0", "greater than 0")),
        ("train", "sounds.yaml", "sound.yaml", ("sound.yaml'", "neither a file")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_config(refused: Refused, config: str, old: str, new: str, parts: tuple[str, ...]) -> None:
    edit(config, old, new)
    line = refused(*COMMANDS[config])
    for part in parts:
        assert part in line


@pytest.mark.parametrize("config", list(COMMANDS))
@pytest.mark.parametrize(
    "content",
    [
        b"name: [",
        b"a: b: c",
        b"- 1\n- 2",
        b"",
        b"just text",
        b"\xff\xfe\x00",
        b"!!python/object/apply:os.system ['touch executed']",
        b"? [a]\n: 1",
        b"[" * 1500,
    ],
    ids=["cut", "colons", "list", "empty", "text", "bytes", "python", "key", "deep"],
)
def test_not_a_config(refused: Refused, config: str, content: bytes) -> None:
    Path(f"{config}.yaml").write_bytes(content)
    assert f"{config}.yaml" in refused(*COMMANDS[config])
    assert not Path("executed").exists()


def test_collections_that_lead_nowhere(refused: Refused) -> None:
    Path("loop.yaml").write_text("datasets: [loop.yaml]")
    assert "loop.yaml" in refused("build", "loop.yaml", "--out", "out")
    Path("none.yaml").write_text("datasets: []")
    assert "none.yaml" in refused("build", "none.yaml", "--out", "out")


def test_user_file_of_corpora(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEBENCH_CORPORA", "corpora.yaml")
    assert "'corpora.yaml'" in refused(*COMMANDS["sounds"])
    Path("corpora.yaml").write_text("mine: [corpus]")
    line = refused(*COMMANDS["sounds"])
    assert "mine = ['corpus'] is not a folder's path" in line


def test_fresh_with_a_wrong_config_does_not_empty_the_run(refused: Refused, place: Path) -> None:
    edit("run", ", {name: precomputed, label: mine, options: {folder: est}}", "")
    with pytest.raises(SystemExit, match="0"):
        cli.main(list(COMMANDS["run"]))
    good = Path("run.yaml").read_text()
    for old, new in (("mixture", "mixtur"), ("si_sdr", "si_sdrr"), ("sounds.yaml", "no.yaml")):
        Path("run.yaml").write_text(good.replace(old, new))
        refused(*COMMANDS["run"], "--fresh")
    assert len(read_rows(place / "out")) == 2


# Corpora ------------------------------------------------------------------------------------------


def test_corpus_not_given(refused: Refused) -> None:
    line = refused("build", "dataset.yaml", "--out", "out")
    assert "--corpus mine=DIR" in line


def test_corpus_missing_or_empty(refused: Refused) -> None:
    shutil.rmtree("corpus")
    assert "corpus' does not exist" in refused(*COMMANDS["dataset"])
    Path("corpus").mkdir()
    assert "no folders with audio files" in refused(*COMMANDS["dataset"])
    Path("corpus").rmdir()
    Path("corpus").write_text("a file")
    assert "corpus' is not a folder" in refused(*COMMANDS["dataset"])


def _nan(path: Path) -> None:
    samples = soundfile.read(str(path), dtype="float32")[0]
    samples[9] = np.nan
    save(path, samples)


def _stereo(path: Path) -> None:
    samples = soundfile.read(str(path), dtype="float32")[0]
    save(path, np.stack([samples, samples], axis=1))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "0 bytes": (lambda path: path.write_bytes(b""), "cannot decode"),
    "text": (lambda path: path.write_text("no audio " * 99), "cannot decode"),
    "no samples": (lambda path: save(path, np.zeros(0, np.float32)), "has no samples"),
    "nan": (_nan, "holds NaN or inf"),
    "stereo": (_stereo, "has 2 channels"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_corpus_with_a_bad_file(refused: Refused, what: str) -> None:
    """NaN is found only in what is read, so every file of one speaker is spoilt."""
    spoil, problem = SPOILT[what]
    for path in Path("corpus/bob").iterdir():
        spoil(path)
    line = refused(*COMMANDS["dataset"])
    assert problem in line
    assert "corpus/bob/" in line
    assert not Path("out/spoken").exists()


def test_channel_option_takes_stereo_corpora(refused: Refused) -> None:
    _stereo(Path("corpus/bob/1.wav"))
    assert "channel" in refused(*COMMANDS["dataset"])
    edit("dataset", "licence: none", "channel: 0")
    with pytest.raises(SystemExit, match="0"):
        cli.main(list(COMMANDS["dataset"]))


def test_corpus_that_loses_a_file_after_the_build(refused: Refused) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["build", "dataset.yaml", "--out", "sets", *CORPUS])
    shutil.rmtree("corpus/ann")
    edit("run", "sounds.yaml", "sets/spoken")
    line = refused(*COMMANDS["run"], *CORPUS)
    assert "corpus/ann/" in line


# Damaged and hostile datasets ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "part"),
    [
        ("mixtures.jsonl", '"path":"', '"path":"../', "leaves the folder of corpus 'mine'"),
        ("mixtures.jsonl", '"path":"', '"path":"/etc/', "leaves the folder of corpus 'mine'"),
        ("trials.jsonl", '"path":"', '"path":"../', "leaves the folder of corpus 'mine'"),
        ("mixtures.jsonl", '"gain":', '"gain":1', "fingerprint"),
        ("mixtures.jsonl", '{"id":', '{"id"', "line 1 is damaged"),
        ("trials.jsonl", '"mixture_id":"', '"mixture_id":"x', "are not there"),
        ("card.json", '"seed"', '"sead"', "seed"),
        ("card.json", '"kind": "folder"', '"kind": "fodler"', "'folder'?"),
        ("card.json", "{", "", "card.json is damaged"),
    ],
)
def test_manifest(refused: Refused, file: str, old: str, new: str, part: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["build", "dataset.yaml", "--out", "sets", *CORPUS])
    path = Path("sets/spoken") / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert part in refused("validate", "sets/spoken", *CORPUS)
    edit("run", "sounds.yaml", "sets/spoken")
    assert part in refused(*COMMANDS["run"], *CORPUS)


def test_build_over_another_dataset(refused: Refused) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(list(COMMANDS["sounds"]))
    edit("sounds", "count: 2", "count: 3")
    assert "another config" in refused(*COMMANDS["sounds"])


def test_run_into_another_run(refused: Refused) -> None:
    edit("run", ", {name: precomputed, label: mine, options: {folder: est}}", "")
    with pytest.raises(SystemExit, match="0"):
        cli.main(list(COMMANDS["run"]))
    edit("run", "name: try", "name: other")
    assert "holds run 'try', not 'other'" in refused(*COMMANDS["run"])


# Checkpoints --------------------------------------------------------------------------------------


class Hostile:
    """Leaves a file behind if it is ever unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def _archive(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        (pickle.dumps(Hostile()), "not a torch archive"),
        (_archive({"weight": Hostile()}), "nothing in it was run"),
        (_archive(Hostile()), "nothing in it was run"),
        ((ZOO / "model.pt").read_bytes()[:5000], "damaged or cut short"),
        (b"", "not a torch archive"),
        (_archive({"weight": torch.ones(2)}), "does not match the sha256"),
    ],
    ids=["pickle", "in a state", "whole", "cut", "empty", "other"],
)
@pytest.mark.parametrize("command", ["doctor", "run"])
def test_checkpoint(refused: Refused, command: str, weights: bytes, part: str) -> None:
    folder = Path("net")
    folder.mkdir()
    (folder / "model.pt").write_bytes(weights)
    shutil.copy(ZOO / "card.json", folder)
    if command == "doctor":
        line = refused("doctor", "soundbeam", "--option", "checkpoint=net")
    else:
        edit("run", "[mixture,", "[{name: soundbeam, options: {checkpoint: net}},")
        line = refused(*COMMANDS["run"])
    assert part in line
    assert "net/model.pt" in line
    assert not Path("executed").exists()


def test_a_hostile_training_state_is_not_run(refused: Refused) -> None:
    Path("out/last.ckpt").write_bytes(_archive({"state": Hostile()}))
    assert "last.ckpt" in refused(*COMMANDS["train"])
    assert not Path("executed").exists()


@pytest.mark.parametrize("name", ["nowhere", "soundbeam_mini_1ht", "corpus", "x" * 300, "~unknown_user/x"])
def test_checkpoint_missing(refused: Refused, name: str) -> None:
    line = refused("doctor", "soundbeam", "--option", f"checkpoint={name}")
    assert f"no checkpoint at {name[:40]!r}"[:-1] in line  # a long name is shortened
    assert "or a shipped name" in line
    assert "(known: adenet_mini, " in line


def test_checkpoint_not_given(refused: Refused) -> None:
    assert "'checkpoint' is missing" in refused("doctor", "soundbeam")


# score --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["est", "ref", "mix"])
def test_score_folder_missing_empty_or_a_file(refused: Refused, folder: str) -> None:
    arguments = (*SCORE, "--mixtures", "mix")
    shutil.rmtree(folder)
    assert f"{folder!r} does not exist" in refused(*arguments)
    Path(folder).mkdir()
    assert f"{folder!r} holds no audio files" in refused(*arguments)
    Path(folder).rmdir()
    Path(folder).write_text("a file")
    assert f"{folder!r} is not a folder" in refused(*arguments)


@pytest.mark.parametrize("folder", ["est", "mix"])
def test_score_rates_that_differ(refused: Refused, folder: str) -> None:
    for path in Path(folder).iterdir():
        save(path, soundfile.read(str(path))[0], 16000)
    line = refused(*SCORE, "--mixtures", "mix")
    option = {"est": "--estimates", "mix": "--mixtures"}[folder]
    for part in (option, "'u0'", "16000 Hz", "8000 Hz", "resample"):
        assert part in line


@pytest.mark.parametrize("folder", ["estimates", "references", "mixtures"])
def test_score_stereo_needs_a_channel(refused: Refused, folder: str) -> None:
    for path in Path(folder[:3]).iterdir():
        _stereo(path)
    arguments = (*SCORE, "--mixtures", "mix")
    line = refused(*arguments)
    assert f"no file of --{folder} can be used; the first of 3, 'u0', has 2 channels" in line
    assert f"--channel {folder}=0" in line
    assert "--channel is 2" in refused(*arguments, "--channel", "2")
    with pytest.raises(SystemExit, match="0"):
        cli.main([*arguments, "--channel", f"{folder}=1"])


@pytest.mark.parametrize("folder", ["est", "ref", "mix"])
def test_score_one_stereo_file_costs_its_trial(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, and the terminal names the file, its channels and the fix."""
    _stereo(Path(folder) / "u1.wav")
    with pytest.raises(SystemExit, match="3"):
        cli.main([*SCORE, "--mixtures", "mix"])
    said = " ".join(capsys.readouterr().out.split())
    option = {"est": "estimates", "ref": "references", "mix": "mixtures"}[folder]
    assert f"has 2 channels where mono is needed; choose one with --channel {option}=0 (or 1, or mean) (u1)" in said
    assert "1 of 3 files failed; the report says why" in said


def test_score_names_that_do_not_pair(refused: Refused) -> None:
    for path in Path("est").iterdir():
        path.rename(path.with_name(f"{path.stem}_est.wav"))
    line = refused(*SCORE)
    assert "'u0' is wanted and 'u0_est' is there" in line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--metrics", "sisdr"), ("unknown metric 'sisdr'", "'si_sdr'?")),
        (("--metrics", "sdri"), ("'sdri'", "--mixtures")),
        (("--system", " "), ("--system ' '",)),
        (("--system", "mixture", "--mixtures", "mix"), ("'mixture'", "choose another")),
    ],
)
def test_score_options(refused: Refused, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    line = refused(*SCORE, *arguments)
    for part in parts:
        assert part in line


def test_damaged_results(refused: Refused) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(list(SCORE))
    record = Path("out/run.json").read_bytes()
    for content in (b"{}", b"\xff", b""):
        Path("out/run.json").write_bytes(content)
        assert "run.json' is damaged" in refused(*SCORE)
    Path("out/run.json").write_bytes(record)
    shard = next(Path("out/rows").iterdir())
    shard.write_bytes(shard.read_bytes()[:-9])
    line = refused("report", "out", "--out", "x")
    assert shard.name in line
    assert "is damaged" in line


# Places that cannot be written --------------------------------------------------------------------

WRITERS: dict[str, tuple[str, ...]] = {
    "run": ("run", "plain.yaml", "--tracking-uri", "none", "--out"),
    "train": ("train", "train.yaml", "--tracking-uri", "none", "--out"),
    "build": ("build", "sounds.yaml", "--out"),
    "score": ("score", "--estimates", "est", "--references", "ref", "--out"),
    "report": ("report", "scored", "--out"),
}


@pytest.fixture
def ready(place: Path) -> Path:
    """A run config of nothing but the mixture, and scores that can be reported."""
    text = Path("run.yaml").read_text()
    cut = ", {name: precomputed, label: mine, options: {folder: est}}"
    Path("plain.yaml").write_text(text.replace(cut, ""))
    with pytest.raises(SystemExit, match="0"):
        cli.main([*SCORE[:-1], "scored"])
    return place


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.usefixtures("ready")
def test_out_is_a_file(refused: Refused, command: str) -> None:
    for out in ("run.yaml", "run.yaml/below"):
        before = Path("run.yaml").read_bytes()
        assert "run.yaml" in refused(*WRITERS[command], out)
        assert Path("run.yaml").read_bytes() == before


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES], ids=["EROFS", "EACCES"])
@pytest.mark.usefixtures("ready")
def test_out_is_read_only(refused: Refused, monkeypatch: pytest.MonkeyPatch, command: str, number: int) -> None:
    real = Path.touch

    def touch(path: Path, *arguments: object, **options: object) -> None:
        if "out" in path.parts:
            raise OSError(number, os.strerror(number), str(path))
        real(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "touch", touch)
    line = refused(*WRITERS[command], "out")
    assert os.strerror(number) in line
    assert re.search(r"['/]out\b", line)  # `run` makes it absolute
    assert "--out" in line


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.usefixtures("ready")
def test_disk_full_at_the_first_file(refused: Refused, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", fsync)
    line = refused(*WRITERS[command], "out")
    assert "No space left on device" in line
    assert re.search("['/]out/", line)  # `run` makes it absolute
    assert [path for path in Path("out").rglob(".*") if path.is_file()] == []


@contextmanager
def _tiny_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if sys.platform != "linux" or os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root on Linux can mount a tiny disk")
    command = [mount, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run([umount, str(folder)], check=True)


@pytest.mark.parametrize("command", ["score", "train"])
@pytest.mark.usefixtures("ready")
def test_tracking_that_cannot_be_used(refused: Refused, command: str) -> None:
    """Neither training nor scoring has begun then."""
    line = refused(*WRITERS[command], "out", "--tracking-uri", "foo://nowhere")
    assert "'foo://nowhere'" in line
    assert "--tracking-uri none" in line
    assert not Path("out/run.json").exists()


def test_a_disk_that_is_really_full(refused: Refused, ready: Path) -> None:
    """Each command first leaves what fits, and never half a file."""
    with _tiny_disk(ready / "disk", 64) as disk:
        with pytest.raises(SystemExit, match="0"):
            cli.main(["build", "sounds.yaml", "--out", "disk"])
        before = tree(disk)
        line = refused("build", "sounds.yaml", "--out", "disk", "--materialise")
        assert "free the disk" in line
        assert {name: tree(disk)[name] for name in before} == before
        for path in (disk / "small" / "audio").rglob("*.wav"):
            assert soundfile.info(str(path)).frames == RATE_HZ
        (disk / "fill").write_bytes(bytes(_free(disk)))
        for command in ("run", "train", "score", "report", "build"):
            line = refused(*WRITERS[command], "disk/new")
            assert "No space left on device" in line
            assert "disk/new" in line
        assert {name: tree(disk)[name] for name in before} == before


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def test_a_cache_that_cannot_be_written_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TSEBENCH_CACHE", "run.yaml")
    with pytest.raises(SystemExit) as stop:
        cli.main([*SCORE, "--mixtures", "mix"])
    assert stop.value.code == 0
    said = capsys.readouterr()
    (line,) = [line for line in (said.out + said.err).splitlines() if "TSEBENCH_CACHE" in line]
    assert "scores are not cached" in line
    assert "run.yaml" in line


# What lies in place of a file that was not fetched ------------------------------------------------

STAND_INS = {
    "a Git-LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 20480000\n",
    "a web page ('Sign in'": b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>",
}
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "recording": ("corpus/ann/1.wav", COMMANDS["dataset"]),
    "config": ("run.yaml", COMMANDS["run"]),
    "table": ("t.csv", (*SCORE, "--metrics", "wer", "--transcripts", "t.csv")),
    "card of a set": ("set/card.json", ("validate", "set")),
    "card of weights": ("ck/card.json", ("doctor", "soundbeam", "--isolation", "none", "--option", "checkpoint=ck")),
    "weights": ("ck/model.pt", ("doctor", "soundbeam", "--isolation", "none", "--option", "checkpoint=ck")),
    "record of a run": ("runs/run.json", ("report", "runs", "--out", "page")),
}


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("wanted", PLACES)
def test_stand_ins_are_named(refused: Refused, wanted: str, kind: str) -> None:
    shutil.copytree(ZOO, "ck")
    name, command = PLACES[wanted]
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(STAND_INS[kind])
    assert kind in refused(*command)


# Names that are not UTF-8, locks ------------------------------------------------------------------

NOT_UTF_8 = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", NOT_UTF_8),
        ("validate", NOT_UTF_8),
        ("report", "out", "--out", NOT_UTF_8),
        ("run", "--set", f"a={NOT_UTF_8}"),
    ],
)
def test_arguments_that_are_not_utf_8(refused: Refused, arguments: tuple[str, ...]) -> None:
    assert "is not UTF-8; rename" in refused(*arguments)


def test_file_names_that_are_not_utf_8(refused: Refused) -> None:
    shutil.copy(next(Path("corpus").rglob("*.wav")), next(Path("corpus").rglob("*.wav")).with_name(f"{NOT_UTF_8}.wav"))
    assert "not UTF-8; rename it" in refused(*COMMANDS["dataset"])


def test_a_working_folder_that_is_not_utf_8(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(NOT_UTF_8).mkdir()
    monkeypatch.chdir(NOT_UTF_8)
    assert "working folder" in refused("list", "systems")


@pytest.mark.parametrize("command", ["run", "train"])
def test_a_folder_in_use_is_refused(refused: Refused, command: str) -> None:
    with folder_lock(Path("out")):
        assert "being written by another process" in refused(*COMMANDS[command])


@pytest.mark.parametrize("value", ["2024-99-99", "!!int abc", "!!bool maybe", "!!timestamp 9", "&a [*a]", "9" * 5000])
def test_values_that_cannot_be_made(refused: Refused, value: str) -> None:
    line = refused(*COMMANDS["run"], "--set", f"seed={value}")
    assert "is not YAML" in line
    assert len(line) < 490


@pytest.mark.parametrize("command", ["build", "train", "run"])
def test_a_folder_of_a_corpus_that_no_dataset_has(command: str, refused: Refused) -> None:
    given = {"build": ("build", "dataset.yaml", "--out", "out"), "run": ("run", "run.yaml", "--out", "out")}
    line = refused(*given.get(command, ("train", "train.yaml", "--out", "out")), "--corpus", "mnie=corpus")
    assert "--corpus mnie=DIR: no dataset here has a corpus 'mnie'" in line
    near = "did you mean 'mine'? (known: mine)" if command == "build" else "none of its corpora is read from a folder"
    assert near in line


def test_a_corpus_that_is_not_read_from_a_folder(refused: Refused) -> None:
    line = refused("build", "sounds.yaml", "--out", "out", "--corpus", "sounds=corpus")
    assert "corpus 'sounds' (synthetic_sounds) is not read from a folder; leave it out" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "run.yaml", "--jobs", "two"), "invalid value for '--jobs': 'two' must be a whole number; see"),
        (("run", "run.yaml", "--jobs", "0"), "invalid value for '--jobs': '0' must be 1 or more; see"),
        (("adapt", "x", "--to", "y", "--lr", "z"), "invalid value for '--lr': 'z' must be a number; see"),
        (("scroe",), "unknown command 'scroe'; did you mean 'score'?"),
        (("train", "train.yaml", "--set", "net.stacks=1"), "net: stacks = 1: must be greater than 1"),
    ],
)
def test_no_words_of_a_library(arguments: tuple[str, ...], said: str, refused: Refused) -> None:
    line = refused(*arguments)
    assert said in line
    assert "Input should" not in line
