"""The package: its public names, and a wheel that works alone."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import site
import subprocess
import sys
import tomllib
import venv
from inspect import get_annotations
from pathlib import Path

import pytest
from helpers.tree import FLOORS

import tsebench

ROOT = Path(__file__).resolve().parents[1]


EXPORTED = """
    AudioError CheckpointError Clues ConfigError CorpusError Dataset DatasetConfig DatasetError ExtractedSignal
    Extraction ExtractionError Leaderboard OutputError PrivilegedSystem Query QueryBatch Results RunConfig Scores System
    SystemCard Trial Truth TsebenchError UnknownNameError __version__ build collate evaluate extract extract_all
    extract_file find_runs leaderboard load_dataset load_system read_rows register_metric register_system score
"""


def test_public_names() -> None:
    assert tsebench.__all__ == EXPORTED.split()
    assert set(tsebench.__all__) <= set(dir(tsebench))
    for name in tsebench.__all__:
        assert getattr(tsebench, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tsebench.no_such_name


@pytest.mark.parametrize("name", [name for name in EXPORTED.split() if name != "__version__"])
def test_public_names_have_docstrings_and_types(name: str) -> None:
    found = getattr(tsebench, name)
    assert inspect.getdoc(found), name
    if inspect.isfunction(found):
        hints = get_annotations(found)
        assert set(inspect.signature(found).parameters) | {"return"} == set(hints), name
        assert "Raises:" in (found.__doc__ or "") or name.startswith("register"), name


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, tsebench; print([m for m in ('torch', 'numpy', 'pandas', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_datasets_does_not_pose_as_another_package() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import datasets"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "this folder is tsebench.datasets" in done.stderr


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == tsebench.__version__
    assert f"version: {tsebench.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {tsebench.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_package_is_in_the_wheel() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {
        ".".join(["tsebench", *path.parent.relative_to(ROOT).parts])
        for top in FLOORS
        for path in (ROOT / top).rglob("*.py")
    }
    assert folders | {"tsebench"} == set(listed)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that holds the wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy: setuptools would also pack what an earlier build left in build/.
    left = shutil.ignore_patterns(".*", "build", "dist", "runs", "data", "tests", "*.egg-info")
    shutil.copytree(ROOT, folder / "source", ignore=left)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(folder / "source")], check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=True, symlinks=os.name != "nt")
    python = folder / "venv" / "bin" / "python"
    wheel = next(folder.glob("tsebench-*.whl"))
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    here = subprocess.run(
        [str(python), "-c", "import site; print(site.getsitepackages()[0])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # A path in a .pth file is added as it is: the editable tsebench of this environment is not.
    Path(here, "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return python


def in_wheel(python: Path, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(python), *arguments],
        cwd=cwd,
        env={**os.environ, "TSEBENCH_CACHE": str(cwd / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.long
def test_wheel_works_alone(alone: Path, tmp_path: Path) -> None:
    where = in_wheel(alone, "-c", "import tsebench; print(tsebench.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(alone.parents[1])
    systems = in_wheel(alone, "-m", "tsebench", "list", "systems", cwd=tmp_path)
    for name in ("mixture", "silence", "oracle_irm", "soundbeam", "precomputed", "command"):
        assert f"\n{name} " in f"\n{systems}"
    (tmp_path / "tiny.yaml").write_text(
        json.dumps(
            {
                "name": "tiny",
                "datasets": ["few.yaml"],
                "systems": [{"name": "soundbeam", "options": {"checkpoint": "soundbeam_mini_1hot"}}],
                "metrics": ["snri"],
            }
        )
    )
    shipped = (ROOT / "configs" / "datasets" / "mini_sounds.yaml").read_text()
    (tmp_path / "few.yaml").write_text(shipped.replace("count: 40", "count: 2"))
    told = in_wheel(alone, "-m", "tsebench", "run", "tiny.yaml", "--tracking-uri", "none", cwd=tmp_path)
    assert "soundbeam" in told
    assert (tmp_path / "runs" / "tiny" / "report" / "report.html").is_file()
