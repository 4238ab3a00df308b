"""The page on plug-ins: it shows the files of the example package, which does what the page says."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import ROOT
from helpers.plug_ins import installed

from tsebench import read_rows
from tsebench.cli.list import registries_of_plug_ins
from tsebench.cli.main import main

PAGE = ROOT / "docs" / "plugins.md"
PACKAGE = ROOT / "docs" / "examples" / "plugin_package"
TEXT = PAGE.read_text(encoding="utf-8")
SHOWN = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))
FILES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*")
    if path.suffix in {".py", ".toml", ".yaml"} and path.name != "__init__.py"
)
POINTS = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["entry-points"]
INNER = {"tsebench.renderers", "tsebench.source_renderers", "tsebench.trees", "tsebench.sidecars"}
"""Groups that a builder with an official script needs; the page leaves them out."""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tsebench(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command here; its exit code and what it printed."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(words))
        return int(end.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the configs, where the example package is installed."""
    site = tmp_path / "site"
    shutil.copytree(PACKAGE / "tsebench_example", site / "tsebench_example")
    for path in PACKAGE.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    with installed(site, "tsebench-example", POINTS):
        yield tmp_path


@pytest.mark.parametrize("name", FILES)
def test_the_page_shows_the_files_of_the_package(name: str) -> None:
    assert SHOWN[name] == (PACKAGE / name).read_text(encoding="utf-8"), f"copy {name} into {PAGE.name}"


def test_the_page_shows_no_other_files() -> None:
    assert sorted(SHOWN) == FILES


def test_the_page_and_the_package_have_every_group() -> None:
    groups = {registry.group for registry in registries_of_plug_ins().values()} - INNER
    assert {group for group in groups if f"`{group}`" in TEXT} == groups
    assert set(POINTS) | {"tsebench.recognisers"} == groups


def test_every_plug_in_is_listed_and_sound(example: Path, tsebench: Command) -> None:
    code, out, errors = tsebench("list", "plugins")
    assert (code, errors) == (0, "")
    for points in POINTS.values():
        for name, value in points.items():
            assert re.search(rf"^{name} .* of tsebench-example 1\.0: {value}$", out, re.MULTILINE), out


def test_a_run_has_the_values(example: Path, tsebench: Command) -> None:
    config = example / "run.yaml"
    lines = [line for line in config.read_text().splitlines() if "trained" not in line]
    config.write_text("\n".join([*lines, "isolation: none", "measure_cost: false"]))
    code, out, errors = tsebench(
        "run", "run.yaml", "--out", "out", "--tracking-uri", "none", "--format", "example_text"
    )
    assert code == 0, errors
    assert "Example table" in out
    rows = read_rows(example / "out")
    values = rows.pivot_table(index="trial_id", columns=["system", "metric"], values="value")
    # Two tones of one power: the mixture is 3 dB above each, a quarter of it 12 dB lower.
    expected = {"mixture": 10 * np.log10(2), "example_gain": 20 * np.log10(4) - 10 * np.log10(2)}
    for system, level in expected.items():
        assert (values[system, "example_level_error"] - level).abs().max() < 0.1
    assert "example_level_error: 9.03 dB (n = 12)" in (example / "out" / "report" / "example.md").read_text()
