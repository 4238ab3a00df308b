"""The list of licences and the audit of versions: nothing is left out, and what was not audited is told."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from helpers.paths import ROOT
from packaging.utils import canonicalize_name

PAGE = ROOT / "docs" / "licences.md"


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import audit_versions
    import bundled
    import licences

    modules = {"audit": audit_versions, "bundled": bundled, "licences": licences}
    yield modules
    for module in modules.values():
        sys.modules.pop(module.__name__, None)


def _rows(section: str) -> dict[str, list[str]]:
    part = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = (text for text in part if text.startswith(f"{section}\n"))
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return {line[0]: line for line in lines[2:]}


def test_every_dependency_has_a_row(tools: dict[str, ModuleType]) -> None:
    """Run `make licences` after a change of the dependencies."""
    for extra, texts in tools["licences"].requirements().items():
        rows = _rows(f"Extra `{extra}`" if extra else "Runtime") | _rows("Runtime")
        for text in texts:
            name = canonicalize_name(re.split(r"[<>=!\[; ]", text)[0])
            assert name in rows, f"{name} of {extra or 'the runtime'}"
            assert rows[name][2], name


def test_what_is_copyleft_or_restricted_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("docs/licences.md", "eSpeak NG", "libsndfile", "libsoxr", "FFmpeg", "x264", "NVIDIA", "PESQ", "MPL"):
        assert name in readme, name


def test_unknown_and_missing_packages_are_listed(tools: dict[str, ModuleType]) -> None:
    """pytest is installed, and no licence of it is known here; the other package is not there."""
    made = tools["licences"].page({"": ["pytest"], "more": ["no-such-package"]}, {"pytest": ("1.0", "unknown")})
    assert made.count("| the package itself | pytest | unknown |") == 1
    assert "| pytest | 1.0 | unknown | yes |" in made
    assert "| no-such-package |  | not installed when this list was made | yes |" in made
    assert "| iniconfig |" in made  # needed by pytest


def test_libraries_of_wheels(tools: dict[str, ModuleType]) -> None:
    bundled = tools["bundled"]
    names = {
        "numpy.libs/libscipy_openblas64_-32a4b2a6.so": "scipy_openblas64_",
        "scipy.libs/libgfortran-040039e1-0352e75f.so.5.0.0": "gfortran",
        "av.libs/libx264-d6533a8d.so.165": "x264",
        "espeakng_loader/libespeak-ng.so.1.52.0": "espeak-ng",
        "av/error.abi3.so": "",
        "pesq/cypesq.cpython-311-x86_64-linux-gnu.so": "",
        "a/b.py": "",
    }
    assert {file: bundled.library_of(file) for file in names} == names
    assert bundled.licence_of("x264", "av") == "GPL-2.0-or-later"
    assert bundled.licence_of("torch_cpu", "torch") == ""
    assert bundled.licence_of("nobody", "av") == "unknown"


def test_what_is_said_to_be_inside_is_there(tools: dict[str, ModuleType]) -> None:
    licences = tools["licences"]
    for each in tools["bundled"].INSIDE:
        if licences._files(each.package):
            assert licences._there(each.package, each.file), each.what


WEAK = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
SOUND = {"name": "b", "version": "1", "vulns": []}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1)"}


@pytest.mark.parametrize(
    ("found", "code", "line"),
    [
        ([SOUND], 0, "1 versions audited: no known weakness"),
        ([WEAK, SOUND], 1, "a 1: CVE-1; fixed in 2"),
        ([WEAK, SKIPPED], 1, "not audited: 1 of 2 versions (c): its source lacks them"),
        ([SOUND, SKIPPED], 2, "not audited: 1 of 2 versions (c): its source lacks them"),
        ([SKIPPED], 2, "not audited: 1 of 1 versions (c): pip-audit cannot reach its source"),
    ],
)
def test_what_was_not_audited_is_never_taken_for_sound(
    found: list[object], code: int, line: str, tools: dict[str, ModuleType]
) -> None:
    ended, lines = tools["audit"].result(found)
    assert ended == code
    assert line in lines[-1] or line in lines[0]


def test_without_a_network(tools: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = subprocess.CompletedProcess([], 1, stdout="", stderr="Traceback\nConnectionError: no name 'pypi.org'\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: broken)
    code, (line,) = tools["audit"].audit(ROOT / "constraints.txt")
    assert code == 2
    assert line.startswith("not audited: pip-audit cannot reach its source (ConnectionError: no name 'pypi.org')")
