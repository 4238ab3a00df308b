"""Model of asteroid with random weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from helpers.system_options import Options


def options(folder: Path) -> Options:
    if importlib.util.find_spec("asteroid") is None:
        pytest.skip("asteroid is not installed: pip install 'tsebench[asteroid]'")
    from helpers.asteroid_models import saved

    return {"model": saved("ConvTasNet", folder)}
