"""Networks and their losses stay on the device that they are given, with a GPU here or without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pretended_device
import pytest
import torch
from small_nets import RATE_HZ, random_checkpoint

from tsebench.systems.check import check_system
from tsebench.systems.registry import load_system

# The first one waits for the process that tries them all.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CASES = pretended_device.cases()
SYSTEM_CONFIGS = sorted({(system, config) for system, config, _ in CASES.values()})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str | None]:
    """What went wrong in each case, on a device that only pretends."""
    out = tmp_path_factory.mktemp("pretended") / "found.json"
    done = subprocess.run(
        [sys.executable, pretended_device.__file__, str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(out.read_text())


def test_a_stray_tensor_is_noticed(found):
    assert "at least two devices" in found["stray"]


@pytest.mark.parametrize("case", CASES)
def test_nothing_leaves_the_device(case, found):
    assert found[case] is None, found[case]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize(("name", "config"), [c for c in SYSTEM_CONFIGS if c[0] != "loss"])
def test_contract_on_a_gpu(name, config, tmp_path: Path):
    system = load_system(name, checkpoint=random_checkpoint(config, tmp_path), device="cuda")
    results = check_system(system, sample_rate_hz=RATE_HZ, device="cuda")
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
