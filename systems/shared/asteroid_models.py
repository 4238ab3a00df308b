"""Asteroid's separation models: the package, and models from files and from Hugging Face's hub."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from ...core.errors import CheckpointError, ConfigError, suggest
from .asteroid_packages import Package, read_package

MODELS = (
    "ConvTasNet",
    "DCCRNet",
    "DCUNet",
    "DPRNNTasNet",
    "DPTNet",
    "DeMask",
    "LSTMTasNet",
    "SuDORMRFImprovedNet",
    "SuDORMRFNet",
)
"""Models that take one channel of samples and return one signal for each source."""

_FILES = ("pytorch_model.bin", "model.pth")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_INSTALL = "pip install 'tsebench[asteroid]'"
_TORCHAUDIO = (
    ". PyPI's torchaudio, which asteroid wants, needs a CUDA build of torch; with a CPU build run "
    "`pip uninstall torch-stoi torchaudio`, or install PyTorch's own CPU build of torchaudio"
)


def open_package(model: str) -> Package:
    """Read a model file.

    Args:
        model: a file, a folder with one of the usual names in it, or a name on Hugging Face's hub, "owner/name" or
            "owner/name@revision".

    Raises:
        ConfigError: the hub is needed, and its package is missing.
        CheckpointError: no such model, or its file cannot be opened safely.
    """
    given = Path(model)
    for candidate in (given, *(given / name for name in _FILES)):
        try:
            if candidate.expanduser().is_file():
                return read_package(candidate.expanduser())
        except (OSError, RuntimeError):
            break  # not a possible file name, or the home of an unknown user
    if not _HUB_NAME.fullmatch(model):
        raise CheckpointError(
            f"no model at {model!r}: give a file, a folder with {' or '.join(_FILES)}, or a name "
            "on Hugging Face's hub, such as 'JorisCos/ConvTasNet_Libri2Mix_sepclean_16k'"
        )
    return read_package(_fetched(model))


def build_model(package: Package) -> nn.Module:
    """Build the model of a package, with its weights, on the CPU.

    Raises:
        ConfigError: asteroid is not installed.
        CheckpointError: the model is of another kind, or its weights do not fit it.
    """
    if package.name not in MODELS:
        raise CheckpointError(
            f"{package.where} holds a {package.name!r}, and only models from one channel to one "
            f"signal for each source can be used{suggest(package.name, MODELS)}"
        )
    models = _models()
    content = {"model_name": package.name, "model_args": dict(package.args), "state_dict": package.state}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model: nn.Module = getattr(models, package.name).from_pretrained(content)
    except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise CheckpointError(f"{package.where}: asteroid cannot build its {package.name}: {_line(error)}") from None
    model.eval()
    return model


def _fetched(model: str) -> Path:
    """File of a model on the hub, from the local cache if it is there."""
    hub = _imported("huggingface_hub", why=f"model {model!r} is not a file and has a hub's name")
    name, _, revision = model.partition("@")
    problem = ""
    for file in _FILES:
        try:
            return Path(hub.hf_hub_download(name, file, revision=revision or None))
        except hub.errors.EntryNotFoundError as error:
            problem = _line(error)
            # The hub cannot be reached and the cache is empty: the other file would fail too.
            if isinstance(error, hub.errors.LocalEntryNotFoundError):
                break
        except (OSError, ValueError, RuntimeError, hub.errors.HfHubHTTPError) as error:
            problem = _line(error)
            break
    raise CheckpointError(
        f"model {model!r} is no file here, and Hugging Face's hub does not give it: {problem}; "
        "download it and give the file"
    )


def _models() -> Any:
    """`asteroid.models`, which also loads with a CPU build of torch."""
    with _without_torch_stoi():
        return _imported("asteroid.models", why="system 'asteroid' needs it")


@contextmanager
def _without_torch_stoi() -> Iterator[None]:
    """Make imports of torch_stoi raise ModuleNotFoundError if torchaudio does not load.

    asteroid's models import all of its losses; one of them imports torch_stoi, and that imports torchaudio, whose wheel
    from PyPI cannot load with a CPU build of torch. asteroid leaves the loss out if torch_stoi is not installed, which
    None in `sys.modules` simulates during the import.
    """
    if "asteroid.losses" in sys.modules or "torch_stoi" in sys.modules or _torchaudio_loads():
        yield
        return
    sys.modules["torch_stoi"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch_stoi"]


def _torchaudio_loads() -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError, AttributeError):
        return False
    return True


def _imported(name: str, *, why: str) -> Any:
    """Import a module of an optional package, or raise a ConfigError."""
    try:
        with warnings.catch_warnings():
            # asteroid uses deprecated parts of pkg_resources and torch.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (ImportError, OSError) as error:
        package = name.partition(".")[0]
        fix = f"{_INSTALL}{_TORCHAUDIO if 'torchaudio' in str(error) else ''}"
        raise ConfigError(f"package {package!r} cannot be imported ({_line(error)}), and {why}: {fix}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
