"""`tsebench explain`: what it prints in a terminal and to a pipe, and the errors that lead there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tsebench.bench.config import load_run_config
from tsebench.bench.metrics.registry import load_metric
from tsebench.cli import main as cli
from tsebench.core.errors import ConfigError
from tsebench.datasets.config import CorpusConfig, DatasetConfig, load_dataset_configs, open_builder, open_corpora
from tsebench.datasets.protocols.builder import BUILDERS
from tsebench.reference.explain import explain
from tsebench.reference.print_topic import print_topic
from tsebench.reports.formats.registry import load_report
from tsebench.systems.registry import load_system
from tsebench.systems.training.config import load_train_config


def printed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(["explain", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_line_for_each_key_where_it_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = printed("builder", "sound_mix", capsys=capsys)
    (line,) = [line for line in out.splitlines() if line.startswith("snr_db")]
    assert code == 0
    assert line.startswith("snr_db [dB]: two numbers, default [15, 25]: lowest and highest level of an event over")
    assert "not relative to the other events: with four classes, each of the four" in line
    assert "\nKeys of events, background\ncorpus: text, required: name of a corpus" in out


def test_without_arguments_it_lists_what_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = printed(capsys=capsys)
    assert "explain run: keys of a run config\n" in out
    assert "explain train [NAME]: keys of a training config, and with NAME those of a network\n" in out


def test_a_kind_alone_lists_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = printed("metrics", capsys=capsys)
    assert "wer: `wer`: errors over words of the reference" in out


@pytest.mark.parametrize(
    ("arguments", "starts"),
    [
        (("builder", "sound_mix", "fade_ms"), ["fade_ms"]),
        (("builder", "sound_mix", "corpus"), ["corpus"]),
        (("run", "time_limit_s"), ["time_limit_s", "time_limit_s"]),
        (("run", "systems.time_limit_s"), ["time_limit_s"]),
        (("train", "lr"), ["lr"]),
        (("train", "soundbeam", "skip"), ["skip"]),
    ],
)
def test_one_key(arguments: tuple[str, ...], starts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = printed(*arguments, capsys=capsys)
    lines = [line for line in out.splitlines() if line and not line.startswith(("Keys of", "Names that"))]
    assert [line.partition(" [")[0].partition(":")[0] for line in lines] == starts


def test_a_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = printed("train", "--schema", capsys=capsys)
    assert json.loads(out)["title"] == "tsebench train config"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("builder", "sound_mx"), "unknown builder 'sound_mx'; did you mean 'sound_mix'? (known: av_mix, "),
        (("bulder",), "unknown kind of topic 'bulder'; did you mean 'builder'?"),
        (("metric", "si_sdr_i"), "unknown metric 'si_sdr_i'; did you mean 'si_sdri'?"),
        (("run", "time_limit"), "unknown key of run 'time_limit'; did you mean 'time_limit_s'?"),
        (("train", "soundbeem"), "unknown key of train 'soundbeem'; did you mean 'soundbeam'?"),
        (("builder", "sound_mix", "snr"), "unknown key of builder sound_mix 'snr'; did you mean 'snr_db'?"),
        (("corpus", "esc10", "--schema"), "unknown kind of config 'corpus' (known: dataset, run, train)"),
    ],
)
def test_unknown_names(arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = printed(*arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"tsebench: {line}")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(("kind", "name"), [("builder", "fewshot"), ("train", None), ("metric", "sdr")])
def test_a_terminal_of_any_width_holds_it(kind: str, name: str | None, width: int) -> None:
    console = Console(width=width, force_terminal=True, color_system=None, record=True, file=StringIO())
    print_topic(explain(kind, name), console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.startswith("Keys of") for line in lines) >= 1


def test_a_derived_name_leads_to_its_metric() -> None:
    topic = explain("metric", "wer_deletions")
    assert topic.title == "metric wer"
    assert topic.facts[0] == ("wer_deletions", "deletions per word of the reference")


@pytest.fixture
def bare_builder() -> Callable[..., object]:
    def build(*, context: object, size: int, shape: str = "round") -> object:
        return context, size, shape

    BUILDERS.register("bare")(build)
    return build


def test_a_plug_in_without_words_is_printed(
    bare_builder: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        _, out, _ = printed("builder", "bare", capsys=capsys)
    finally:
        BUILDERS._entries.pop("bare")
    assert "size: whole number, required: no description\nshape: text, default round: no description\n" in out


CORPUS = CorpusConfig(kind="synthetic_speech", options={"sed": 1})
SET = {"name": "x", "builder": "speech_mix", "corpora": {"a": {"kind": "synthetic_speech"}}}


def _open(params: Mapping[str, object]) -> object:
    return open_builder(DatasetConfig.model_validate({**SET, "params": params}), {})


def _file(load: Callable[[str], object], text: str, folder: Path) -> object:
    (folder / "mine.yaml").write_text(text)
    return load(str(folder / "mine.yaml"))


@pytest.mark.parametrize(
    ("topic", "make"),
    [
        ("builder speech_mix", lambda _: _open({"speech": {"corpus": "a"}, "count": 2, "snr": 3})),
        ("builder speech_mix", lambda _: _open({"speech": {"corpus": "a"}, "count": 2, "n_speakers": 99})),
        (
            "corpus synthetic_speech",
            lambda _: open_corpora({"a": CorpusConfig(kind="synthetic_speech", options={"sed": 1})}, {}),
        ),
        ("system oracle_irm", lambda _: load_system("oracle_irm", window=3)),
        ("system oracle_irm", lambda _: load_system("oracle_irm", beta=-1.0)),
        ("metric sdr", lambda _: load_metric("sdr", {"tap": 3})),
        ("report html", lambda _: load_report("html", {"trails": 3})),
        ("run", lambda folder: _file(load_run_config, "name: x\nsystem: [mixture]\n", folder)),
        ("dataset", lambda folder: _file(load_dataset_configs, "name: x\nbuildr: y\n", folder)),
        ("train", lambda folder: _file(load_train_config, "name: x\nsystem: y\ndata: {valid: 2}\n", folder)),
    ],
)
def test_errors_about_keys_lead_there(topic: str, make: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make(tmp_path)
    assert str(caught.value).endswith(f"; see `tsebench explain {topic}`")
    assert len(str(caught.value)) < 500
    explain(*topic.split(" "))
