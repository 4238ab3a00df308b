"""Records of runs that were damaged or written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsebench.bench.run.record import read_runs
from tsebench.core.errors import TsebenchError


@pytest.mark.parametrize(
    "bootstrap", [{"resamples": 2**31}, {"resamples": 0}, {"resamples": -1}, {"level": 0.0}, {"level": 1.0}]
)
def test_settings_that_no_machine_holds_are_one_line(bootstrap: dict[str, float], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"config": {"bootstrap": bootstrap}}))
    with pytest.raises(TsebenchError, match=next(iter(bootstrap))) as caught:
        read_runs([tmp_path])
    assert "\n" not in str(caught.value)
