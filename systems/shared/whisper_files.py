"""Whisper networks from checkpoints: files of OpenAI by their paths, or checkpoints that were trained here."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ...core.errors import CheckpointError, ConfigError
from ...core.text import error_text
from ..checkpoints.archive import load_archive
from ..checkpoints.checkpoint import CARD, find_checkpoint, load_checkpoint, read_weights
from ..checkpoints.networks import open_net
from ..checkpoints.weights import weights_of
from ..nets.whisper.base import Listener
from ..nets.whisper.package import official_tokenizer, whisper_package
from ..nets.whisper.sizes import misfit
from ..nets.whisper.vocabulary import OpenAiVocabulary
from ..trainable import TASKS

ARCHITECTURE = "whisper_mixture"
_WANTED = "Whisper needs the entries 'dims' and 'model_state_dict'"
_SIZES = ("tiny", "base", "small", "medium", "large", "turbo")


def open_listener(reference: str, *, sample_rate_hz: int) -> tuple[Listener, str]:
    """A frozen Whisper and the SHA-256 of its weights file.

    Args:
        reference: path of a file of OpenAI; or a folder, a weights file with its card next to it, or a shipped name, of
            a checkpoint of `whisper_mixture`. Names of OpenAI's models are refused: nothing is downloaded.
        sample_rate_hz: of the signals, 8 or 16 kHz.

    Raises:
        CheckpointError: missing, damaged, unsafe to load, or no Whisper.
        ConfigError: the package is missing, or the checkpoint has another sample rate.
    """
    path = _find(reference)
    if path.with_name(CARD).is_file():
        opened = load_checkpoint(reference, architecture=ARCHITECTURE)
        _, listener = open_net(TASKS.get(ARCHITECTURE), opened, device="cpu")
        if opened.card.sample_rate_hz != sample_rate_hz:
            raise ConfigError(
                f"the Whisper {reference!r} hears signals at {opened.card.sample_rate_hz} Hz, and the data is at "
                f"{sample_rate_hz} Hz; choose one of that rate"
            )
        return listener, opened.card.sha256
    archive = read_weights(path)
    listener = _official(load_archive(archive, where=f"checkpoint {str(path)!r}", wanted=_WANTED), path, sample_rate_hz)
    return listener, hashlib.sha256(archive).hexdigest()


def _find(reference: str) -> Path:
    size = reference.split(".", maxsplit=1)[0].split("-", maxsplit=1)[0]
    if size in _SIZES and "/" not in reference and not Path(reference).exists():
        raise CheckpointError(
            f"{reference!r} is the name of a model of OpenAI, and nothing is downloaded: give the path of its file "
            "(whisper_checkpoint: /models/small.pt)"
        )
    return find_checkpoint(reference)


def _official(content: object, path: Path, sample_rate_hz: int) -> Listener:
    """A Whisper of a file of OpenAI's format."""
    where = f"checkpoint {str(path)!r}"
    if not isinstance(content, dict) or not {"dims", "model_state_dict"} <= content.keys():
        raise CheckpointError(f"{where} is not of openai-whisper: {_WANTED}")
    module = whisper_package("whisper.model")
    dims = _dimensions(content["dims"], module.ModelDimensions, where)
    state = weights_of(content["model_state_dict"], where=where, wanted=_WANTED)
    if problem := misfit(dims, state):
        raise CheckpointError(f"{where}: {problem}")
    try:
        with torch.device("cpu"):
            model = module.Whisper(dims)
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: the weights do not fit its 'dims': {error_text(error)[:200]}") from None
    tokenizer = official_tokenizer(multilingual=model.is_multilingual, num_languages=model.num_languages)
    return Listener(model, OpenAiVocabulary(tokenizer, size=dims.n_vocab), rate_hz=sample_rate_hz)


def _dimensions(dims: object, kind: Any, where: str) -> Any:
    names = {field.name for field in fields(kind)}
    if not isinstance(dims, dict) or set(dims) != names:
        raise CheckpointError(f"{where}: 'dims' must name {', '.join(sorted(names))}")
    for name, size in dims.items():
        if type(size) is not int or size < 1:
            raise CheckpointError(f"{where}: {name} of 'dims' is {size!r}, where Whisper has a positive integer")
    if dims["n_vocab"] not in (51864, 51865, 51866):
        raise CheckpointError(
            f"{where}: its vocabulary of {dims['n_vocab']} tokens is none of OpenAI's, and the file does not name its "
            "words; train a Whisper of your own words as whisper_mixture"
        )
    return kind(**dims)
