"""Programs as systems: what they get, what they may do wrong, and what it costs."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.processes import have_ended
from torch.nn import functional as F

from tsebench.core.errors import ExtractionError
from tsebench.datasets.types import Clues
from tsebench.systems.protocol import Extraction, QueryBatch, System
from tsebench.systems.registry import load_system

RATE_HZ = 8000
LENGTHS = (1600, 2000)
COPY = "cp {mixture} {output}"

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes a Python script and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "system.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test sees what is left behind."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("tsebench.systems.command.get_temp_dir", lambda: str(folder))
    return folder


def noise(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed)) * 0.1


def make_batch(*clues: Clues, channels: int = 1) -> QueryBatch:
    given = clues or (Clues(),) * 2
    mixtures = [noise(t, k).repeat(channels, 1) for k, t in enumerate(LENGTHS[: len(given)])]
    longest = max(mixture.shape[-1] for mixture in mixtures)
    return QueryBatch(
        ids=tuple(f"q{k}" for k in range(len(given))),
        mixture=torch.stack([F.pad(m, (0, longest - m.shape[-1])) for m in mixtures]),
        lengths=torch.tensor([mixture.shape[-1] for mixture in mixtures]),
        sample_rate_hz=RATE_HZ,
        clues=given,
    )


def ask(program: str | list[str], batch: QueryBatch, **options: object) -> Extraction:
    system = load_system("command", program=program, **options)
    assert isinstance(system, System)
    return system.extract(batch)


def assert_copied(extraction: Extraction, batch: QueryBatch) -> None:
    assert extraction.failures == {}
    for estimate, mixture, length in zip(extraction.estimate, batch.mixture, batch.lengths, strict=True):
        assert torch.equal(estimate, mixture[0, :length])


def python(path: Path, words: str) -> str:
    return f"{sys.executable} {path} {words}"


@pytest.mark.parametrize("program", [COPY, ["cp", "{mixture}", "{output}"]])
def test_copy_returns_the_mixture(program: str | list[str], own_temporary_folder: Path) -> None:
    batch = make_batch()
    extraction = ask(program, batch)
    assert_copied(extraction, batch)
    assert list(own_temporary_folder.iterdir()) == []


def test_enrollment_reaches_the_program() -> None:
    batch = make_batch(Clues(enrollments=(noise(1600, 5),)), Clues(enrollments=(noise(2000, 6), noise(9, 7))))
    extraction = ask("cp {enrollment} {output}", batch)
    assert extraction.failures == {}
    assert torch.equal(extraction.estimate[0], noise(1600, 5))
    assert torch.equal(extraction.estimate[1], noise(2000, 6))


def test_words_are_what_the_program_gets(script: Script, tmp_path: Path) -> None:
    path = script("import sys, json; json.dump(sys.argv[1:], open(sys.argv[1], 'w'))")
    words = "{{x}} --c={classes} {seed} {text} {enrollments} --e={enrollments} {query} {output}"
    clues = Clues(enrollments=(noise(9), noise(9)), classes=("cat", "dog"), text="a $HOME; b")
    batch = make_batch(clues)
    ask(python(path, f"{tmp_path}/words.json {words}"), batch)
    words_seen = json.loads((tmp_path / "words.json").read_text())
    assert words_seen.pop(3) == str(batch.seeds[0])
    assert words_seen[1:4] == ["{x}", "--c=cat,dog", "a $HOME; b"]
    assert [Path(word).name for word in words_seen[4:]] == [
        *("enrollment-0.wav", "enrollment-1.wav"),
        *("enrollment-0.wav", "enrollment-1.wav"),
        *("query.json", "output.wav"),
    ]
    assert words_seen[6].startswith("--e=/")


def test_query_file_says_everything(script: Script, tmp_path: Path) -> None:
    path = script(
        f"import shutil, json, sys; shutil.copy(sys.argv[1], {str(tmp_path / 'seen.json')!r})\n"
        "q = json.load(open(sys.argv[1])); shutil.copy(q['mixture'], q['output'])"
    )
    clues = Clues(enrollments=(noise(9),), classes=("cat", "dog"), text="ein Hörbeispiel")
    batch = make_batch(clues)
    assert_copied(ask(python(path, "{query}"), batch), batch)
    seen = json.loads((tmp_path / "seen.json").read_text())
    clue_keys = {*("enrollments", "classes", "text", "negative_text", "activity", "direction")}
    assert set(seen) == {*("id", "sample_rate_hz", "mixture", "seed", "output"), *clue_keys}
    assert seen["negative_text"] is seen["activity"] is seen["direction"] is None
    assert (seen["id"], seen["sample_rate_hz"]) == ("q0", RATE_HZ)
    assert (seen["classes"], seen["text"]) == (["cat", "dog"], "ein Hörbeispiel")
    assert len(seen["enrollments"]) == 1


def test_batch_mode_starts_the_program_once(script: Script, tmp_path: Path) -> None:
    path = script(
        "import json, shutil, sys\n"
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\n"
        "for q in json.load(open(sys.argv[1])): shutil.copy(q['mixture'], q['output'])"
    )
    batch = make_batch()
    assert_copied(ask(python(path, "{batch}"), batch), batch)
    assert (tmp_path / "starts").read_text() == "x"


def test_batch_mode_output_left_out_costs_one_query(script: Script) -> None:
    path = script(
        "import json, shutil, sys\nfor q in json.load(open(sys.argv[1]))[1:]: shutil.copy(q['mixture'], q['output'])"
    )
    extraction = ask(python(path, "{batch}"), make_batch())
    assert list(extraction.failures) == ["q0"]
    assert extraction.failures["q0"].startswith("missing: ")
    assert [len(estimate) for estimate in extraction.estimate] == [0, LENGTHS[1]]


def test_batch_mode_crash_refuses_the_batch(script: Script) -> None:
    path = script("import sys; raise SystemExit(f'cannot use {sys.argv[1]}')")
    reason = "exit: the program ended with exit code 1 and said: cannot use batch.json"
    with pytest.raises(ExtractionError, match=f"^{re.escape(reason)}$"):
        ask(python(path, "{batch}"), make_batch())


def test_missing_enrollment_costs_its_own_query() -> None:
    batch = make_batch(Clues(), Clues(enrollments=(noise(2000),)))
    extraction = ask("cp {enrollment} {output}", batch)
    assert extraction.failures == {"q0": "clue: the program takes an {enrollment}, the query has none"}
    assert torch.equal(extraction.estimate[1], noise(2000))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('a\\nlast words', file=sys.stderr); sys.exit(3)",
         r"exit: .*exit code 3 and said: last words$"),
        ("import sys; sys.exit(4)", r"exit: .*exit code 4 and said nothing$"),
        ("import os; os.kill(os.getpid(), 11)", r"exit: .*killed by signal SIGSEGV"),
        ("", r"missing: no file '0000/output.wav'"),
        ("open(out, 'w').write('noise')", r"audio: cannot decode .*'0000/output.wav'"),
        ("soundfile.write(out, x, 16000)", r"sample_rate: .* is at 16000 Hz and the query at 8000"),
        ("soundfile.write(out, [[0.1, 0.2]] * 1600, rate)", r"channels: .* has 2 channels"),
        ("soundfile.write(out, x[:0], rate)", r"audio: .*no samples"),
    ],
)  # fmt: skip
def test_what_goes_wrong_costs_the_query(script: Script, own_temporary_folder: Path, code: str, reason: str) -> None:
    head = "import sys; out = sys.argv[2]\n"
    if "soundfile" in code:
        head += "import soundfile; x, rate = soundfile.read(sys.argv[1])\n"
    extraction = ask(python(script(head + code), "{mixture} {output}"), make_batch(Clues()))
    assert list(extraction.failures) == ["q0"]
    assert re.search(reason, extraction.failures["q0"]), extraction.failures
    assert str(own_temporary_folder) not in extraction.failures["q0"]
    assert list(own_temporary_folder.iterdir()) == []


# 40 samples are 5 ms, 400 are 50 ms; they and NaN are left to the scorer.
@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("y = x[:-400]", lambda x: x[:-400]),
        ("y = x[:-40]", lambda x: x[:-40]),
        ("y = list(x) + [0.5] * 40", lambda x: F.pad(x, (0, 40), value=0.5)),
        ("y = x * float('nan')", lambda x: x * float("nan")),
    ],
)
def test_length_and_nan_stay_as_they_are(
    script: Script, code: str, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    path = script(
        "import soundfile, sys; x, rate = soundfile.read(sys.argv[1], dtype='float32')\n"
        f"{code}; soundfile.write(sys.argv[2], y, rate, subtype='FLOAT')"
    )
    batch = make_batch(Clues())
    extraction = ask(python(path, "{mixture} {output}"), batch)
    assert extraction.failures == {}
    np.testing.assert_array_equal(extraction.estimate[0], change(batch.mixture[0, 0]))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_time_limit_kills_children_too(tmp_path: Path) -> None:
    line = f"sleep 60 & echo $! > {tmp_path}/pid; wait; cp {{mixture}} {{output}}"
    started = time.monotonic()
    extraction = ask(["sh", "-c", line], make_batch(Clues()), time_limit_s=1.5)
    assert time.monotonic() - started < 20
    assert extraction.failures["q0"].startswith("timeout: killed after 1.5 s")
    child = int((tmp_path / "pid").read_text())
    assert have_ended([child])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("end", ["cp {mixture} {output}", "exit 3; : {output}"])
def test_children_that_a_program_leaves_are_ended(tmp_path: Path, end: str) -> None:
    line = f"(trap '' TERM HUP; sleep 60) & echo $! > {tmp_path}/pid; {end}"
    extraction = ask(["sh", "-c", line], make_batch(Clues()), time_limit_s=30)
    assert bool(extraction.failures) == end.startswith("exit")
    child = int((tmp_path / "pid").read_text())
    assert have_ended([child])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("trap '' TERM INT HUP; sleep 60", r"timeout: killed after 0.4 s"),
        ("setsid sleep 3 & exit 5", r"exit: .*exit code 5"),  # it keeps stderr open
        ("head -c 20000000 /dev/zero | tr '\\0' 'x' >&2; exit 4", r"exit: .*exit code 4 and said: x{295,}"),
        ("printf 'a\\033[2J\\000\\377b' >&2; exit 1", r"said: a\\x1b\[2J\\x00\ufffdb$"),
        ("echo x > /dev/full", r"exit: .* and said: .*(No space left|I/O error)"),
        ("mkfifo {output}", r"missing: no file"),
        ("mkdir {output}", r"missing: no file"),
        ("ln -s /dev/zero {output}", r"missing: no file"),
        ("ln -s {output} {output}", r"missing: no file"),
        ("ln -s /etc/passwd {output}", r"audio: cannot decode"),
        ("truncate -s 1T {output}", r"audio: cannot decode"),
    ],
)
def test_a_program_that_misbehaves_costs_the_query(own_temporary_folder: Path, line: str, reason: str) -> None:
    time_limit_s = 0.4 if "sleep 60" in line else 20
    started = time.monotonic()
    given = f"{line}; : {{mixture}} {{output}}" if "{output}" not in line else line
    extraction = ask(["sh", "-ec", given], make_batch(Clues()), time_limit_s=time_limit_s)
    assert time.monotonic() - started < 10
    assert re.search(reason, extraction.failures["q0"]), extraction.failures
    assert len(extraction.failures["q0"]) < 500
    assert list(own_temporary_folder.iterdir()) == []


@pytest.mark.parametrize("placeholder", ["{mixture} {output}", "{batch}"])
def test_a_full_disk_is_no_failure_of_the_program(monkeypatch: pytest.MonkeyPatch, placeholder: str) -> None:
    batch = make_batch(Clues())
    program = ["sh", "-c", "echo no room >&2; exit 1; : " + placeholder]
    most = batch.mixture[0].numel() * 4
    for free, reason in ((most - 1, "no_space: "), (most, "exit: ")):
        monkeypatch.setattr("shutil.disk_usage", partial(_usage, free=free))
        found = _reason(program, batch)
        assert found.startswith(reason)
        assert "and said: no room" in found
        assert "set TMPDIR" in found or free == most


def _usage(_folder: Path, *, free: int) -> SimpleNamespace:
    return SimpleNamespace(free=free)


def _reason(program: list[str], batch: QueryBatch) -> str:
    try:
        return ask(program, batch).failures["q0"]
    except ExtractionError as error:  # of a whole batch
        return str(error)


def test_a_program_that_floods_its_output_is_answered() -> None:
    batch = make_batch(Clues())
    line = "head -c 50000000 /dev/zero; head -c 5000000 /dev/zero >&2; cp {mixture} {output}"
    assert_copied(ask(["sh", "-c", line], batch), batch)


def test_time_limit_of_a_batch_counts_its_queries(script: Script) -> None:
    path = script(
        "import json, shutil, sys, time; time.sleep(1.6)\n"
        "for q in json.load(open(sys.argv[1])): shutil.copy(q['mixture'], q['output'])"
    )
    assert ask(python(path, "{batch}"), make_batch(), time_limit_s=1.5).failures == {}


def test_environment_and_device_reach_the_program(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_MODEL_HOME", "here")
    path = script("import os, sys\nsys.exit(os.environ['TSEBENCH_DEVICE'] + ' ' + os.environ['MY_MODEL_HOME'])")
    extraction = ask(python(path, "{output}"), make_batch(Clues()), device="cpu")
    assert extraction.failures["q0"].endswith("said: cpu here")


def test_all_channels_are_written(script: Script) -> None:
    path = script(
        "import soundfile, sys; x, rate = soundfile.read(sys.argv[1], dtype='float32')\n"
        "assert x.shape == (1600, 2)\n"
        "soundfile.write(sys.argv[2], x[:, 1] * 0.5, rate, subtype='FLOAT')"
    )
    batch = make_batch(Clues(), channels=2)
    extraction = ask(python(path, "{mixture} {output}"), batch)
    assert extraction.failures == {}
    assert torch.equal(extraction.estimate[0], batch.mixture[0, 1] * 0.5)
    assert "TSEBENCH_DEVICE" not in os.environ


@pytest.mark.parametrize(
    ("program", "given", "expected"),
    [
        ("cp {mixture} {output}", None, False),
        ("cp {mixture} {output} {seed}", None, True),
        ("cat {batch}", None, False),
        ("cat {batch}", True, True),
    ],
)
def test_a_program_with_a_seed_is_stochastic(program: str, given: bool | None, expected: bool) -> None:
    assert load_system("command", program=program, stochastic=given).card.stochastic is expected
