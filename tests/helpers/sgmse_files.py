"""Checkpoints as the public SGMSE code writes them, by PyTorch Lightning, with random weights in small sizes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from tsebench.systems.nets.generative.ncsnpp.config import NcsnppConfig
from tsebench.systems.nets.generative.ncsnpp.net import Ncsnpp

OUVE = {"sde": "ouve", "theta": 1.5, "sigma_min": 0.05, "sigma_max": 0.5, "N": 30}
SBVE = {"sde": "sbve", "k": 2.6, "c": 0.4, "N": 6, "backbone": "ncsnpp_v2", "loss_type": "data_prediction"}
SIZES = {
    "nf": 8, "ch_mult": (1, 2), "num_res_blocks": 1, "attn_resolutions": [8], "image_size": 16, "n_fft": 30,
    "hop_length": 8,
}  # fmt: skip


@contextmanager
def public_class(module: str = "sgmse.data_module", name: str = "SpecsDataModule") -> Iterator[type]:
    """A class that is pickled under the name of one of the public package."""
    made = type(name, (), {"__module__": module, "__qualname__": name})
    parts = module.split(".")
    names = [".".join(parts[: count + 1]) for count in range(len(parts))]
    added = {each: ModuleType(each) for each in names if each not in sys.modules}
    try:
        sys.modules.update(added)
        setattr(sys.modules[module], name, made)
        yield made
    finally:
        for each in added:
            del sys.modules[each]


def network(**sizes: object) -> Ncsnpp:
    """The network of `SIZES`, with weights drawn from seed 4."""
    config = {"channels": 8, "multipliers": "1,2", "blocks": 1, "attention": "8", "bins": 16, **sizes}
    torch.manual_seed(4)
    net = Ncsnpp(NcsnppConfig(**config)).eval()
    for parameter in net.parameters():
        parameter.data = 0.1 * torch.randn(parameter.shape)
    return net


def hyper_parameters(**changes: object) -> dict[str, object]:
    """Result of `dict(model.hparams)`."""
    return {
        "backbone": "ncsnpp", **OUVE, "lr": 1e-4, "ema_decay": 0.999, "t_eps": 0.03, "num_eval_files": 20,
        "loss_type": "score_matching", "base_dir": "/data", "format": "default", "batch_size": 8, "num_frames": 256,
        "window": "hann", "spec_factor": 0.15, "spec_abs_exponent": 0.5, "normalize": "noisy",
        "transform_type": "exponent", "gpus": 1, "sr": 16000, **SIZES, **changes,
    }  # fmt: skip


def saved(folder: Path, *, net: Ncsnpp | None = None, hyper: dict[str, object] | None = None, **changes: object) -> str:
    """A .ckpt whose averaged weights are those of `net`, and whose last ones are twice as large."""
    net = net or network()
    averaged = [parameter.detach().clone() for parameter in net.parameters()]
    frozen = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    last: dict[str, Tensor] = {
        f"dnn.{name}": parameter if name in frozen else 2.0 * parameter for name, parameter in net.state_dict().items()
    }
    with public_class() as data_module:
        content = {
            "epoch": 3, "global_step": 1000, "pytorch-lightning_version": "2.1.0", "state_dict": last,
            "loops": {"fit_loop": {"state_dict": {}}}, "callbacks": {"ModelCheckpoint{'monitor': 'pesq'}": {}},
            "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4}]}],
            "lr_schedulers": [], "hparams_name": "kwargs",
            "hyper_parameters": {"data_module_cls": data_module, **(hyper or hyper_parameters())},
            "ema": {"decay": 0.999, "num_updates": 1000, "shadow_params": averaged, "collected_params": None},
            **changes,
        }  # fmt: skip
        torch.save(content, folder / "model.ckpt")
    return str(folder / "model.ckpt")
