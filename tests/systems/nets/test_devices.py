"""Networks and their losses stay on the device that they are given; no GPU is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from helpers import pretended_device
from helpers.paths import TESTS

# The first one waits for the process that tries them all.
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]
CASES = pretended_device.cases()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str | None]:
    """Error of each case on the simulated device, if any."""
    out = tmp_path_factory.mktemp("pretended") / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "helpers.pretended_device", str(out)],
        cwd=TESTS,
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
