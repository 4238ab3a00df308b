"""Each reader with valid files, the ways in which they are damaged, and all that reads them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np
import soundfile

from .mutations import changed_json, changed_parquet, changed_value, damaged

Damage = Callable[[Path, Random], None]


@dataclass(frozen=True)
class Reader:
    """A reader: valid files, what may be damaged of them, and the calls that read a folder with them."""

    seed: Callable[[Path], None]
    read: Callable[[Path], object]
    damage: tuple[Damage, ...]


def _bytes_of(pattern: str) -> Damage:
    def change(folder: Path, rng: Random) -> None:
        path = rng.choice(sorted(folder.rglob(pattern)))
        path.write_bytes(damaged(path.read_bytes(), rng))

    return change


def _json_of(pattern: str) -> Damage:
    def change(folder: Path, rng: Random) -> None:
        path = rng.choice(sorted(folder.rglob(pattern)))
        path.write_text(changed_json(path.read_text(), rng), encoding="utf-8", errors="surrogatepass")

    return change


def _json_line_of(pattern: str) -> Damage:
    def change(folder: Path, rng: Random) -> None:
        path = rng.choice(sorted(folder.rglob(pattern)))
        lines = path.read_text().splitlines()
        place = rng.randrange(len(lines))
        lines[place] = changed_json(lines[place], rng)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")

    return change


def _yaml_of(pattern: str) -> Damage:
    def change(folder: Path, rng: Random) -> None:
        import yaml

        path = rng.choice(sorted(folder.rglob(pattern)))
        try:
            text = yaml.safe_dump(changed_value(yaml.safe_load(path.read_text()), rng))
        except (RecursionError, ValueError):
            text = "a: 1"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")

    return change


def _parquet_of(pattern: str) -> Damage:
    def change(folder: Path, rng: Random) -> None:
        changed_parquet(rng.choice(sorted(folder.rglob(pattern))), rng)

    return change


def _audio(suffix: str, **how: str) -> Reader:
    def seed(folder: Path) -> None:
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4000, 2)).astype(np.float32)
        soundfile.write(str(folder / f"a{suffix}"), noise[:, 0], 16000, **how)
        soundfile.write(str(folder / f"b{suffix}"), noise, 8000, **how)

    def read(folder: Path) -> None:
        from tsebench.core.errors import AudioError
        from tsebench.datasets.signals import audio

        for path in sorted(folder.iterdir()):
            for call in (
                lambda p=path: audio.info(p),
                lambda p=path: audio.check_whole(p),
                lambda p=path: audio.read(p),
                lambda p=path: audio.read_mono(p, 10, 100, channel=0),
                lambda p=path: audio.read_mono(p, channel="mean", finite=False),
            ):
                with suppress(AudioError):
                    call()

    return Reader(seed, read, (_bytes_of(f"*{suffix}"),))


def _seed_configs(folder: Path) -> None:
    from tsebench.core.config_files import SHIPPED

    for kind, name in (
        ("run", "quickstart"),
        ("datasets", "datasets/mini_sounds"),
        ("train", "train/soundbeam_mini_1hot"),
    ):
        (folder / f"{kind}.yaml").write_text((SHIPPED / f"{name}.yaml").read_text())


def _read_configs(folder: Path) -> None:
    from tsebench.bench.config import load_run_config
    from tsebench.core.config_files import setting
    from tsebench.datasets.config import load_dataset_configs
    from tsebench.systems.training.config import load_train_config

    calls: Mapping[str, Callable[[str], object]] = {
        "run": load_run_config,
        "datasets": load_dataset_configs,
        "train": load_train_config,
    }
    for name, call in calls.items():
        path = folder / f"{name}.yaml"
        _clean(lambda call=call, path=path: call(str(path)))  # type: ignore[misc]
        text = path.read_text(errors="surrogateescape")[:2000]
        _clean(lambda text=text: setting(f"a.b={text}", example="a=1", flag="--set"))  # type: ignore[misc]


def _clean(call: Callable[[], object]) -> None:
    from tsebench.core.errors import TsebenchError

    try:
        call()
    except TsebenchError as error:
        text = str(error)
        if "\n" in text or len(text) > 490:
            raise AssertionError(f"the line of an error has {len(text)} characters: {text[:200]}") from error


def _seed_set(folder: Path) -> None:
    from tsebench.datasets.build import build
    from tsebench.datasets.config import DatasetConfig

    rng = np.random.default_rng(0)
    for label in ("cat", "dog", "owl"):
        for n in range(2):
            path = folder / "corpus" / label / f"{n}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(str(path), rng.uniform(-0.3, 0.3, 8000).astype(np.float32), 8000)
    fields = {
        "name": "small",
        "builder": "sound_mix",
        "corpora": {"s": {"kind": "folder"}},
        "params": {
            "events": {"corpus": "s"},
            "count": 2,
            "sample_rate_hz": 8000,
            "duration_s": 2.0,
            "event_s": [0.5, 1.0],
        },
    }
    config = DatasetConfig.model_validate(fields)
    build(config, folder / "set", corpus_dirs={"s": folder / "corpus"})


def _read_set(folder: Path) -> None:
    from tsebench.datasets import manifest
    from tsebench.datasets.checks.all_checks import validate
    from tsebench.datasets.dataset import load_dataset

    def call() -> None:
        # As if the fingerprint had been computed anew, so that what lies behind its check is reached.
        with mock.patch.object(manifest, "fingerprint", lambda found: found.card.fingerprint):
            dataset = load_dataset(folder / "set", corpus_dirs={"s": folder / "corpus"})
        for index in range(min(2, len(dataset))):
            dataset[index]
        validate(dataset, folder=folder / "set")

    _clean(call)


def _seed_jams(folder: Path) -> None:
    from tsebench.datasets.jams.events import SoundEvent, Soundscape, dump_jams

    where = {"source_file": "fg/dog/1.wav", "source_time_s": 0.0, "event_duration_s": 1.0}
    events = (
        SoundEvent(role="background", label="park", event_time_s=0.0, snr_db=0.0, **where),  # type: ignore[arg-type]
        SoundEvent(role="foreground", label="dog", event_time_s=0.5, snr_db=3.0, **where),  # type: ignore[arg-type]
    )
    scape = Soundscape(duration_s=10.0, ref_db=-30.0, fade_in_s=0.01, fade_out_s=0.01, events=events)
    (folder / "a.jams").write_bytes(dump_jams(scape))


def _read_jams(folder: Path) -> None:
    from tsebench.datasets.jams.events import read_jams
    from tsebench.datasets.jams.soundscapes import FoundFile, mixture_of
    from tsebench.datasets.protocols.corpus import Recording

    recording = Recording(path="dog/1.wav", label="dog", split="test", group="1", frames=80000, sample_rate_hz=8000)
    found = FoundFile(corpus="c", recording=recording)
    _clean(lambda: mixture_of(read_jams(folder / "a.jams"), "a", lambda _: found, tags={}))


def _seed_tables(folder: Path) -> None:
    (folder / "a.csv").write_text("name,text\n" + "".join(f"u{n},THE TEXT {n}\n" for n in range(20)))
    (folder / "b.csv").write_text("name\ttext\n" + "".join(f'u{n}.wav\t"A ""QUOTE"" {n}"\n' for n in range(20)))


def _read_tables(folder: Path) -> None:
    from tsebench.bench.folders.known_facts import FactFiles, read_facts
    from tsebench.datasets.corpora.disk.csv_table import read_table

    for name in ("a.csv", "b.csv"):
        path = folder / name
        _clean(lambda path=path: read_table(path))  # type: ignore[misc]
        _clean(lambda path=path: read_facts(FactFiles(transcripts=path)).of(["u1", "u2"]))  # type: ignore[misc]


def _seed_run(folder: Path) -> None:
    from ..runs import facts_of, make_run, rows_of

    detail = json.dumps({"threshold": 0.5, "probabilities": {"a": 0.9, "b": 0.1}, "active": ["a"]})
    rows = [
        *rows_of([1.0, 2.0, 3.0, float("nan")], tags=[{"snr": "1", "room": "a"}] * 4),
        *rows_of([0.5, 1.5, 2.0, 2.5], system="mixture"),
        *rows_of([1.0, 0.0, 1.0, 1.0], metric="class_accuracy", signature="class_accuracy|x", detail=[detail] * 4),
    ]
    make_run(folder / "run", rows, facts_of(("net", "mixture")))


def _read_run(folder: Path) -> None:
    from tsebench.bench.rows import read_rows
    from tsebench.bench.run.record import read_record, read_runs
    from tsebench.reports.formats.registry import write_board
    from tsebench.reports.leaderboard.assemble import open_board

    run = folder / "run"
    _clean(lambda: read_rows(run))
    _clean(lambda: read_record(run))
    _clean(lambda: read_runs([run]))
    _clean(lambda: write_board(open_board([run]), folder / "out", ["json", "md", "csv", "parquet"]))


def _seed_board(folder: Path) -> None:
    from tsebench.reports.formats.registry import write_board
    from tsebench.reports.leaderboard.assemble import open_board

    _seed_run(folder)
    write_board(open_board([folder / "run"]), folder / "board", ["json", "parquet"])


def _read_board(folder: Path) -> None:
    from tsebench.reports.formats.json import read_json
    from tsebench.reports.formats.parquet import read_parquet
    from tsebench.reports.formats.registry import write_board

    board = folder / "board"
    for call in (lambda: read_json(board / "leaderboard.json"), lambda: read_parquet(board / "leaderboard.parquet")):
        _clean(lambda call=call: write_board(call(), folder / "out", ["json"]))  # type: ignore[misc]


def _seed_checkpoint(folder: Path) -> None:
    import torch

    from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint

    card = CheckpointCard(
        architecture="x", net={"size": 3}, classes=("a", "b"), sample_rate_hz=8000, sha256="", training_data=("a",)
    )
    save_checkpoint(folder / "net", state={"w": torch.ones(3, 3), "b": torch.ones(3)}, card=card)


def _read_checkpoint(folder: Path) -> None:
    from tsebench.systems.checkpoints.checkpoint import load_checkpoint, read_checkpoint_card
    from tsebench.systems.training.state import load_state

    _clean(lambda: load_checkpoint(folder / "net", architecture="x"))
    _clean(lambda: read_checkpoint_card(folder / "net"))
    (folder / "last.ckpt").write_bytes((folder / "net" / "model.pt").read_bytes())
    _clean(lambda: load_state(folder, identity="x"))


def _seed_onnx(folder: Path) -> None:
    import onnx

    real = onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "graph",
        [onnx.helper.make_tensor_value_info("x", real, [1, 4])],
        [onnx.helper.make_tensor_value_info("y", real, None)],
        [weights],
    )
    content = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (folder / "a.onnx").write_bytes(content.SerializeToString())


def _read_onnx(folder: Path) -> None:
    from tsebench.core.onnx import open_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _clean(lambda: open_model(folder / "a.onnx", where="metric").width(4, where="metric", hint="give another"))


READERS: Mapping[str, Reader] = {
    "wav": _audio(".wav"),
    "flac": _audio(".flac"),
    "ogg": _audio(".ogg"),
    "mp3": _audio(".mp3"),
    "yaml": Reader(_seed_configs, _read_configs, (_bytes_of("*.yaml"), _yaml_of("*.yaml"), _yaml_of("*.yaml"))),
    "manifest": Reader(
        _seed_set,
        _read_set,
        (
            _json_line_of("set/*.jsonl"),
            _json_line_of("set/*.jsonl"),
            _json_of("set/card.json"),
            _bytes_of("set/*.json*"),
        ),
    ),
    "jams": Reader(_seed_jams, _read_jams, (_bytes_of("*.jams"), _json_of("*.jams"), _json_of("*.jams"))),
    "tables": Reader(_seed_tables, _read_tables, (_bytes_of("*.csv"),)),
    "rows": Reader(_seed_run, _read_run, (_bytes_of("*.parquet"), _parquet_of("*.parquet"), _parquet_of("*.parquet"))),
    "record": Reader(_seed_run, _read_run, (_bytes_of("run.json"), _json_of("run.json"), _json_of("run.json"))),
    "leaderboard": Reader(
        _seed_board,
        _read_board,
        (_json_of("leaderboard.json"), _bytes_of("leaderboard.*"), _parquet_of("leaderboard.parquet")),
    ),
    "checkpoint": Reader(
        _seed_checkpoint, _read_checkpoint, (_bytes_of("model.pt"), _json_of("card.json"), _bytes_of("card.json"))
    ),
    "onnx": Reader(_seed_onnx, _read_onnx, (_bytes_of("*.onnx"),)),
}
