"""Command line: help, each command on small data, exit codes."""

from __future__ import annotations

import gc
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
import yaml
from helpers.paths import ROOT

from tsebench import __version__
from tsebench.bench.rows import read_rows
from tsebench.cli import main as cli
from tsebench.cli.commands import load_commands
from tsebench.core.config_files import shipped_names
from tsebench.core.errors import TsebenchError
from tsebench.systems.registry import SYSTEMS

pytestmark = pytest.mark.slow

RATE_HZ = 8000
COMMANDS = (
    *("list", "explain", "build", "validate", "train", "adapt", "run", "score", "report", "demo", "compare"),
    *("doctor", "bench"),
)
HEAVY = {"torch", "pandas", "mlflow", "scipy", "numpy", "soundfile", "pytorch_lightning"}

SOUNDS = """
name: small
builder: sound_mix
corpora: {sounds: {kind: synthetic_sounds}}
params:
  count: 2
  sample_rate_hz: 8000
  duration_s: 1.0
  n_classes: [2, 2]
  event_s: [0.5, 0.8]
  snr_db: [0.0, 5.0]
  events: {corpus: sounds, labels: [bell, rain, siren]}
  conditions: ["1:0", "1:1"]
  clues: [classes]
"""
SPEECH = """
name: spoken
builder: speech_mix
corpora: {mine: {kind: folder}}
params: {count: 2, sample_rate_hz: 8000, speech: {corpus: mine}}
"""
TRAINING = """
name: tiny
system: soundbeam
net:
  {num_filters: 8, filter_length: 16, bottleneck: 8, embedding_dim: 8, hidden: 8, kernel: 3,
   blocks: 2, stacks: 2}
data: {dataset: DATASET, overrides: {conditions: ["1:0"]}, per_epoch: 4, valid: 2}
optimiser: {epochs: 1, batch_size: 2}
threads: 1
"""


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate from the user's files; 80 columns."""
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TSEBENCH_CORPORA", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tsebench(capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = stop.value.code
        assert isinstance(code, int)
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SOUNDS)
    return path


@pytest.fixture
def speech(tmp_path: Path) -> tuple[Path, Path]:
    """A config of a folder corpus with three speakers, and the corpus."""
    rng = np.random.default_rng(1)
    corpus = tmp_path / "corpus"
    for speaker in ("ann", "bob", "eve"):
        (corpus / speaker).mkdir(parents=True)
        for number in range(3):
            noise = rng.uniform(-0.3, 0.3, RATE_HZ // 2)
            soundfile.write(str(corpus / speaker / f"{number}.wav"), noise, RATE_HZ)
    config = tmp_path / "spoken.yaml"
    config.write_text(SPEECH)
    return config, corpus


# Help ---------------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from tsebench.cli.main import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit as stop: print(stop.code)\n"
        f"print(sorted({HEAVY} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-2:] == ["0", "[]"]


def test_top_help_names_every_command_in_whole_lines(tsebench: Command) -> None:
    said = tsebench("--help")
    assert (said.code, said.err) == (0, "")
    lines = [line.strip() for line in said.out.partition("Commands:")[2].splitlines()]
    for command in COMMANDS:
        line = next(line for line in lines if line.split()[:1] == [command])
        assert len(line.split()) > 2
        assert not line.endswith("...")
    assert "First steps:" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_help_of_score_lists_its_options_in_groups(tsebench: Command) -> None:
    said = tsebench("score", "--help").out
    headings = [line[:-1] for line in said.splitlines() if re.fullmatch(r"[A-Z][a-z ]+:", line)]
    assert headings == ["Files", "Facts on the targets", "Metrics", "Result", "Other options"]
    named = re.findall(r"^  (--[a-z-]+) ", said, re.MULTILINE)
    assert named == list(dict.fromkeys(named))
    assert {"--estimates", "--channel", "--permutation", "--metrics", "--out", "--jobs", "--help"} <= set(named)


def test_no_command_shows_the_help(tsebench: Command) -> None:
    assert tsebench() == tsebench("--help")


def test_version(tsebench: Command) -> None:
    assert tsebench("--version") == Result(0, f"tsebench {__version__}\n", "")


def test_only_a_process_of_its_own_changes_the_collector(tsebench: Command) -> None:
    before = gc.get_threshold()
    tsebench("--version")  # in this process
    assert gc.get_threshold() == before
    program = (
        "import gc, sys; sys.argv = ['tsebench', '--version']\n"
        "from tsebench.cli.main import main\n"
        "try: main()\n"
        "finally: print(gc.get_threshold()[0])"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert int(said.split()[-1]) > before[0]


def test_the_commands_are_those_of_the_contract(tsebench: Command) -> None:
    out = tsebench("--help").out
    lines = [line.split() for line in out.partition("Commands:")[2].splitlines() if line]
    listed = [words[0] for words in lines if words[0] in _click_commands()]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)


def test_each_other_module_of_the_folder_is_one_command() -> None:
    modules = {path.stem for path in (ROOT / "cli").glob("*.py")}
    assert modules - {"__init__", "entry", "main", "commands", "options", "output"} == set(_click_commands())
    commands = load_commands()
    assert len({each.name for each in commands}) == len(commands)
    assert len({each.place for each in commands}) == len(commands)


def test_every_option_and_argument_has_help() -> None:
    bare = [
        f"{name} {parameter.name}"
        for name, command in _click_commands().items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert bare == []


def _click_commands() -> dict:
    return typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_fits_80_columns(tsebench: Command, command: str) -> None:
    said = tsebench(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: tsebench {command} ")
    assert max(len(line) for line in said.out.splitlines()) <= 80


@pytest.mark.parametrize("command", ["run", "score", "train", "adapt"])
def test_help_ends_with_examples_that_name_real_options(tsebench: Command, command: str) -> None:
    usage, _, examples = tsebench(command, "--help").out.partition("Examples:\n")
    lines = examples.splitlines()
    assert lines[0].startswith(f"    tsebench {command}")
    for word in examples.split():
        assert not word.startswith("--") or word in usage


def test_train_examples_name_shipped_configs(tsebench: Command) -> None:
    examples = tsebench("train", "--help").out.partition("Examples:\n")[2]
    named = [line.split()[2] for line in examples.splitlines() if "train" in line.split()[1:2]]
    shipped = [name for name in named if not name.endswith(".yaml")]
    assert len(shipped) == 2
    assert set(shipped) <= set(shipped_names("train"))


# list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("systems", {"mixture", "silence", "oracle_irm", "precomputed", "command", "soundbeam"}),
        ("datasets", {"mini_sounds", "mini_speech", "mini"}),
        ("metrics", {"sdr", "sdri", "si_sdr", "si_sdri", "snr", "snri", "pesq", "stoi", "estoi"}),
        ("corpora", {"folder", "synthetic_sounds", "synthetic_speech"}),
        ("builders", {"sound_mix", "speech_mix"}),
        ("reports", {"html", "md", "csv"}),
    ],
)
def test_list(tsebench: Command, kind: str, some: set[str]) -> None:
    said = tsebench("list", kind)
    assert (said.code, said.err) == (0, "")
    lines = [line.split(maxsplit=1) for line in said.out.splitlines()]
    assert some <= {line[0] for line in lines}
    for line in lines:
        assert len(line) == 2, f"{line[0]} has no explanation"


def test_list_systems_is_the_registry(tsebench: Command) -> None:
    names = [line.split()[0] for line in tsebench("list", "systems").out.splitlines()]
    assert names == SYSTEMS.names()


def test_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding="ascii"))
    with pytest.raises(SystemExit, match="0"):
        cli.main(["list", "metrics"])
    sys.stdout.flush()
    assert b"sdr of the system ? sdr of the mixture" in screen.getvalue()


# build and validate -------------------------------------------------------------------------------


def test_build_validate_and_break(tsebench: Command, speech: tuple[Path, Path]) -> None:
    config, corpus = speech
    given = ("--corpus", f"mine={corpus}")
    said = tsebench("build", config, "--out", "sets", *given)
    assert (said.code, said.err) == (0, "")
    folder = Path("sets") / "spoken"
    assert "spoken" in said.out
    assert "mixtures 2, trials 4" in said.out
    assert re.search(r"speakers +3 *\n", said.out)
    assert not (folder / "audio").exists()

    said = tsebench("validate", folder, *given)
    assert (said.code, said.err) == (0, "")
    assert _verdicts(said.out) == dict.fromkeys(CHECKS, "ok")

    used = next(iter((folder / "files.jsonl").read_text().splitlines()))
    path = corpus / used.partition('"path":"')[2].partition('"')[0]
    path.write_bytes(path.read_bytes()[:-2] + b"\x01\x01")
    said = tsebench("validate", folder, *given)
    assert (said.code, said.err) == (2, "")
    assert _verdicts(said.out)["recordings"] == "PROBLEM"
    assert path.name in said.out


CHECKS = (*("counts", "corpora", "recordings", "rendering", "lengths", "levels", "enrollment leak"), "query conditions")


def _verdicts(out: str) -> dict[str, str]:
    """Verdicts by check, from the table."""
    line = r"^ *({}) +[\d,]+(?: of [\d,]+)? +(ok|remark|PROBLEM)"
    return dict(re.findall(line.format("|".join(CHECKS)), out, flags=re.MULTILINE))


def test_validate_a_sample_and_against_another_set(tsebench: Command, speech: tuple[Path, Path]) -> None:
    config, corpus = speech
    given = ("--corpus", f"mine={corpus}")
    assert tsebench("build", config, "--out", "sets", *given).code == 0
    folder = Path("sets") / "spoken"
    said = tsebench("validate", folder, "--sample", 1, "--jobs", 2, *given)
    assert said.code == 0
    assert re.search(r"rendering +1 of 2 +ok", said.out)
    said = tsebench("validate", folder, "--against", folder, *given)
    assert said.code == 0
    assert re.search(r"apart from spoken +\d+ +remark", said.out)
    training = config.with_name("training.yaml")
    recipe = yaml.safe_load(config.read_text()) | {"name": "training", "split": "train"}
    recipe["params"]["speech"]["split"] = "test"  # which it should not
    training.write_text(yaml.safe_dump(recipe))
    assert tsebench("build", training, "--out", "sets", *given).code == 0
    said = tsebench("validate", folder, "--against", Path("sets") / "training", *given)
    assert said.code == 2
    assert re.search(r"apart from training +\d+ +PROBLEM", said.out)


def test_build_materialise_writes_what_is_rendered(tsebench: Command, speech: tuple[Path, Path]) -> None:
    config, corpus = speech
    said = tsebench("build", config, "--out", "sets", "--materialise", "--jobs", 1, "--corpus", f"mine={corpus}")
    assert (said.code, said.err) == (0, "")
    audio = Path("sets") / "spoken" / "audio"
    mixtures = sorted((audio / "mixture").glob("*.wav"))
    assert len(mixtures) == 2
    for path in mixtures:
        mixture, rate_hz = soundfile.read(str(path))
        parts = [soundfile.read(str(audio / s / path.name))[0] for s in ("s1", "s2")]
        assert rate_hz == RATE_HZ
        np.testing.assert_allclose(mixture, sum(parts), atol=2.1 / 2**15)
    assert len(list((audio / "enrollment").glob("*.wav"))) == 4


def test_build_twice_gives_the_same_fingerprint(tsebench: Command, small: Path) -> None:
    first, second = (tsebench("build", small, "--out", out).out for out in ("one", "two"))
    assert first.rpartition("fingerprint")[2] == second.rpartition("fingerprint")[2] != ""


# run ----------------------------------------------------------------------------------------------


def _run_config(path: Path, dataset: object, systems: str = "[mixture, silence]") -> Path:
    path.write_text(f"name: try\ndatasets: ['{dataset}']\nsystems: {systems}\nmetrics: [snr, si_sdri]\n")
    return path


@pytest.mark.long
def test_run_as_a_process_prints_the_leaderboard_and_the_page(tmp_path: Path, small: Path) -> None:
    config = _run_config(tmp_path / "run.yaml", small)
    done = subprocess.run(
        [sys.executable, "-m", "tsebench", "run", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("small", "si_sdri", "mixture", "silence", "FMQ 1:0", "PMQ 1:1"):
        assert word in done.stdout
    page = Path(done.stdout.rpartition("report: ")[2].strip())
    assert page == tmp_path / "runs" / "try" / "report" / "report.html"
    assert "silence" in page.read_text()
    assert (tmp_path / "runs" / "mlflow.db").is_file()


def test_run_goes_on_and_starts_over(tsebench: Command, tmp_path: Path, small: Path) -> None:
    config = _run_config(tmp_path / "run.yaml", small)
    arguments = ("run", config, "--out", "out", "--tracking-uri", "none")
    assert tsebench(*arguments).code == 0
    rows = read_rows("out")
    shards = {path: path.stat().st_mtime_ns for path in Path("out/rows").iterdir()}
    assert tsebench(*arguments).code == 0
    assert {path: path.stat().st_mtime_ns for path in Path("out/rows").iterdir()} == shards
    next(iter(shards)).unlink()
    assert tsebench(*arguments).code == 0
    assert read_rows("out").equals(rows)
    assert tsebench(*arguments, "--fresh").code == 0
    assert read_rows("out").equals(rows)
    assert {path: path.stat().st_mtime_ns for path in Path("out/rows").iterdir()} != shards


def test_a_run_with_failed_trials_is_incomplete(tsebench: Command, tmp_path: Path, small: Path) -> None:
    assert tsebench("build", small, "--out", "sets", "--materialise").code == 0
    answers = tmp_path / "answers"
    answers.mkdir()
    ids = (Path("sets/small/trials.jsonl").read_text()).split('"id":"')[1:]
    trial = ids[0].partition('"')[0]
    first = sorted(Path("sets/small/audio/mixture").iterdir())[0]
    shutil.copy(first, answers / f"{trial}.wav")
    config = _run_config(
        tmp_path / "run.yaml", tmp_path / "sets" / "small", f"[{{name: precomputed, options: {{folder: '{answers}'}}}}]"
    )
    said = tsebench("run", config, "--out", "out", "--tracking-uri", "none")
    assert said.code == 3
    assert f"{len(ids) - 1} of {len(ids)} trials failed" in said.out
    rows = read_rows("out")
    assert set(rows[rows["status"] == "ok"]["trial_id"]) == {trial}
    assert rows[rows["status"] == "failed"]["reason"].str.startswith("missing: ").all()


def test_interrupt_is_one_line_and_exit_code_130(
    tsebench: Command, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tsebench.datasets.build.build", interrupted)
    said = tsebench("build", small, "--out", "sets")
    assert said.code == 130
    assert said.err == "tsebench: interrupted; start the same command again to go on\n"


def test_a_message_of_several_lines_is_printed_in_one(
    tsebench: Command, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TsebenchError("first\n  second [bold]x[/bold]")

    monkeypatch.setattr("tsebench.datasets.build.build", broken)
    assert tsebench("build", small).err == "tsebench: first second [bold]x[/bold]\n"


# train and report ---------------------------------------------------------------------------------


def test_train_two_steps_and_use_the_checkpoint(tsebench: Command, tmp_path: Path, small: Path) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(TRAINING.replace("DATASET", str(small)))
    said = tsebench("train", config, "--out", "net", "--device", "cpu")
    assert (said.code, said.err) == (0, "")
    assert said.out.strip().splitlines()[-1].startswith("net: best validation loss ")
    log = (tmp_path / "net" / "train.log.jsonl").read_text()
    assert '"steps": 2' in log
    assert tsebench("train", config, "--out", "net", "--device", "cpu").code == 0
    assert (tmp_path / "net" / "train.log.jsonl").read_text() == log

    run = _run_config(
        tmp_path / "run.yaml", small, f"[{{name: soundbeam, options: {{checkpoint: '{tmp_path / 'net'}'}}}}]"
    )
    assert tsebench("run", run, "--out", "out", "--tracking-uri", "none").code == 0
    assert set(read_rows("out")["status"]) == {"ok"}


def test_report_of_two_runs(tsebench: Command, tmp_path: Path, small: Path) -> None:
    assert tsebench("build", small, "--out", "sets").code == 0
    for name in ("mixture", "silence"):
        config = _run_config(tmp_path / f"{name}.yaml", tmp_path / "sets" / "small", f"[{name}]")
        arguments = ("run", config, "--out", name, "--tracking-uri", "none")
        assert tsebench(*arguments).code == 0
    said = tsebench("report", "mixture", "silence", "--out", "both", "--format", "md, csv")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == ["both/report.md", "both/report.csv"]
    text = Path("both/report.md").read_text()
    assert "mixture" in text
    assert "silence" in text


# doctor -------------------------------------------------------------------------------------------


def test_doctor_of_this_machine_scores_speech(tsebench: Command) -> None:
    said = tsebench("doctor")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(lines)
    (scores,) = (line.partition("speech and metrics: ")[2] for line in lines if "speech and metrics: " in line)
    values = dict(pair.split() for pair in scores.split(", "))
    assert float(values["snr"]) == pytest.approx(10.0, abs=0.01)
    assert 1.0 < float(values["pesq"]) < 4.6
    assert 0.0 < float(values["stoi"]) <= 1.0


def test_doctor_of_a_system(tsebench: Command) -> None:
    said = tsebench("doctor", "mixture")
    assert (said.code, said.err) == (0, "")
    assert "ok       batch_invariance: identical" in said.out
    assert "PROBLEM" not in said.out


def test_doctor_of_a_system_with_an_exception_class_of_its_own(
    tsebench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OwnError(Exception):
        """Derived from none of Python's usual errors."""

    def refuse(self: object, batch: object) -> object:
        raise OwnError("broken weights")

    monkeypatch.setattr("tsebench.systems.silence.SilenceSystem.extract", refuse)
    said = tsebench("doctor", "silence")
    assert (said.code, said.err) == (2, "")
    assert "PROBLEM  lengths: 0.3 s: raised OwnError: broken weights" in said.out


def test_doctor_looks_at_precomputed_files(tsebench: Command, tmp_path: Path) -> None:
    folder = tmp_path / "estimates"
    folder.mkdir()
    for number in range(3):
        soundfile.write(str(folder / f"u{number}.wav"), np.full(800, 0.1), RATE_HZ)
    arguments = ("doctor", "precomputed", "--option", f"folder={folder}")
    assert tsebench(*arguments) == Result(0, "ok       files: 3 estimates at 8000 Hz\n", "")
    bad = np.array([0.0, np.nan], dtype=np.float32)
    soundfile.write(str(folder / "u1.wav"), bad, RATE_HZ, subtype="FLOAT")
    said = tsebench(*arguments)
    assert said.code == 2
    assert said.out.startswith("PROBLEM  files: 1 of 3 cannot be used, the first: ")
    assert "u1.wav" in said.out
