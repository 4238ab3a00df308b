"""The command `adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from rich.console import Console
from typer import Argument, Option

from . import cli_options as options
from .cli_options import corpora_of

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
        help="Of soundbeam: a folder, a weights file, or a shipped name.",
        show_default=False,
    ),
]
To = Annotated[
    str,
    Option(
        "--to",
        metavar="CONFIG",
        help="Dataset config whose mixtures hold the known clips of the new classes.",
    ),
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
    str,
    Option(
        metavar="NAME",
        help="Where embeddings start: avg (average of the clips) or rnd (random).",
    ),
]
Epochs = Annotated[int, Option(metavar="N", help="Epochs over the same mixtures; 0: no training.")]
Rate = Annotated[float, Option("--lr", metavar="X", help="Learning rate of Adam.")]
Count = Annotated[int, Option(metavar="N", help="Mixtures to adapt with.")]
BatchSize = Annotated[int, Option(metavar="N", help="Mixtures of one step.")]
Seed = Annotated[int, Option(metavar="N", help="Of random embeddings.")]
Out = Annotated[
    Path | None,
    Option(metavar="DIR", help="Folder of the new checkpoint.  [default: runs/adapt/NAME of --to]"),
]


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

    Only the embeddings of the new classes are trained: what the network answers for the classes
    that it knew stays the same, to the last bit.
    """
    from .bench.provenance import resolve_device
    from .config_files import corpus_dirs
    from .systems.adaptation import AdaptOptions
    from .systems.training.adapt import Telling
    from .systems.training.adapt import adapt as adapt_checkpoint
    from .validation import parse

    console = Console()
    asked = {
        "init": init,
        "epochs": epochs,
        "lr": lr,
        "mixtures": mixtures,
        "batch_size": batch_size,
        "seed": seed,
    }
    result = adapt_checkpoint(
        checkpoint,
        dataset=to,
        enroll_from=enroll_from,
        out=out or Path("runs") / "adapt" / f"{Path(to).stem}_{init}",
        options=parse(AdaptOptions, asked, where="adapt"),
        device=resolve_device(device),
        corpus_dirs=corpus_dirs(corpora_of(corpus)),
        telling=Telling(console=console),
    )
    added = ", ".join(
        f"{name} ({clips} clips)" if clips else name for name, clips in result.shots.items()
    )
    line = f"{result.checkpoint}: added {added}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
