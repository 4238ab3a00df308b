"""Checkpoints of asteroid's and SpeakerBeam's recipes: PyTorch Lightning's files, and weights with a conf.yml.

Neither names the model's class. It is recognised by the names of the weights; the arguments are those of the recipe's
configuration, which asteroid's `System` saves as `training_config`, and which lies as conf.yml in the recipe's folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ...core.config_files import read_yaml
from ...core.errors import CheckpointError, ConfigError

CONF = "conf.yml"
_CONF_KEY = "training_config"
# Sections of a recipe's configuration that are not of the model.
_OTHERS = {"data", "training", "optim", "scheduler", "sche", "main_args", "positional arguments", "optional arguments"}
_MODELS = (
    (r"auxiliary\.", "TimeDomainSpeakerBeam"),
    (r"masker\.TCN\.", "ConvTasNet"),
    (r"masker\.net\.\d+\.intra_RNN", "DPRNNTasNet"),
    (r"masker\.layers\.\d+\.", "DPTNet"),
    (r"masker\.reshape_before_masks\.", "SuDORMRFNet"),
    (r"masker\.sm\.\d+\.", "SuDORMRFImprovedNet"),
    (r"encoder\.encoder_sig\.", "LSTMTasNet"),
)


def recipe_package(content: Mapping[Any, Any], *, path: Path, where: str, kind: str) -> dict[str, Any]:
    """The `model_name`, `model_args` and `state_dict` of a checkpoint of a recipe.

    Args:
        content: of a file of Lightning, or a state dict.
        path: of the file; a conf.yml lies next to it or in the folder above.
        where: start of an error's line.
        kind: what the file is.

    Raises:
        CheckpointError: no model or no arguments are found.
    """
    state = model_state(content.get("state_dict", content))
    name = next((name for key, name in _MODELS if any(re.match(key, str(weight)) for weight in state)), None)
    conf = content.get(_CONF_KEY) if "state_dict" in content else None
    conf = conf if isinstance(conf, Mapping) else _conf_beside(path)
    args = model_args(conf) if conf else _from_hparams(content.get("hyper_parameters"))
    if name is None or not args:
        lacks = "the arguments of its model" if not args else "the weights of a model that is known here"
        raise CheckpointError(
            f"{where} is {kind}, and it lacks {lacks}; give one of asteroid's or SpeakerBeam's recipes, with its "
            f"{_CONF_KEY} or with the recipe's {CONF} next to it, or save model.serialize() with torch.save"
        )
    return {"model_name": name, "model_args": args, "state_dict": state, "infos": {}}


def model_state(state: object) -> dict[Any, Any]:
    """The weights under the names that the model itself gives them: without those of a loss, or of a wrapper."""
    table = dict(state) if isinstance(state, Mapping) else {}
    for prefix in ("model.", "module.", "_orig_mod.") * 2:
        if any(isinstance(key, str) and key.startswith(prefix) for key in table):
            table = {key.removeprefix(prefix): value for key, value in table.items() if str(key).startswith(prefix)}
    return table


def model_args(conf: Mapping[Any, Any]) -> dict[str, Any]:
    """Arguments of the model in a recipe's configuration: those of its sections filterbank, masknet and others."""
    found: dict[str, Any] = {}
    for section, values in conf.items():
        if section not in _OTHERS and isinstance(values, Mapping):
            found |= {str(key): value for key, value in values.items()}
    data = conf.get("data")
    if found and isinstance(data, Mapping):
        for ours, theirs in (("sample_rate", "sample_rate"), ("n_src", "n_src"), ("n_src", "nondefault_nsrc")):
            if data.get(theirs) is not None:
                found.setdefault(ours, data[theirs])
    return found


def _from_hparams(hparams: object) -> dict[str, Any]:
    """Arguments in the flat table SECTION_KEY that asteroid hands to Lightning; None is written as "None" there."""
    conf: dict[str, dict[str, Any]] = {}
    for key, value in (hparams if isinstance(hparams, Mapping) else {}).items():
        section, _, name = str(key).partition("_")
        if section in {"filterbank", "masknet", "adapt", "enroll", "data"} and name:
            plain = value.tolist() if isinstance(value, Tensor) else value
            conf.setdefault(section, {})[name] = None if plain == "None" else plain
    return model_args(conf)


def _conf_beside(path: Path) -> Mapping[Any, Any] | None:
    for folder in (path.parent, path.parent.parent):
        if (folder / CONF).is_file():
            try:
                return read_yaml(folder / CONF)
            except ConfigError as error:
                raise CheckpointError(str(error)) from None
    return None
