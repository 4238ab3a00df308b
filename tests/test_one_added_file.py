"""One added thing is one added file: one of each, added to a copy of the tree, passes the contract tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT

EXAMPLES = ROOT / "docs" / "examples" / "plugin_package" / "tsebench_example"
# Each file of the example package, and its place in the tree.
ADDED = {
    "example_gain.py": "systems",
    "example_filter.py": "systems",
    "example_tones.py": "datasets/corpora",
    "example_pairs.py": "datasets/builders",
    "example_dropouts.py": "datasets/degradations",
    "example_level_error.py": "bench/metrics",
    "example_text.py": "reports/formats",
    "example_points.py": "reports/figures",
    "example_table.yaml": "reports/papers/tables",
}
# What the contract tests need of a trainable system and of a builder: a small config, a small set.
TRAIN = """\
name: example_filter_mini
system: example_filter
net: {taps: 9}
data: {dataset: mini_speech, per_epoch: 8, valid: 4}
optimiser: {batch_size: 4, epochs: 1}
"""
SMALL_SET = '''\
"""A small set of `example_pairs`."""

from pathlib import Path

from tsebench.datasets.config import DatasetConfig


def make(root: Path) -> tuple[DatasetConfig, dict[str, Path]]:
    fields = {
        "name": "small",
        "builder": "example_pairs",
        "split": "test",
        "corpora": {"tones": {"kind": "example_tones"}},
        "params": {"count": 4, "sounds": {"corpus": "tones"}},
    }
    return DatasetConfig.model_validate(fields), {}
'''
# Contract tests, and an entry that each must try.
CONTRACTS = {
    "systems/test_contract.py": ("example_gain", "example_filter-random:example_filter_mini"),
    "datasets/corpora/test_contract.py": ("example_tones",),
    "datasets/builders/test_contract.py": ("example_pairs",),
    "datasets/degradations/test_contract.py": ("example_dropouts",),
    "bench/metrics/test_contract.py": ("example_level_error",),
    "reports/formats/test_contract.py": ("example_text",),
    "reports/figures/test_figures.py": ("example_points",),
    "reports/papers/test_papers.py": ("example_table",),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy, a package `tsebench` of its own."""
    copy = tmp_path_factory.mktemp("copy") / "tsebench"
    left = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "data", "zoo", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=left)
    for name, folder in ADDED.items():
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        up = "." * (folder.count("/") + 2)
        text = re.sub(r"^(\s*)from tsebench\.", rf"\1from {up}", text, flags=re.MULTILINE)
        (copy / folder / name).write_text(text, encoding="utf-8")
    (copy / "configs/train/example_filter_mini.yaml").write_text(TRAIN)
    (copy / "tests/helpers/builds/example_pairs.py").write_text(SMALL_SET)
    return copy


@pytest.fixture(scope="module")
def passed(tree: Path) -> list[str]:
    """Tests that passed in the copy: of the tree, and of the contracts those that try an example."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"),
            *(f"tests/{path}" for path in CONTRACTS),
            *("tests/test_floors.py", "-k", "example or test_floors"),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return [line for line in done.stdout.splitlines() if line.startswith("PASSED ")]


@pytest.mark.slow
@pytest.mark.long
def test_the_contract_tests_find_and_pass_each(passed: list[str]) -> None:
    for path, entries in CONTRACTS.items():
        for entry in entries:
            assert any(path in line and entry in line for line in passed), f"{path} does not try {entry}"


@pytest.mark.slow
@pytest.mark.long
def test_the_tree_stays_a_tree(passed: list[str]) -> None:
    for name in ("imports_only_go_down[systems.example_gain]", "no_import_cycle", "a_module_has_one_responsibility"):
        assert any("test_floors.py" in line and name in line for line in passed), name
