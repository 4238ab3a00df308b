"""Programs as systems: what is checked before the first query, and what the card tells."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tsebench.core.errors import ConfigError
from tsebench.systems.registry import load_system

RATE_HZ = 8000
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


def python(path: Path, words: str) -> str:
    return f"{sys.executable} {path} {words}"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("", r"program is empty"),
        ([], r"program is empty"),
        ("cp 'a {output}", r"No closing quotation"),
        ("cp {mixtur} {output}", r"unknown placeholder \{mixtur\}.*did you mean 'mixture'"),
        ("cp {mixture!r} {output}", r"unknown placeholder"),
        ("cp {mixture.name} {output}", r"unknown placeholder \{mixture.name\}"),
        ("awk {print {output}", r"write \{\{ and \}\} for braces"),
        ("cp {mixture} {batch}", r"\{batch\} starts it once for a batch, \{mixture\} once"),
        ("cp {mixture} out.wav", r"no placeholder says where to write"),
        ("no-such-program-here {output}", r"'no-such-program-here' is not found; give its path"),
        ("./no/such/program {output}", r"is not found"),
        ("{mixture} {output}", r"is not found"),
    ],
)
def test_wrong_program_is_refused_at_once(program: str | list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_system("command", program=program)


def test_program_without_the_right_to_run_is_refused(script: Script) -> None:
    with pytest.raises(ConfigError, match=r"system.py' is not executable; chmod \+x it"):
        load_system("command", program=f"{script('')} {{output}}")


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"time_limit_s = 0 must be above 0"):
        load_system("command", program=COPY, time_limit_s=0.0)
    with pytest.raises(ConfigError, match=r"clues.0 = 'smell'"):
        load_system("command", program=COPY, clues=["smell"])
    with pytest.raises(ConfigError, match=r"cannot read .*weights.*No such file"):
        load_system("command", program=COPY, depends=[str(tmp_path / "weights")])


def test_hash_follows_every_file_among_the_words(script: Script, tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"

    def digest() -> str | None:
        program = python(path, f"--weights={weights} {{mixture}} {{output}}")
        return load_system("command", program=program, depends=[str(module)]).card.sha256

    path, module = script("first"), tmp_path / "module.py"
    weights.write_text("1")
    module.write_text("1")
    seen = [digest(), digest()]
    assert seen[0] == seen[1]
    for file in (path, weights, module):
        file.write_text("2")
        seen.append(digest())
    assert len(set(seen)) == 4


def test_card_tells_program_limits_and_clues() -> None:
    words = ["cp", "{mixture}", "{output}"]
    card = load_system("command", program=words, name="copy", sample_rate_hz=RATE_HZ).card
    assert (card.name, card.sample_rate_hz, card.clues) == ("copy", RATE_HZ, frozenset())
    assert card.options == {"program": "cp '{mixture}' '{output}'", "time_limit_s": 60.0}
    kinds = [
        ("cp {enrollments} {output}", {"enrollment"}),
        ("cp {classes} {text} {output}", {"classes", "text"}),
        ("cp {batch}", {"enrollment", "classes", "text"}),
    ]
    for program, clues in kinds:
        assert load_system("command", program=program).card.clues == clues
    assert load_system("command", program="cp {query}", clues=["text"]).card.clues == {"text"}


@pytest.mark.parametrize(
    "program",
    [
        "{python} {code}/infer.py {{mixture}} {{output}}",
        "{python} {code}/infer.py --w={data}/w.pt {{mixture}} {{output}}",
        "{python} {code}/infer.py -w{data}/w.pt {{mixture}} {{output}}",
        "{python} {code}/infer.py --dir {data} {{mixture}} {{output}}",
        "{python} {code}/infer.py --both={data}/w.pt,{data}/v.pt {{mixture}} {{output}}",
        "sh -c '{python} {data}/w.pt $1' x {{mixture}} {{output}}",
        "env A=1 {python} {code}/infer.py {{mixture}} --in={{mixture}}:{data}/w.pt {{output}}",
        "{code}/run.sh {{mixture}} {{output}}",
    ],
)
def test_hash_follows_what_lies_with_the_program(program: str, tmp_path: Path) -> None:
    code, data = tmp_path / "my code", tmp_path / "data"
    for path in (code / "infer.py", code / "sub" / "layers.py", code / "weights.txt", data / "w.pt", data / "v.pt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (code / "run.sh").write_text(f"#!/bin/sh\nexec {sys.executable} infer.py $1 $2\n")
    (code / "run.sh").chmod(0o755)
    line = program.format(python=sys.executable, code=f"{str(code)!r}", data=data)

    def digest() -> str | None:
        return load_system("command", program=line).card.sha256

    before = digest()
    assert digest() == before
    changed = (
        [code / "sub" / "layers.py", code / "weights.txt"] if "infer.py {" in program or "run.sh" in program else []
    )
    changed += [data / "w.pt"] if "w.pt" in program or "--dir" in program else []
    assert changed
    for path in changed:
        path.write_text("2")
        assert digest() != before, path
        path.write_text("1")
    assert digest() == before


def test_a_module_of_the_working_directory_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mynet").mkdir()
    (tmp_path / "mynet" / "__main__.py").write_text("1")
    monkeypatch.chdir(tmp_path)
    words = [sys.executable, "-m", "mynet.infer", "{mixture}", "{output}"]
    before = load_system("command", program=words).card.sha256
    (tmp_path / "mynet" / "net.py").write_text("2")
    assert load_system("command", program=words).card.sha256 != before


def test_a_folder_can_be_depended_on_and_vouches(tmp_path: Path) -> None:
    weights = tmp_path / "exp" / "deep" / "w.pt"
    weights.parent.mkdir(parents=True)
    weights.write_text("1")
    plain = load_system("command", program=COPY).card
    assert "may read files that are not named" in plain.unseen
    card = load_system("command", program=COPY, depends=[str(tmp_path / "exp")]).card
    assert card.unseen == ""
    assert load_system("command", program=COPY, cache=True).card.unseen == ""
    weights.write_text("2")
    assert load_system("command", program=COPY, depends=[str(tmp_path / "exp")]).card.sha256 != card.sha256
