"""Checkpoints of the public Waveformer, converted to our network.

github.com/vb000/Waveformer (MIT) saves `model_state_dict` and the state of its training, and keeps the sizes of the
network in a JSON config. The published files are default_ckpt.pt and default_config.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.errors import CheckpointError
from .checkpoints.archive import load_archive, outline_of
from .checkpoints.checkpoint import Checkpoint, CheckpointCard, read_weights
from .checkpoints.foreign import describe
from .checkpoints.inert import inert_constructors
from .checkpoints.weights import weights_of
from .nets.waveformer_public import config_of, from_public
from .registry import register_system
from .shared.fsdkaggle2018 import CLASSES
from .waveformer import NAME as ARCHITECTURE
from .waveformer import Waveformer

NAME = "waveformer_repo"

_WEIGHTS = "model_state_dict"
_WHISPER = "dims"  # openai-whisper has these sizes next to weights of the same name
_RATE_HZ = 44_100
_CONFIGS = ("default_config.json", "config.json")
_NUMPY = ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")  # of scores in the file
_WANTED = f"system {NAME!r} opens a checkpoint of github.com/vb000/Waveformer, with its JSON config"


@register_system(NAME)
class WaveformerRepo(Waveformer):
    """A checkpoint of the public Waveformer, for the 41 classes of FSDKaggle2018 at 44.1 kHz.

    Args:
        model: the file, for example default_ckpt.pt.
        config: its JSON config; "": default_config.json or config.json next to the model.

    Raises:
        CheckpointError: a file is missing, damaged, unsafe, or of an unsupported network.
    """

    def __init__(self, *, model: str, config: str = "", device: str = "cpu") -> None:
        path = Path(model).expanduser()
        state, sha256 = _read_state(path)  # first: a file of another kind has no such config
        content = _read_config(Path(config).expanduser() if config else _config_next_to(path))
        opened = Checkpoint(
            card=CheckpointCard(
                architecture=ARCHITECTURE,
                net=content,
                classes=CLASSES,
                sample_rate_hz=_RATE_HZ,
                sha256=sha256,
                licence="as the model's makers say",
            ),
            state=from_public(state),
            path=path,
        )
        self._set_up(opened, name=NAME, reference=model, device=device)


def _config_next_to(path: Path) -> Path:
    found = [path.with_name(name) for name in _CONFIGS if path.with_name(name).is_file()]
    if not found:
        names = " or ".join(_CONFIGS)
        raise CheckpointError(f"no {names} next to {str(path)!r}; name it with the option `config`")
    return found[0]


def _read_config(path: Path) -> dict[str, Any]:
    """Our hyper-parameters of a JSON config of the repository."""
    where = f"config {str(path)!r}"
    try:
        params = json.loads(read_weights(path))["model_params"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{where} is no JSON table with model_params; {_WANTED}") from None
    if not isinstance(params, Mapping) or params.get("label_len") != len(CLASSES):
        raise CheckpointError(
            f"{where}: model_params.label_len must be {len(CLASSES)}, the number of classes of FSDKaggle2018; {_WANTED}"
        )
    return config_of(params, where=where)


def _read_state(path: Path) -> tuple[dict[str, Tensor], str]:
    """Weights of a checkpoint by their public names, and the hash of the file."""
    content, where = read_weights(path), f"checkpoint {str(path)!r}"
    outline = outline_of(content, where=where, wanted=_WANTED)
    allowed = inert_constructors(outline.names, also=_NUMPY)
    loaded = load_archive(content, where=where, wanted=_WANTED, constructors=allowed)
    if not isinstance(loaded, Mapping) or not isinstance(loaded.get(_WEIGHTS), Mapping):
        raise CheckpointError(f"{where} is {describe(outline.root)}, and has no {_WEIGHTS!r}; {_WANTED}")
    if _WHISPER in loaded:
        raise CheckpointError(f"{where} is {describe(outline.root)}; {_WANTED}")
    return weights_of(loaded[_WEIGHTS], where=where, wanted=_WANTED), hashlib.sha256(content).hexdigest()
