"""Checkpoints of recipes load as the model that they hold: Lightning's, DataParallel's, and with a conf.yml."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.speakerbeam_repo import arguments, saved, weights
from helpers.voices import batch, noise

from tsebench.core.errors import CheckpointError
from tsebench.systems.registry import load_system

NAME = "speakerbeam_repo"
_FILTERBANK = ("fb_name", "n_filters", "kernel_size", "stride")
_SPEAKER = ("i_adapt_layer", "adapt_layer_type", "adapt_enroll_dim")


def conf() -> dict[str, Any]:
    """Configuration of a recipe, with the model's arguments in its sections."""
    args = arguments()
    del args["sample_rate"], args["in_chan"], args["out_chan"]
    sections = {key: "filterbank" if key in _FILTERBANK else "enroll" if key in _SPEAKER else "masknet" for key in args}
    found: dict[str, Any] = {name: {} for name in ("filterbank", "masknet", "enroll")}
    for key, section in sections.items():
        found[section][key] = args[key]
    return {
        **found,
        "data": {"sample_rate": 8000, "train_dir": "data/x"},
        "optim": {"optimizer": "adam", "lr": 0.001},
        "training": {"epochs": 200, "batch_size": 24},
        "main_args": {"exp_dir": "exp/x", "help": None},
    }


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{key}": value for key, value in weights(arguments()).items()}


def flat() -> dict[str, Any]:
    """As asteroid's `System.config_to_hparams` makes it."""
    table = {f"{section}_{key}": value for section, values in conf().items() for key, value in values.items()}
    return {key: "None" if value is None else value for key, value in table.items()}


def lightning(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "epoch": 12,
        "global_step": 3000,
        "pytorch-lightning_version": "2.1.0",
        "state_dict": prefixed("model.") | {"loss_func.weight": torch.ones(2)},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(-9.5)}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3}]}],
        "hyper_parameters": flat(),
        "training_config": conf(),
    }
    return {key: value for key, value in (content | changes).items() if value is not None}


def package(prefix: str) -> dict[str, Any]:
    state = prefixed(prefix)
    return {"model_name": "TimeDomainSpeakerBeam", "model_args": arguments(), "state_dict": state}


FILES: dict[str, Callable[[], object]] = {
    "lightning": lightning,
    "lightning, flat hyper_parameters": lambda: lightning(training_config=None),
    "lightning of DataParallel": lambda: lightning(state_dict=prefixed("model.module.")),
    "DataParallel": lambda: package("module."),
    "compiled": lambda: package("_orig_mod."),
    "lightning of a compiled model": lambda: lightning(state_dict=prefixed("model._orig_mod.")),
    "lightning, conf.yml": lambda: lightning(training_config=None, hyper_parameters={"x": 1}),
    "weights, conf.yml": lambda: prefixed(""),
    "weights of DataParallel, conf.yml": lambda: prefixed("module."),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_same_model_is_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    path.parent.mkdir()
    torch.save(FILES[kind](), path)
    if kind.endswith("conf.yml"):
        (tmp_path / "conf.yml").write_text(json.dumps(conf()))
    asked = batch((noise(711, 1),), num_samples=1003)
    found = load_system(NAME, model=str(path)).extract(asked).estimate
    expected = load_system(NAME, model=saved(tmp_path)).extract(asked).estimate
    assert torch.equal(found, expected)


@pytest.mark.parametrize("args_of", ["training_config", "conf.yml"])
def test_other_arguments_are_another_system(args_of: str, tmp_path: Path) -> None:
    digests = set()
    for mask in ("relu", "sigmoid"):
        changed = conf()
        changed["masknet"]["mask_act"] = mask
        inside = changed if args_of == "training_config" else None
        torch.save(lightning(training_config=inside, hyper_parameters=None), tmp_path / "x.ckpt")
        (tmp_path / "conf.yml").write_text(json.dumps(changed))
        digests.add(load_system(NAME, model=str(tmp_path / "x.ckpt")).card.sha256)
    assert len(digests) == 2


def test_classes_of_lightning_in_a_file_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class AttributeDict(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            made.append(key)
            super().__setitem__(key, value)

    AttributeDict.__module__, AttributeDict.__qualname__ = "pytorch_lightning.utilities.parsing", "AttributeDict"
    for name in ("pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.utilities.parsing"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["pytorch_lightning.utilities.parsing"].AttributeDict = AttributeDict  # type: ignore[attr-defined]
    content = lightning(hyper_parameters=AttributeDict(flat()), training_config=None)
    content["callbacks"] = {AttributeDict: {"best": 1}}
    torch.save(content, tmp_path / "x.ckpt")
    assert load_system(NAME, model=str(tmp_path / "x.ckpt")).card.sample_rate_hz == 8000
    assert made == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lightning(training_config=None, hyper_parameters={"x": 1}), "of PyTorch Lightning, .* lacks the arguments"),
        (lightning(state_dict={"model.net.weight": torch.ones(1)}), "lacks the weights of a model that is known here"),
        (lightning(state_dict={}), "lacks the weights"),
        (lightning(state_dict=3), "lacks the weights"),
        (lightning(training_config={"masknet": 3, "filterbank": {}}), "lacks the arguments"),
        (prefixed("module."), "weights of a DataParallel model alone .* lacks the arguments .* conf.yml"),
        (lightning(training_config={"masknet": {"n_blocks": [2]}}), "n_blocks"),
    ],
)
def test_what_is_lacking_is_said_in_one_line(content: object, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match=message) as caught:
        load_system(NAME, model=str(tmp_path / "x.ckpt"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
