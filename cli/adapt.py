"""`tsebench adapt`: add sound classes to a trained SoundBeam."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from . import options
from .commands import command
from .output import say

EXAMPLES = """
\b
Examples:
  tsebench adapt soundbeam_mini_mixed_el --mixtures 100 \\
      --to fewshot_synthetic_5shot_adaptation
  tsebench adapt runs/train/mine --to my_adaptation.yaml \\
      --enroll-from my_test.yaml --init rnd --epochs 20 --out runs/adapt/mine
"""

Checkpoint = Annotated[
    str,
    Argument(
        metavar="CHECKPOINT",
        help="Checkpoint of soundbeam: a folder, a weights file, a shipped name, or hf://ORG/NAME@REVISION.",
        show_default=False,
    ),
]
To = Annotated[
    str, Option("--to", metavar="CONFIG", help="Dataset config whose mixtures hold the clips of the new classes.")
]
EnrollFrom = Annotated[
    str | None,
    Option(
        metavar="CONFIG",
        help="Dataset config whose trials enroll the new classes; needed where the mixtures "
        "enroll with nothing, as with one clip for each class.  [default: that of --to]",
    ),
]
Init = Annotated[
    str, Option(metavar="NAME", help="Where embeddings start: avg (average of the clips) or rnd (random).")
]
Epochs = Annotated[int, Option(metavar="N", help="Epochs over the same mixtures; 0: no training.")]
Rate = Annotated[float, Option("--lr", metavar="X", help="Learning rate of Adam.")]
Count = Annotated[int, Option(metavar="N", help="Mixtures to adapt with.")]
BatchSize = Annotated[int, Option(metavar="N", help="Mixtures of one step.")]
Seed = Annotated[int, Option(metavar="N", help="Seed of random embeddings.")]
Out = Annotated[
    Path | None, Option(metavar="DIR", help="Folder of the new checkpoint.  [default: runs/adapt/NAME of --to]")
]


@command("adapt", place=50, summary="Add sound classes to a trained SoundBeam.", examples=EXAMPLES)
def adapt(
    checkpoint: Checkpoint,
    to: To,
    enroll_from: EnrollFrom = None,
    init: Init = "avg",
    epochs: Epochs = 10,
    lr: Rate = 1e-3,
    mixtures: Count = 1000,
    batch_size: BatchSize = 8,
    seed: Seed = 0,
    out: Out = None,
    device: options.Device = "auto",
    corpus: options.Corpus = None,
) -> None:
    """Add sound classes to a trained SoundBeam, from a few clips of each.

    Only the embeddings of the new classes are trained: the outputs for the classes that the network knew stay the same,
    to the last bit.
    """
    from ..core.config_files import corpus_dirs
    from ..core.provenance import resolve_device
    from ..core.validation import parse
    from ..datasets.config import check_corpus_names, load_dataset_configs
    from ..systems.checkpoints.adaptation_card import AdaptOptions
    from ..systems.training.adaptation.adapt import adapt as adapt_checkpoint

    given = options.corpora_of(corpus)
    sets = [each for name in (to, enroll_from) if name for each in load_dataset_configs(name)]
    check_corpus_names(given, [each.corpora for each in sets])
    folder = out or Path("runs") / "adapt" / f"{Path(to).stem}_{init}"
    chosen = {"init": init, "epochs": epochs, "lr": lr, "mixtures": mixtures, "batch_size": batch_size, "seed": seed}
    result = adapt_checkpoint(
        checkpoint,
        dataset=to,
        enroll_from=enroll_from,
        out=folder,
        options=parse(AdaptOptions, chosen, where="adapt", topic="adapt"),
        device=resolve_device(device),
        corpus_dirs=corpus_dirs(given),
        log=say,
    )
    added = ", ".join(f"{name} ({clips} clips)" if clips else name for name, clips in result.shots.items())
    say(f"{folder}: added {added}")
