"""What an import of asteroid that fails says."""

from __future__ import annotations

import importlib
from typing import NoReturn

import pytest

from tsebench.core.errors import ConfigError
from tsebench.systems.shared import asteroid_models


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError("Could not load this library: /x/torchaudio/lib/_torchaudio.so"), True),
        (ModuleNotFoundError("No module named 'asteroid'"), False),
    ],
)
def test_a_torchaudio_that_does_not_load_is_named_with_the_fix(
    error: Exception, advice: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_name: str) -> NoReturn:
        raise error

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(ConfigError, match=r"package 'asteroid' cannot be imported .* pip install 'tsebench") as caught:
        asteroid_models._imported("asteroid.metrics", why="this needs it")
    assert ("pip uninstall torch-stoi torchaudio" in str(caught.value)) == advice
    assert len(str(caught.value)) < 500
