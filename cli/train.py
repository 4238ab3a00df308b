"""`tsebench train`: train a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Option

from . import options
from .commands import command
from .output import console, say

Out = Annotated[Path | None, Option(metavar="DIR", help="Folder of the training.  [default: runs/train/NAME]")]

Register = Annotated[
    str | None,
    Option("--register", metavar="NAME", help="Make the checkpoint a version of this model in MLflow's registry."),
]

EXAMPLES = """
\b
Examples:
  tsebench train soundbeam_mini_1hot
  tsebench train my_net.yaml --out runs/train/mine --device cuda
  tsebench train soundbeam_esc10 --corpus esc10=DIR --register mine
"""


@command("train", place=40, summary="Train a network on mixtures drawn on the fly.", examples=EXAMPLES)
def train(
    config: options.Config,
    out: Out = None,
    device: options.Device = "auto",
    corpus: options.Corpus = None,
    tracking_uri: options.TrackingHere = None,
    register: Register = None,
    settings: options.Settings = None,
) -> None:
    """Train a network on mixtures drawn on the fly; an interrupted training is resumed."""
    from ..core.config_files import corpus_dirs
    from ..core.provenance import resolve_device
    from ..datasets.config import check_corpus_names, load_dataset_configs
    from ..systems.training.config import load_train_config
    from ..systems.training.train import train as train_network
    from ..systems.training.valid_ratio import ratio_name

    named = [] if register is None else [f"tracking.register={json.dumps(register)}"]
    chosen = load_train_config(config, [*(settings or ()), *named])
    given, folder = options.corpora_of(corpus), out or Path("runs") / "train" / chosen.name
    check_corpus_names(given, [each.corpora for each in load_dataset_configs(chosen.data.dataset)])
    result = train_network(
        chosen,
        out=folder,
        device=resolve_device(device),
        corpus_dirs=corpus_dirs(given),
        tracking_uri=options.tracking_uri_of(tracking_uri, folder),
        console=console,
    )
    best, loss = result.best, result.loss
    ratio = "" if best.valid_ratio is None else f", {ratio_name(chosen.loss)} {best.valid_ratio:.2f} dB"
    name, value = f"{loss.name}, lower is better", loss.text(result.best_loss)
    say(f"{result.checkpoint}: best validation loss ({name}) {value}{ratio}, at epoch {best.epoch}")
