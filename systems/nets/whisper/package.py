"""The package openai-whisper, imported only where it is used."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from ....core.errors import ConfigError

DISTRIBUTION = "openai-whisper"


def whisper_package(module: str = "whisper") -> ModuleType:
    """A module of the package; a ConfigError that names the extra if it is missing."""
    try:
        # Another package is imported by the same name.
        version(DISTRIBUTION)
        return import_module(module)
    except PackageNotFoundError:
        reason = "is not installed"
    except ImportError as error:
        reason = f"cannot be imported ({error})"
    raise ConfigError(f"package {DISTRIBUTION!r} {reason}, and this system needs it: pip install 'tsebench[asr]'")


def official_tokenizer(*, multilingual: bool, num_languages: int = 99) -> Any:
    """The package's tokens of English transcripts."""
    module = whisper_package("whisper.tokenizer")
    with warnings.catch_warnings():
        # The package leaves the file of its tokens open.
        warnings.simplefilter("ignore", ResourceWarning)
        return module.get_tokenizer(multilingual, num_languages=num_languages, language="en", task="transcribe")
